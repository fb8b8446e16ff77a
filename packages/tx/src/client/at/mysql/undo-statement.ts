/**
 * Takes one statement back, if its rows are still as the statement left them, or as a person
 * decided about those that are not.
 */
import { messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../../../errors.ts'
import type { RepairChoice } from '../../repair-choice.ts'
import type { DirtyImages, SqlWriter } from '../dirty-report.ts'
import type { Field, Row, StatementUndoLog } from '../undo/undo-log.ts'
import { canonicalText, quoteName, textLiteral } from './column-types.ts'
import type { MysqlSession } from './driver/session.ts'
import { fieldOf, keyCondition, keyOf, readImage } from './images.ts'
import { errnoOf, type Cascade, type Column, type Table, type TableCache } from './table-meta.ts'
import { changeRows, type RowChange } from './undo-rows.ts'

export interface Dirty {
  readonly error: SetteeError
  /** Empty when the trouble is none of single rows. */
  readonly rows: readonly DirtyImages[]
}

export interface Repair {
  readonly choice: RepairChoice
  /** Table and key of the rows that have got their final state. */
  readonly settled: Set<string>
}

interface RowStates {
  readonly before: Row | undefined
  readonly after: Row | undefined
  readonly now: Row | undefined
}

/** Undoes `statement`; says what is dirty. */
export async function undoStatement(
  session: MysqlSession,
  tables: TableCache,
  statement: StatementUndoLog,
  repair: Repair | undefined,
): Promise<Dirty | undefined> {
  const { beforeImage, afterImage, tableName } = statement
  const known = beforeImage.rows.length > 0 ? beforeImage.rows : afterImage.rows
  if (known.length === 0) return undefined
  const table = await findTable(session, tables, tableName)
  const columns = table === undefined ? undefined : columnsOf(table, known[0]!)
  if (table === undefined || columns === undefined) {
    return repair?.choice === 'now'
      ? undefined
      : dirty(statement, 'the table was dropped or altered')
  }
  const states = await readStates(session, table, columns, statement)
  const changed = states.filter((row) => !isSame(table, row.before, row.after))
  const found = changed.filter(
    (row) => !isSame(table, row.now, row.after) && !isSame(table, row.now, row.before),
  )
  if (found.length > 0 && repair === undefined) {
    const images = found.map((row) => ({ statement, tableSql: table.sql, ...row }))
    return dirty(statement, 'its rows were changed since', images)
  }
  const changes = changed.flatMap((row) => changeOf(table, row, repair) ?? [])
  const blocking = await findCascaded(session, table, changes)
  if (blocking !== undefined) {
    return dirty(statement, `rows of ${blocking} point at its rows by now`)
  }
  try {
    await changeRows(session, table, columns, changes.toReversed())
  } catch (error) {
    if (!isUnundoable(error)) throw error
    const isTaken = errnoOf(error) === 1062
    return dirty(
      statement,
      isTaken ? 'another row has taken its unique value' : messageOf(error),
      changes.map(({ from, to }) => imagesOf(table, statement, from, to)),
    )
  }
  return undefined
}

function imagesOf(
  table: Table,
  statement: StatementUndoLog,
  now: Row | undefined,
  before: Row | undefined,
): DirtyImages {
  return { statement, tableSql: table.sql, before, after: now, now }
}

/** What happens to a row; undefined when it stays as it is. */
function changeOf(
  table: Table,
  { before, after, now }: RowStates,
  repair: Repair | undefined,
): RowChange | undefined {
  const name = `${table.sql} ${keyOf(table, (before ?? after)!)}`
  if (repair?.settled.has(name) === true) return undefined
  if (isSame(table, now, after)) return { from: now, to: before }
  if (isSame(table, now, before) || repair === undefined) return undefined
  if (repair.choice === 'before') return { from: now, to: before }
  // What the statements before this one would restore is what the person did not choose.
  repair.settled.add(name)
  return repair.choice === 'after' ? { from: now, to: after } : undefined
}

/**
 * Whether trying again cannot help: a constraint does not let the rows back, a value is no longer
 * one of its column, or a right was taken away.
 */
export function isUnundoable(error: unknown): boolean {
  return unundoable.has(errnoOf(error) ?? 0)
}

const unundoable: ReadonlySet<number> = new Set([
  1048, // NULL where there must be a value
  1062, // duplicate key
  1142, // no right to the table
  1143, // no right to a column
  1264, // out of range
  1265, // truncated
  1292, // no such date or number
  1364, // no default
  1366, // no such text or number
  1406, // too long
  1416, // no geometry
  1451, // a child row is there
  1452, // a parent row is not
  1906, // a generated column
  3105, // a generated column
  3140, // no JSON
  3819, // a CHECK
  4025, // a CHECK
])

function dirty(
  statement: StatementUndoLog,
  reason: string,
  rows: readonly DirtyImages[] = [],
): Dirty {
  const { sqlType, tableName } = statement
  const error = txError(
    'SETTEE_TX_DIRTY_DATA',
    `the ${sqlType} of ${tableName} cannot be undone: ${reason}; ` +
      'choose in the console which state ' +
      'its rows shall have, or correct them by hand and delete the row in undo_log',
    { details: { tableName, sqlType, reason } },
  )
  return { error, rows }
}

/** Tables of the resource's own database are named without it. */
function findTable(
  session: MysqlSession,
  tables: TableCache,
  text: string,
): Promise<Table | undefined> {
  const parts = Array.from(text.matchAll(/`((?:[^`]|``)*)`|[^.`]+/g), ([part, quoted]) =>
    quoted === undefined ? part : quoted.replaceAll('``', '`'),
  )
  const [name = text, schema = tables.database] = parts.toReversed()
  return tables.byName(session, name, schema)
}

/** The columns of an image; undefined when one of them is gone. */
function columnsOf(table: Table, row: Row): readonly Column[] | undefined {
  const columns = row.fields.map(({ name }) => table.columns.find((column) => column.name === name))
  const hasKey = table.primaryKey.every((column) => columns.includes(column))
  return hasKey && columns.every((column) => column !== undefined) ? columns : undefined
}

/** The states of each row, from the first to the last of the statement. */
async function readStates(
  session: MysqlSession,
  table: Table,
  columns: readonly Column[],
  { beforeImage, afterImage }: StatementUndoLog,
): Promise<readonly RowStates[]> {
  const before = byKey(table, beforeImage.rows)
  const after = byKey(table, afterImage.rows)
  const rows = [...new Map([...before, ...after]).entries()]
  const condition = keyCondition(
    table,
    rows.map(([, row]) => row),
  )
  const image = await readImage(session, table, columns, condition)
  const now = byKey(table, image.rows)
  return rows.map(([key]) => ({
    before: before.get(key),
    after: after.get(key),
    now: now.get(key),
  }))
}

function byKey(table: Table, rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [keyOf(table, row), row]))
}

function isSame(table: Table, some: Row | undefined, other: Row | undefined): boolean {
  if (some === undefined || other === undefined) return some === other
  return some.fields.every((field) => {
    const column = table.columns.find(({ name }) => name === field.name)
    const match = fieldOf(other, field.name)
    return (
      column !== undefined &&
      match !== undefined &&
      canonicalText(column.type, field.value) === canonicalText(column.type, match.value)
    )
  })
}

/** A table whose rows would change by themselves when rows go. */
async function findCascaded(
  session: MysqlSession,
  table: Table,
  changes: readonly RowChange[],
): Promise<string | undefined> {
  const removed = changes.flatMap(({ from, to }) => (to === undefined && from ? [from] : []))
  if (removed.length === 0) return undefined
  for (const cascade of table.cascades.filter(({ onDelete }) => onDelete)) {
    const { rows } = await session.run(cascadedSql(table, cascade, removed))
    if (rows.length > 0) return cascade.table
  }
  return undefined
}

function cascadedSql(table: Table, cascade: Cascade, removed: readonly Row[]): string {
  const joined = cascade.columns
    .map((name, i) => `c.${quoteName(cascade.foreignColumns[i]!)} = p.${quoteName(name)}`)
    .join(' AND ')
  // Rows of the same statement may point at each other.
  const others = cascade.isSelf ? ` AND NOT ${keyCondition(table, removed, 'c')}` : ''
  return (
    `SELECT 1 FROM ${cascade.table} AS c JOIN ${table.sql} AS p ON ${joined} ` +
    `WHERE ${keyCondition(table, removed, 'p')}${others} LIMIT 1`
  )
}

/** How names and values are written for a person. */
export const sqlWriter: SqlWriter = { name: quoteName, literal: literalOf }

function literalOf({ value }: Field): string {
  if (value === null) return 'NULL'
  const { javaType, text } = value
  switch (javaType) {
    case 'java.lang.Boolean':
      return text === 'true' ? '1' : '0'
    case 'javax.sql.rowset.serial.SerialBlob':
      return `X'${text}'`
    case 'java.lang.Integer':
    case 'java.lang.Long':
    case 'java.math.BigInteger':
    case 'java.math.BigDecimal':
    case 'java.lang.Float':
    case 'java.lang.Double':
      return text
    case 'java.lang.String':
      return `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
    default:
      return textLiteral(text)
  }
}
