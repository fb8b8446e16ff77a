/** The services: who offers what, and who uses it. */
import { Drawer, Input } from 'antd'
import type { ReactNode } from 'react'
import type { ServiceSummary } from '../../src/api.ts'
import { Breakable } from '../components/breakable.tsx'
import { CodeSnippet } from '../components/code-snippet.tsx'
import { EmptyState, Loaded } from '../components/load-state.tsx'
import { RecordTable, type Column } from '../components/record-table.tsx'
import { Label } from '../components/status.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useServerNow, useServices } from '../live/queries.ts'
import { formatRoute, type Route } from '../router.ts'
import { navigate, useTitle } from '../use-route.ts'
import { ServiceDetails } from './service-details.tsx'
import { registerSnippet } from './snippets.ts'

type ServicesRoute = Extract<Route, { page: 'services' }>

export function ServicesPage({ route }: { readonly route: ServicesRoute }): ReactNode {
  const { t } = useLanguage()
  const query = useServices()
  useTitle(route.dataId ?? t('nav.services'))
  return (
    <>
      <div className="page-head">
        <h1>{t('nav.services')}</h1>
        {query.data === undefined ? null : (
          <span className="quiet">{t('services.count', { count: query.data.length })}</span>
        )}
      </div>
      <Loaded query={query}>
        {(services) =>
          services.length === 0 ? (
            <EmptyState title={t('services.emptyTitle')} hint={t('services.emptyHint')}>
              <CodeSnippet code={registerSnippet} />
            </EmptyState>
          ) : (
            <ServiceList services={services} route={route} />
          )
        }
      </Loaded>
      <Drawer
        open={route.dataId !== null}
        size={640}
        title={route.dataId === null ? null : <Breakable text={route.dataId} />}
        closable={{ 'aria-label': t('common.close') }}
        onClose={() => navigate({ ...route, dataId: null })}
      >
        {route.dataId === null ? null : <ServiceDetails dataId={route.dataId} />}
      </Drawer>
    </>
  )
}

function ServiceList(props: {
  readonly services: readonly ServiceSummary[]
  readonly route: ServicesRoute
}): ReactNode {
  const { t } = useLanguage()
  const { route } = props
  const columns = useServiceColumns(route)
  const wanted = route.query.trim().toLowerCase()
  const rows = props.services.filter(({ dataId, group }) =>
    `${dataId} ${group}`.toLowerCase().includes(wanted),
  )
  return (
    <>
      <div className="toolbar">
        <Input.Search
          allowClear
          value={route.query}
          placeholder={t('services.search')}
          aria-label={t('services.search')}
          onChange={({ target }) => navigate({ ...route, query: target.value }, { replace: true })}
        />
      </div>
      {rows.length === 0 ? (
        <EmptyState title={t('services.noMatch', { query: route.query })} />
      ) : (
        <div className="panel">
          <RecordTable
            label={t('services.list')}
            columns={columns}
            rows={rows}
            rowKey={({ dataId, group }) => `${dataId} ${group}`}
          />
        </div>
      )}
    </>
  )
}

function useServiceColumns(route: ServicesRoute): readonly Column<ServiceSummary>[] {
  const { t, format } = useLanguage()
  const now = useServerNow()
  return [
    {
      key: 'service',
      title: t('services.service'),
      place: 'lead',
      render: ({ dataId }) => (
        <a className="row-link" href={formatRoute({ ...route, dataId })}>
          <Breakable text={dataId} />
        </a>
      ),
    },
    { key: 'group', title: t('services.group'), render: ({ group }) => group },
    {
      key: 'endpoints',
      title: t('services.endpoints'),
      align: 'end',
      render: ({ endpointCount }) =>
        endpointCount === 0 ? (
          <Label tone="waiting">{t('services.noEndpoint')}</Label>
        ) : (
          format.count(endpointCount)
        ),
    },
    {
      key: 'subscribers',
      title: t('services.subscribers'),
      align: 'end',
      render: ({ subscriberCount }) => format.count(subscriberCount),
    },
    {
      key: 'changed',
      title: t('services.changed'),
      align: 'end',
      render: ({ changedAt }) => format.time(changedAt, now),
    },
  ]
}
