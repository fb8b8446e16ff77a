/**
 * One transaction: how it stands or ended and why, what it waits for, everything that happened to
 * it in order, its branches and its locks; live until it has ended.
 */
import { LeftOutlined } from '@ant-design/icons'
import type { ReactNode } from 'react'
import type { TransactionDetail } from '../../src/api.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { EmptyState, Loaded } from '../components/load-state.tsx'
import { Facts } from '../components/section.tsx'
import { SeataName, StatusLabel } from '../components/status.tsx'
import { explainOutcome, explainSettling } from '../explain.ts'
import { useLanguage } from '../i18n/language.tsx'
import { ApiError } from '../live/api-client.ts'
import { useServerNow, useTransaction } from '../live/queries.ts'
import { formatRoute } from '../router.ts'
import { useTitle } from '../use-route.ts'
import { Branches } from './transaction-branches.tsx'
import { Locks } from './transaction-locks.tsx'
import { RepairNotice } from './transaction-repair.tsx'
import { Timeline } from './transaction-timeline.tsx'
import { WaitingNotice } from './transaction-waiting.tsx'

export function TransactionDetailPage({ xid }: { readonly xid: string }): ReactNode {
  const { t } = useLanguage()
  const query = useTransaction(xid)
  useTitle(query.data?.name ?? xid)
  const all = formatRoute({ page: 'transactions', state: null, query: '', before: null })
  const isGone = query.error instanceof ApiError && query.error.status === 404
  return (
    <>
      <a className="back" href={all}>
        <LeftOutlined aria-hidden="true" /> {t('transaction.back')}
      </a>
      {isGone && query.data === undefined ? (
        <EmptyState title={t('transaction.gone', { xid })} hint={t('transaction.goneHint')} />
      ) : (
        <Loaded query={query}>{(transaction) => <Details transaction={transaction} />}</Loaded>
      )}
    </>
  )
}

function Details({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  return (
    <>
      <Head transaction={transaction} />
      <WaitingNotice transaction={transaction} />
      <RepairNotice transaction={transaction} />
      <div className="columns transaction-columns">
        <Timeline transaction={transaction} />
        <div className="stack">
          <Branches transaction={transaction} />
          <Locks transaction={transaction} />
        </div>
      </div>
    </>
  )
}

function Head({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  const { t, format } = useLanguage()
  const now = useServerNow()
  const { xid, name, application, state, status, beganAt, endedAt, timeoutMs } = transaction
  const settling = explainSettling(transaction, t, format)
  const duration =
    endedAt === null ? format.countdown(now - beganAt) : format.duration(endedAt - beganAt)
  return (
    <div className="panel transaction-head">
      <div className="page-head">
        <h1>{name || t('transaction.unnamed')}</h1>
        <StatusLabel state={state} status={status} />
        <SeataName name={status} />
      </div>
      <p className="xid">
        <code className="breakable">{xid}</code>
        <CopyButton what="xid" text={xid} />
      </p>
      <p className="outcome" role="status">
        {explainOutcome(transaction, now, t, format)}
        {settling === null ? null : <span className="quiet">{settling}</span>}
      </p>
      <Facts
        facts={[
          [t('transaction.application'), application],
          [t('transaction.began'), format.time(beganAt, now)],
          [t('transaction.ended'), endedAt === null ? null : format.time(endedAt, now)],
          [t('transaction.duration'), duration],
          [t('transaction.timeout'), format.duration(timeoutMs)],
        ]}
      />
    </div>
  )
}
