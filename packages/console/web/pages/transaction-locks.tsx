/** The global locks that it holds: the rows that nobody else may change now. */
import type { ReactNode } from 'react'
import type { Lock, TransactionDetail } from '../../src/api.ts'
import { Breakable } from '../components/breakable.tsx'
import { RecordTable, type Column } from '../components/record-table.tsx'
import { Section } from '../components/section.tsx'
import { useLanguage } from '../i18n/language.tsx'

export function Locks({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  const { t, format } = useLanguage()
  const { branches, locks } = transaction
  const columns: readonly Column<Lock>[] = [
    {
      key: 'row',
      title: t('lock.table'),
      place: 'lead',
      render: ({ table }) => <code>{table}</code>,
    },
    {
      key: 'key',
      title: t('lock.key'),
      render: ({ key }) => <code className="breakable">{key}</code>,
    },
    {
      key: 'branch',
      title: t('lock.branch'),
      align: 'end',
      render: ({ branchId }) =>
        branches.find((branch) => branch.branchId === branchId)?.order ?? branchId,
    },
    {
      key: 'resource',
      title: t('lock.resource'),
      place: 'wide',
      render: ({ resourceId }) => (
        <code className="quiet">
          <Breakable text={resourceId} />
        </code>
      ),
    },
  ]
  const title = t('transaction.locks')
  return (
    <Section title={title} aside={format.count(locks.length)}>
      {locks.length === 0 ? (
        <p className="quiet">{t('transaction.noLocks')}</p>
      ) : (
        <RecordTable
          label={title}
          columns={columns}
          rows={locks}
          rowKey={({ resourceId, table, key }) => `${resourceId} ${table} ${key}`}
        />
      )}
    </Section>
  )
}
