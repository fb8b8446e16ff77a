/**
 * Undoes the changes of a branch: check that every row still is as the branch left it, take out the
 * rows that it wrote, put back those that were there before.
 *
 * First all checks, then all deletions, then all insertions: so no unique index can be violated by
 * the order of the rows, not even when two rows swapped a value. Triggers would do their work a
 * second time, although their effects are in the log as well; SQLite cannot switch them off, so
 * they are dropped and created again within the same transaction. For the same reason foreign keys
 * are not enforced meanwhile (see undo.ts); what they demand of the restored rows is checked at the
 * end. Original: org.apache.seata.rm.datasource.undo.AbstractUndoExecutor.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../../../errors.ts'
import type { RepairChoice } from '../../repair-choice.ts'
import {
  describeDirtyRows,
  DirtyRowsError,
  type DirtyImages,
  type SqlWriter,
} from '../dirty-report.ts'
import type { BranchUndoLog, Row, StatementUndoLog } from '../undo/undo-log.ts'
import { findBrokenReference } from './foreign-keys.ts'
import {
  fromUndoValue,
  isSameValue,
  jdbcTypeOf,
  type SqliteValue,
  toLockText,
  toUndoValue,
} from './sqlite-value.ts'
import { quoteName, readTableSchema, readTriggers, type TableSchema } from './table-schema.ts'

/** Without bigints even `run` fails, when the rowid last inserted is beyond safe integers. */
const exact = { readBigInts: true } as const

/** A row as it is in the database, by the names of its columns. */
type Image = ReadonlyMap<string, SqliteValue>

/** One row to be changed back. */
interface RowUndo {
  readonly table: TableSchema
  /** The row to take out; undefined when the branch deleted it. */
  readonly current: Image | undefined
  /** The row to put back; undefined when the branch inserted it. */
  readonly restored: Image | undefined
}

export interface UndoRowsOptions {
  /** Whether the database enforces foreign keys otherwise. */
  readonly enforcesReferences: boolean
  /** What dirty rows become; undefined while nobody has decided. */
  readonly choice: RepairChoice | undefined
}

/**
 * Runs inside a transaction of the caller, who rolls it back when this throws.
 * @throws SETTEE_TX_DIRTY_DATA when a row is neither as the branch left it nor as it was before,
 *   or when another row stands in the way; its details name the table and the key.
 */
export function undoRows(
  database: DatabaseSync,
  log: BranchUndoLog,
  { enforcesReferences, choice }: UndoRowsOptions,
): void {
  const plan: Plan = { choice, undos: [], dirty: [], error: undefined }
  for (const statement of log.statements) planStatement(database, statement, plan)
  if (plan.error !== undefined) {
    throw new DirtyRowsError(plan.error, describeDirtyRows(plan.dirty, sqlWriter))
  }
  const { undos } = plan
  const tables = new Set(undos.map(({ table }) => table.name))
  const triggers = readTriggers(database, tables)
  for (const { schema, name } of triggers)
    database.exec(`DROP TRIGGER ${schema}.${quoteName(name)}`)
  for (const undo of undos) takeOut(database, undo)
  // Changed rows get their own hidden rowid again, before a deleted row is given a free one.
  const [changed, deleted] = [undos.filter(isPresent), undos.filter((undo) => !isPresent(undo))]
  for (const undo of [...changed, ...deleted]) putBack(database, undo)
  for (const { createSql } of triggers) database.exec(createSql)
  if (!enforcesReferences) return
  const broken = findBrokenReference(database, undos.map(toChangedRow))
  if (broken !== undefined) throw dirty(broken.tableName, broken.key, broken.reason)
}

/** What is to be done, and what stands in the way. */
interface Plan {
  readonly choice: RepairChoice | undefined
  readonly undos: RowUndo[]
  readonly dirty: DirtyImages[]
  /** What is wrong with the first dirty row. */
  error: SetteeError | undefined
}

function planStatement(database: DatabaseSync, statement: StatementUndoLog, plan: Plan): void {
  const { sqlType, tableName, beforeImage, afterImage } = statement
  const table = readTableSchema(database, tableName)
  if (table?.kind !== 'table') {
    if (plan.choice === 'now') return
    throw dirty(tableName, '', 'the table does not exist any more')
  }
  const rowCount = sqlType === 'DELETE' ? beforeImage.rows.length : afterImage.rows.length
  for (let i = 0; i < rowCount; i++) {
    const before = sqlType === 'INSERT' ? undefined : beforeImage.rows[i]
    const after = sqlType === 'DELETE' ? undefined : afterImage.rows[i]
    planRow(database, { table, sqlType, before, after }, plan)
  }
}

interface LoggedRow {
  readonly table: TableSchema
  readonly sqlType: StatementUndoLog['sqlType']
  readonly before: Row | undefined
  readonly after: Row | undefined
}

function planRow(database: DatabaseSync, row: LoggedRow, plan: Plan): void {
  const { table } = row
  const before = toImage(table, row.before)
  const after = toImage(table, row.after)
  const key = (after ?? before)!
  const current = findRow(database, table, key)
  if (isAsIn(current, after)) {
    plan.undos.push({
      table,
      current,
      restored: before && new Map([...(current ?? []), ...before]),
    })
    return
  }
  if (isAsIn(current, before) || plan.choice === 'now') return
  if (plan.choice !== undefined) {
    const wanted = plan.choice === 'before' ? before : after
    plan.undos.push({
      table,
      current,
      restored: wanted && new Map([...(current ?? []), ...wanted]),
    })
    return
  }
  const reason =
    current === undefined
      ? 'the row was deleted outside of the global transaction'
      : 'the row was changed outside of the global transaction'
  plan.error ??= dirty(table.name, keyText(table, key), reason)
  plan.dirty.push({
    statement: { sqlType: row.sqlType, tableName: table.name },
    tableSql: quoteName(table.name),
    before: row.before,
    after: row.after,
    now: current && toRow(current, (row.after ?? row.before)!),
  })
}

/** The current row with the columns of an image. */
function toRow(current: Image, { fields }: Row): Row {
  return {
    fields: fields.map(({ name, isPrimaryKey }) => {
      const value = current.get(name) ?? null
      return { name, isPrimaryKey, jdbcType: jdbcTypeOf(value), value: toUndoValue(value) }
    }),
  }
}

const sqlWriter: SqlWriter = {
  name: quoteName,
  literal({ value }) {
    if (value === null) return 'NULL'
    switch (value.javaType) {
      case 'java.lang.Long':
      case 'java.lang.Double':
        return value.text
      case 'javax.sql.rowset.serial.SerialBlob':
        return `x'${value.text}'`
      default:
        return `'${value.text.replaceAll("'", "''")}'`
    }
  },
}

function isAsIn(current: Image | undefined, image: Image | undefined): boolean {
  if (current === undefined || image === undefined) return current === image
  for (const [name, value] of image) if (!isSameValue(current.get(name)!, value)) return false
  return true
}

function toImage(table: TableSchema, row: Row | undefined): Image | undefined {
  if (row === undefined) return undefined
  const image = new Map<string, SqliteValue>()
  for (const { name, value } of row.fields) {
    if (!table.columns.includes(name)) {
      throw dirty(table.name, '', `the column ${name} does not exist any more`)
    }
    image.set(name, fromUndoValue(value))
  }
  if (table.keyColumns.length === 0 || !table.keyColumns.every((name) => image.has(name))) {
    throw dirty(table.name, '', 'the primary key of the table is another than in the undo log')
  }
  return image
}

/** The row with this key; the rowid comes with it where rows have a hidden one. */
function findRow(database: DatabaseSync, table: TableSchema, key: Image): Image | undefined {
  const names = storedNames(table)
  const sql =
    `SELECT ${names.map(quoteName).join(', ')} FROM main.${quoteName(table.name)} ` +
    `WHERE ${keyCondition(table)}`
  const statement = database.prepare(sql, { ...exact, returnArrays: true })
  const values = statement.get(...keyValues(table, key)) as unknown as SqliteValue[] | undefined
  if (values === undefined) return undefined
  return new Map(names.map((name, i) => [name, values[i]!]))
}

function isPresent({ current }: RowUndo): boolean {
  return current !== undefined
}

function takeOut(database: DatabaseSync, { table, current }: RowUndo): void {
  if (current === undefined) return
  const sql = `DELETE FROM main.${quoteName(table.name)} WHERE ${keyCondition(table)}`
  database.prepare(sql, exact).run(...keyValues(table, current))
}

function putBack(database: DatabaseSync, { table, restored }: RowUndo): void {
  if (restored === undefined) return
  const names = [...restored.keys()]
  const sql =
    `INSERT INTO main.${quoteName(table.name)} (${names.map(quoteName).join(', ')}) ` +
    `VALUES (${names.map(() => '?').join(', ')})`
  try {
    database.prepare(sql, exact).run(...([...restored.values()] as SQLInputValue[]))
  } catch (error) {
    // SQLITE_CONSTRAINT: somebody put a row there that excludes the old one.
    const isConstraint =
      error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 19
    if (!isConstraint) throw error
    const reason = `the row cannot be put back: ${messageOf(error)}`
    throw dirty(table.name, keyText(table, restored), reason)
  }
}

function storedNames(table: TableSchema): string[] {
  return table.rowidName === undefined ? [...table.columns] : [table.rowidName, ...table.columns]
}

function keyCondition(table: TableSchema): string {
  return table.keyColumns.map((name) => `${quoteName(name)} = ?`).join(' AND ')
}

function keyValues(table: TableSchema, image: Image): SQLInputValue[] {
  return table.keyColumns.map((name) => image.get(name)! as SQLInputValue)
}

function keyText(table: TableSchema, image: Image): string {
  return table.keyColumns.map((name) => toLockText(image.get(name)!)).join('_')
}

function toChangedRow({ table, current, restored }: RowUndo): {
  tableName: string
  key: string
  removed: Image | undefined
  restored: Image | undefined
} {
  const key = keyText(table, (current ?? restored)!)
  return { tableName: table.name, key, removed: current, restored }
}

function dirty(tableName: string, key: string, reason: string): SetteeError {
  const row = key === '' ? tableName : `${tableName} ${key}`
  return txError('SETTEE_TX_DIRTY_DATA', `${row} cannot be rolled back: ${reason}`, {
    details: { tableName, key, reason },
  })
}
