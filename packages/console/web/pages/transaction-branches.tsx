/** The branches in the order in which they registered. */
import type { ReactNode } from 'react'
import type { Branch, TransactionDetail } from '../../src/api.ts'
import { Breakable } from '../components/breakable.tsx'
import { RecordTable, type Column } from '../components/record-table.tsx'
import { Section } from '../components/section.tsx'
import { BranchStatusLabel } from '../components/status.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useServerNow } from '../live/queries.ts'

export function Branches({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  const { t } = useLanguage()
  const { branches, status, endedAt } = transaction
  // After the end nothing is tried any more.
  const columns = useBranchColumns().filter(({ key }) => key !== 'next' || endedAt === null)
  const title = t('transaction.branches')
  const isRollingBack = status.includes('Rollback') && branches.length > 1
  return (
    <Section title={title} aside={isRollingBack ? t('transaction.rollbackOrder') : undefined}>
      {branches.length === 0 ? (
        <p className="quiet">{t('transaction.noBranches')}</p>
      ) : (
        <RecordTable
          label={title}
          columns={columns}
          rows={branches}
          rowKey={({ branchId }) => branchId}
        />
      )}
    </Section>
  )
}

function useBranchColumns(): readonly Column<Branch>[] {
  const { t, format } = useLanguage()
  const now = useServerNow()
  return [
    {
      key: 'resource',
      title: t('branch.resource'),
      place: 'lead',
      render: (branch) => <Resource branch={branch} />,
    },
    {
      key: 'status',
      title: t('branch.status'),
      place: 'wide',
      render: ({ status }) => <BranchStatusLabel status={status} />,
    },
    {
      key: 'attempts',
      title: t('branch.attempts'),
      align: 'end',
      render: ({ attemptCount }) => format.count(attemptCount),
    },
    {
      key: 'next',
      title: t('branch.nextAttempt'),
      align: 'end',
      render: ({ nextAttemptAt }) => {
        if (nextAttemptAt === null) return null
        const leftMs = nextAttemptAt - now
        if (leftMs <= 0) return t('waiting.trying')
        return t('branch.inDuration', { duration: format.countdown(leftMs) })
      },
    },
  ]
}

function Resource({ branch }: { readonly branch: Branch }): ReactNode {
  const { order, type, resourceId, clientId, lastError } = branch
  return (
    <span className="branch">
      <span className="branch-order" aria-hidden="true">
        {order}
      </span>
      <span className="stacked">
        <span>
          <strong>{clientId.split(':', 1)[0]}</strong> <span className="quiet">{type}</span>
        </span>
        <code>
          <Breakable text={resourceId} />
        </code>
        <code className="quiet">
          <Breakable text={clientId} />
        </code>
        {lastError === null ? null : <span className="error-text">{lastError}</span>}
      </span>
    </span>
  )
}
