/**
 * What a person decides when a rollback has stopped: the rows that somebody else changed, as they
 * were before the branch, as it left them and as they are now, what each choice would run, and the
 * order itself.
 */
import { WarningFilled } from '@ant-design/icons'
import { Button, Input, Popconfirm, Radio } from 'antd'
import { useId, useState, type ReactNode } from 'react'
import type {
  Branch,
  DirtyRow,
  RepairChoice,
  RepairOrder,
  TransactionDetail,
} from '../../src/api.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useRepair } from '../live/queries.ts'

const choices: readonly RepairChoice[] = ['before', 'after', 'now']
const maxNameLength = 128
const maxNoteLength = 1000

export function RepairNotice(props: { readonly transaction: TransactionDetail }): ReactNode {
  const { transaction } = props
  const branch = transaction.branches.find(({ isRepairable }) => isRepairable)
  if (branch === undefined) return null
  return <Repair key={branch.branchId} xid={transaction.xid} branch={branch} />
}

function Repair({ xid, branch }: { readonly xid: string; readonly branch: Branch }): ReactNode {
  const { t } = useLanguage()
  const id = useId()
  const { dirty, order, clientId, lastError, statement } = branch
  const rows = dirty?.rows ?? []
  const target = clientId.split(':', 1)[0] ?? clientId
  return (
    <section className="repair" aria-labelledby={id}>
      <WarningFilled aria-hidden="true" />
      <div className="repair-body">
        <h2 id={id}>
          {rows.length === 0
            ? t('repair.titleUnknown', { order, target })
            : t('repair.title', { order, target, count: rows.length + (dirty?.omittedRows ?? 0) })}
        </h2>
        <p>{rows.length === 0 ? t('repair.hintUnknown') : t('repair.hint')}</p>
        {statement === '' ? null : (
          <p className="quiet">
            {t('repair.statement')} <code className="breakable">{statement}</code>
          </p>
        )}
        {rows.length === 0 ? <p className="error-text">{dirty?.message ?? lastError}</p> : null}
        {rows.map((row, index) => (
          <DirtyRowTable key={index} row={row} />
        ))}
        {dirty === null || dirty.omittedRows === 0 ? null : (
          <p className="quiet">{t('repair.omitted', { count: dirty.omittedRows })}</p>
        )}
        <RepairForm xid={xid} branch={branch} rows={rows} />
      </div>
    </section>
  )
}

function DirtyRowTable({ row }: { readonly row: DirtyRow }): ReactNode {
  const { t } = useLanguage()
  const columns = Object.keys({ ...row.before, ...row.after, ...row.now })
  const label = `${row.sqlType} ${row.tableName}`
  return (
    <div className="dirty-row">
      <table aria-label={label}>
        <caption>
          <code>{row.tableName}</code> <span className="quiet">{row.sqlType}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">{t('repair.column')}</th>
            {choices.map((choice) => (
              <th key={choice} scope="col">
                {t(`repair.${choice}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {columns.map((column) => (
            <tr key={column}>
              <th scope="row">
                <code>{column}</code>
              </th>
              {choices.map((choice) => (
                <td key={choice} data-differs={differs(row, column, choice) || undefined}>
                  <Cell cells={row[choice]} column={column} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** A value that is not that of before stands out: those are what there is to decide about. */
function differs(row: DirtyRow, column: string, choice: RepairChoice): boolean {
  return choice !== 'before' && row[choice]?.[column] !== row.before?.[column]
}

function Cell(props: { readonly cells: DirtyRow['now']; readonly column: string }): ReactNode {
  const { t } = useLanguage()
  const { cells, column } = props
  if (cells === undefined) return <span className="quiet">{t('repair.noRow')}</span>
  const value = cells[column]
  if (value === undefined) return null
  return value === null ? <span className="quiet">NULL</span> : <code>{value}</code>
}

function RepairForm(props: {
  readonly xid: string
  readonly branch: Branch
  readonly rows: readonly DirtyRow[]
}): ReactNode {
  const { t } = useLanguage()
  const { xid, branch, rows } = props
  const [choice, setChoice] = useState<RepairChoice>()
  const [by, setBy] = useState('')
  const [note, setNote] = useState('')
  const repair = useRepair(xid, branch.branchId)
  const canApply = choice !== undefined && by.trim() !== ''
  const send = (): void => {
    if (choice === undefined) return
    const order: RepairOrder = { choice, by: by.trim(), note: note.trim() }
    repair.mutate(order)
  }
  return (
    <div className="repair-form">
      <Radio.Group
        aria-label={t('repair.choose')}
        value={choice}
        onChange={(event) => setChoice(event.target.value as RepairChoice)}
      >
        {choices.map((one) => (
          <Radio key={one} value={one}>
            <strong>{t(`repair.${one}`)}</strong>{' '}
            <span className="quiet">{t(`repair.${one}Hint`)}</span>
            <ChoiceSql rows={rows} choice={one} />
          </Radio>
        ))}
      </Radio.Group>
      <div className="repair-order">
        <Input
          aria-label={t('repair.by')}
          placeholder={t('repair.by')}
          value={by}
          maxLength={maxNameLength}
          onChange={(event) => setBy(event.target.value)}
        />
        <Input
          aria-label={t('repair.note')}
          placeholder={t('repair.note')}
          value={note}
          maxLength={maxNoteLength}
          onChange={(event) => setNote(event.target.value)}
        />
        <Popconfirm
          title={t('repair.confirm')}
          description={choice === undefined ? '' : t(`repair.${choice}Hint`)}
          okText={t('repair.apply')}
          cancelText={t('repair.cancel')}
          disabled={!canApply}
          onConfirm={send}
        >
          <Button type="primary" disabled={!canApply} loading={repair.isPending}>
            {t('repair.apply')}
          </Button>
        </Popconfirm>
      </div>
      <p className="quiet">{t('repair.logged')}</p>
      {repair.error === null ? null : (
        <p className="error-text" role="alert">
          {repair.error.message}
        </p>
      )}
    </div>
  )
}

function ChoiceSql(props: {
  readonly rows: readonly DirtyRow[]
  readonly choice: RepairChoice
}): ReactNode {
  const sql = props.rows.map((row) => row.sql[props.choice]).filter((one) => one !== '')
  if (sql.length === 0) return null
  return (
    <span className="repair-sql">
      <code>{sql.join('\n')}</code>
      <CopyButton what="SQL" text={sql.join('\n')} />
    </span>
  )
}
