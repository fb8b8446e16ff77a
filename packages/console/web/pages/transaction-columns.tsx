/** One transaction as a row, or as a card where it is narrow. */
import { ClockCircleOutlined } from '@ant-design/icons'
import type { ReactNode } from 'react'
import type { TransactionSummary } from '../../src/api.ts'
import { CopyButton } from '../components/copy-button.tsx'
import type { Column } from '../components/record-table.tsx'
import { StatusLabel } from '../components/status.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useServerNow } from '../live/queries.ts'
import { formatRoute } from '../router.ts'

export function useTransactionColumns(): readonly Column<TransactionSummary>[] {
  const { t, format } = useLanguage()
  const now = useServerNow()
  return [
    {
      key: 'transaction',
      title: t('transactions.transaction'),
      place: 'lead',
      render: (transaction) => <Identity transaction={transaction} />,
    },
    {
      key: 'state',
      title: t('transactions.state'),
      place: 'wide',
      render: (transaction) => <Standing transaction={transaction} now={now} />,
    },
    {
      key: 'began',
      title: t('transactions.began'),
      align: 'end',
      render: ({ beganAt }) => format.time(beganAt, now),
    },
    {
      key: 'duration',
      title: t('transactions.duration'),
      align: 'end',
      render: ({ beganAt, endedAt }) =>
        endedAt === null ? format.countdown(now - beganAt) : format.duration(endedAt - beganAt),
    },
    {
      key: 'branches',
      title: t('transactions.branches'),
      align: 'end',
      render: ({ branchCount }) => format.count(branchCount),
    },
    {
      key: 'locks',
      title: t('transactions.locks'),
      align: 'end',
      // What has ended holds none; a column of zeros would only hide the others.
      render: ({ lockCount }) => (lockCount === 0 ? null : format.count(lockCount)),
    },
  ]
}

function Identity({ transaction }: { readonly transaction: TransactionSummary }): ReactNode {
  const { t } = useLanguage()
  const { xid, name, application } = transaction
  return (
    <span className="stacked">
      <span>
        <a className="row-link" href={formatRoute({ page: 'transaction', xid })}>
          {name || t('transaction.unnamed')}
        </a>
        <span className="quiet"> {application}</span>
      </span>
      <span className="xid">
        <code className="breakable">{xid}</code>
        <CopyButton what="xid" text={xid} />
      </span>
    </span>
  )
}

function Standing(props: {
  readonly transaction: TransactionSummary
  readonly now: number
}): ReactNode {
  const { t, format } = useLanguage()
  const { state, status, waitingTarget, waitingSince } = props.transaction
  return (
    <span className="stacked">
      <StatusLabel state={state} status={status} />
      {waitingTarget === null || waitingSince === null ? null : (
        <span className="waits">
          <ClockCircleOutlined aria-hidden="true" />{' '}
          {t('transactions.waits', {
            target: waitingTarget,
            time: format.time(waitingSince, props.now),
          })}
        </span>
      )}
    </span>
  )
}
