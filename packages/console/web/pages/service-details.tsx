/** One service: its endpoints, its subscribers, and which of them know the current list. */
import type { ReactNode } from 'react'
import type { Endpoint, ServiceDetail, Subscriber } from '../../src/api.ts'
import { EmptyState, Loaded } from '../components/load-state.tsx'
import { RecordTable, type Column } from '../components/record-table.tsx'
import { Facts, Section } from '../components/section.tsx'
import { Label } from '../components/status.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { ApiError } from '../live/api-client.ts'
import { useServerNow, useService } from '../live/queries.ts'

export function ServiceDetails({ dataId }: { readonly dataId: string }): ReactNode {
  const { t } = useLanguage()
  const query = useService(dataId)
  if (query.error instanceof ApiError && query.error.status === 404) {
    return <EmptyState title={t('services.gone')} />
  }
  return (
    <Loaded query={query}>
      {(service) => (
        <div className="stack">
          <ServiceFacts service={service} />
          <Endpoints endpoints={service.endpoints} />
          <Subscribers service={service} />
        </div>
      )}
    </Loaded>
  )
}

function ServiceFacts({ service }: { readonly service: ServiceDetail }): ReactNode {
  const { t, format } = useLanguage()
  const now = useServerNow()
  return (
    <Facts
      facts={[
        [t('services.group'), service.group],
        [t('services.listVersion'), String(service.version)],
        [t('services.changed'), format.time(service.changedAt, now)],
      ]}
    />
  )
}

function Endpoints({ endpoints }: { readonly endpoints: readonly Endpoint[] }): ReactNode {
  const { t, format } = useLanguage()
  const now = useServerNow()
  const columns: readonly Column<Endpoint>[] = [
    {
      key: 'address',
      title: t('overview.address'),
      place: 'lead',
      render: ({ address, attributes }) => (
        <span className="stacked">
          <code>{address}</code>
          <Attributes attributes={attributes} />
        </span>
      ),
    },
    {
      key: 'application',
      title: t('services.application'),
      render: ({ application }) => application,
    },
    { key: 'zone', title: t('services.zone'), render: ({ zone }) => zone || null },
    {
      key: 'registered',
      title: t('services.registered'),
      align: 'end',
      render: ({ registeredAt }) => format.time(registeredAt, now),
    },
  ]
  const title = t('services.endpoints')
  return (
    <Section title={title} aside={format.count(endpoints.length)}>
      {endpoints.length === 0 ? (
        <p className="quiet">{t('services.noEndpoints')}</p>
      ) : (
        <RecordTable
          label={title}
          columns={columns}
          rows={endpoints}
          rowKey={({ address }) => address}
        />
      )}
    </Section>
  )
}

function Subscribers({ service }: { readonly service: ServiceDetail }): ReactNode {
  const { t, format } = useLanguage()
  const { subscribers, version } = service
  const columns: readonly Column<Subscriber>[] = [
    {
      key: 'application',
      title: t('services.application'),
      place: 'lead',
      render: ({ application }) => application,
    },
    {
      key: 'address',
      title: t('overview.address'),
      render: ({ address }) => <code>{address}</code>,
    },
    { key: 'zone', title: t('services.zone'), render: ({ zone }) => zone || null },
    {
      key: 'pushed',
      title: t('services.pushed'),
      align: 'end',
      render: ({ pushedVersion }) =>
        pushedVersion >= version ? (
          t('services.upToDate')
        ) : (
          <Label tone="waiting">{t('services.behind')}</Label>
        ),
    },
  ]
  const title = t('services.subscribers')
  return (
    <Section title={title} aside={format.count(subscribers.length)}>
      {subscribers.length === 0 ? (
        <p className="quiet">{t('services.noSubscribers')}</p>
      ) : (
        <RecordTable
          label={title}
          columns={columns}
          rows={subscribers}
          rowKey={({ address }) => address}
        />
      )}
    </Section>
  )
}

function Attributes(props: { readonly attributes: Endpoint['attributes'] }): ReactNode {
  const { t } = useLanguage()
  const entries = Object.entries(props.attributes)
  if (entries.length === 0) return null
  return (
    <span className="chips" role="group" aria-label={t('services.attributes')} translate="no">
      {entries.map(([name, value]) => (
        <code key={name}>{`${name}=${value}`}</code>
      ))}
    </span>
  )
}
