/** The overview: is everything all right, in one look. */
import { CheckCircleFilled, ClockCircleFilled, ExclamationCircleFilled } from '@ant-design/icons'
import type { ReactNode } from 'react'
import type { Component, Overview, TransactionState } from '../../src/api.ts'
import { Loaded } from '../components/load-state.tsx'
import { RecordTable, type Column } from '../components/record-table.tsx'
import { Facts, Section } from '../components/section.tsx'
import { ThroughputChart } from '../components/throughput-chart.tsx'
import { explainHealth, type HealthLevel } from '../explain.ts'
import { useLanguage } from '../i18n/language.tsx'
import { translateName } from '../i18n/translate.ts'
import { useOverview } from '../live/queries.ts'
import { formatRoute } from '../router.ts'
import { useTitle } from '../use-route.ts'

export function OverviewPage(): ReactNode {
  const { t } = useLanguage()
  const query = useOverview()
  useTitle(t('nav.overview'))
  return (
    <>
      <h1 className="visually-hidden">{t('nav.overview')}</h1>
      <Loaded query={query}>
        {(overview) => (
          <>
            <HealthBanner overview={overview} />
            <Counts overview={overview} />
            <div className="columns">
              <Section title={t('overview.throughput')}>
                <ThroughputChart overview={overview} />
              </Section>
              <ProcessFacts overview={overview} />
            </div>
            <Components components={overview.components} />
          </>
        )}
      </Loaded>
    </>
  )
}

const healthIcons: Readonly<Record<HealthLevel, ReactNode>> = {
  fine: <CheckCircleFilled />,
  waiting: <ClockCircleFilled />,
  failed: <ExclamationCircleFilled />,
}

function HealthBanner({ overview }: { readonly overview: Overview }): ReactNode {
  const { t, format } = useLanguage()
  const { level, sentence, notes } = explainHealth(overview, t, format)
  return (
    <div className="health" data-level={level} role="status">
      <span className="health-icon" aria-hidden="true">
        {healthIcons[level]}
      </span>
      <div>
        <p className="health-sentence">{sentence}</p>
        {notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </div>
      {level === 'fine' ? null : (
        <a href={addressOfState(level === 'failed' ? 'failed' : 'retrying')}>{t('health.look')}</a>
      )}
    </div>
  )
}

function Counts({ overview }: { readonly overview: Overview }): ReactNode {
  const { t, format } = useLanguage()
  const { transactions, services, startedAt, now } = overview
  const since = t('overview.sinceStart', { time: format.time(startedAt, now) })
  const waiters = t('overview.lockWaiters', { count: transactions.lockWaiterCount })
  const endpoints = t('overview.endpoints', { count: services.endpointCount })
  const count = format.count
  return (
    <section className="counts" aria-label={t('overview.counts')}>
      <Count name={t('overview.active')} value={count(transactions.activeCount)} state="active" />
      <Count
        name={t('overview.retrying')}
        value={count(transactions.retryingCount)}
        state="retrying"
        tone={transactions.retryingCount > 0 ? 'waiting' : undefined}
      />
      <Count
        name={t('overview.failed')}
        value={count(transactions.failedCount)}
        state="failed"
        tone={transactions.failedCount > 0 ? 'bad' : undefined}
      />
      <Count
        name={t('overview.committed')}
        value={count(transactions.committedTotal)}
        state="committed"
        note={since}
      />
      <Count
        name={t('overview.rolledBack')}
        value={count(transactions.rolledBackTotal)}
        state="rolledBack"
        note={since}
      />
      <Count name={t('overview.locks')} value={count(transactions.lockCount)} note={waiters} />
      <Count
        name={t('overview.services')}
        value={count(services.serviceCount)}
        href={formatRoute({ page: 'services', dataId: null, query: '' })}
        note={endpoints}
      />
    </section>
  )
}

function Count(props: {
  readonly name: string
  readonly value: string
  readonly note?: string
  readonly tone?: 'waiting' | 'bad' | undefined
  /** The transactions that were counted. */
  readonly state?: TransactionState
  readonly href?: string
}): ReactNode {
  const href = props.href ?? (props.state === undefined ? undefined : addressOfState(props.state))
  const content = (
    <>
      <span className="count-name">{props.name}</span>
      <span className="count-value" data-tone={props.tone}>
        {props.value}
      </span>
      <span className="count-note">{props.note}</span>
    </>
  )
  if (href === undefined) return <div className="count">{content}</div>
  return (
    <a className="count" href={href}>
      {content}
    </a>
  )
}

function ProcessFacts({ overview }: { readonly overview: Overview }): ReactNode {
  const { t, format } = useLanguage()
  const { version, startedAt, now, memoryBytes, dataDir } = overview
  const journal =
    dataDir === null ? t('overview.inMemory') : <code className="breakable">{dataDir}</code>
  return (
    <Section title={t('overview.process')}>
      <Facts
        facts={[
          [t('overview.version'), version],
          [t('overview.uptime'), format.countdown(now - startedAt)],
          [t('overview.memory'), format.bytes(memoryBytes)],
          [t('overview.journal'), journal],
        ]}
      />
    </Section>
  )
}

function Components({ components }: { readonly components: readonly Component[] }): ReactNode {
  const { t, format } = useLanguage()
  const columns: readonly Column<Component>[] = [
    {
      key: 'name',
      title: t('overview.component'),
      place: 'lead',
      render: ({ name }) => translateName(t, 'component', name),
    },
    {
      key: 'address',
      title: t('overview.address'),
      render: ({ address }) => <code>{address}</code>,
    },
    { key: 'protocol', title: t('overview.protocol'), render: ({ protocol }) => protocol },
    {
      key: 'connections',
      title: t('overview.connections'),
      align: 'end',
      render: ({ connectionCount }) => format.count(connectionCount),
    },
  ]
  const title = t('overview.components')
  return (
    <Section title={title}>
      <RecordTable
        label={title}
        columns={columns}
        rows={components}
        rowKey={({ name, address }) => `${name} ${address}`}
      />
    </Section>
  )
}

function addressOfState(state: TransactionState): string {
  return formatRoute({ page: 'transactions', state, query: '', before: null })
}
