/**
 * Runs INSERT and REPLACE and keeps the rows that they made, changed or took away.
 *
 * The rows are found by what the statement says of their keys, before it runs and after it has.
 * MariaDB could hand them out with RETURNING, but MySQL cannot, and with it the caller's answer
 * would have no affectedRows and no insertId; so both are treated alike. The answer itself tells
 * the generated numbers: the first is its insertId, and those of one statement follow each other.
 * Whether the right rows were found is checked against its affectedRows.
 *
 * ```
 * INSERT                    run, read by key                            → INSERT
 * INSERT IGNORE, … SELECT   read by key, run, read by key: those more   → INSERT
 * ON DUPLICATE KEY UPDATE   read by all unique keys, run, read again    → UPDATE, INSERT
 * REPLACE                   the same                                    → DELETE, INSERT
 * ```
 */
import { txError } from '../../../errors.ts'
import { refuse } from '../refuse.ts'
import type { StatementUndoLog } from '../undo/undo-log.ts'
import { checkTable } from './change-rows.ts'
import { canonicalText, quoteName } from './column-types.ts'
import type { StatementResult } from './driver/session.ts'
import { runOwn, type Change, type Execution } from './execution.ts'
import { imageColumns, imageOf, keyCondition, keyOf, storedColumns, type Image } from './images.ts'
import { keyMatch, queryRows, valueRows, type InsertRow, type InsertRows } from './insert-keys.ts'
import type { InsertPlan } from './plan.ts'
import type { Fragment } from './sql-fragment.ts'
import type { Column, Table, UniqueKey } from './table-meta.ts'

interface Insert {
  readonly execution: Execution
  readonly plan: InsertPlan
  readonly table: Table
  readonly rows: readonly InsertRow[]
  /** The conditions by which the rows are found; undefined for a row that only a new number has. */
  readonly matches: readonly (Fragment | undefined)[]
}

export async function runInsert(
  execution: Execution,
  plan: InsertPlan,
  table: Table,
): Promise<Change> {
  const isUpsert = plan.isReplace || plan.onDuplicate !== undefined
  const keys = isUpsert ? table.uniqueKeys : table.uniqueKeys.filter(isPrimary)
  const { rows, text } = await readRows(execution, plan, table, keys)
  checkRowCount(execution, rows.length)
  const matches = rows.map((row) => matchOf(keys, row))
  const insert = { execution, plan, table, rows, matches }
  checkNumbers(insert)
  const mayExist = isUpsert || plan.isIgnore || plan.source.kind === 'query'
  const before = mayExist ? await readMatches(insert) : noRows(table)
  const result = await execution.run(text)
  await checkTable(execution, table, isUpsert)
  const after = await readAfter(insert, result, before)
  if (isUpsert) {
    await checkFound(insert, { before, after })
    return plan.isReplace
      ? replaced(insert, result, before, after)
      : upserted(insert, result, before, after)
  }
  const known = new Set(before.rows.map((row) => keyOf(table, row)))
  const made = after.rows.filter((row) => !known.has(keyOf(table, row)))
  const isPlain = !plan.isIgnore && plan.source.kind === 'rows'
  const expected = result.affectedRows === -1 ? rows.length : result.affectedRows
  if (made.length !== expected || (isPlain && made.length !== rows.length)) {
    if (!plan.isIgnore || result.affectedRows !== -1) throw notFound(table)
  }
  return { undo: insertLog(table, { ...after, rows: made }) }
}

function readRows(
  execution: Execution,
  plan: InsertPlan,
  table: Table,
  keys: readonly UniqueKey[],
): Promise<InsertRows> {
  return plan.source.kind === 'rows'
    ? valueRows(execution, plan, table, keys)
    : queryRows(execution, plan, table, keys)
}

function isPrimary({ name }: UniqueKey): boolean {
  return name === 'PRIMARY'
}

function checkRowCount({ environment }: Execution, count: number): void {
  const { maxRows } = environment.limits
  if (count <= maxRows) return
  throw refuse(
    `INSERT of more than ${maxRows} rows`,
    'each row is kept and locked until the transaction ends',
    'insert fewer rows at a time or raise maxRows',
  )
}

/** The rows that a new row would meet, or is. */
function matchOf(keys: readonly UniqueKey[], row: InsertRow): Fragment | undefined {
  const parts = keys.flatMap((key) => {
    const match = keyMatch(key, row)
    return match === undefined ? [] : [match]
  })
  if (parts.length === 0) return undefined
  return parts.flatMap((part, i) => (i === 0 ? part : [' OR ', ...part]))
}

/** Either all rows get a new number or none. */
function checkNumbers({ matches }: Insert): void {
  const count = matches.filter((match) => match === undefined).length
  if (count === 0 || count === matches.length) return
  throw refuse(
    'an INSERT of rows with a key and rows without',
    'the generated keys are not known then',
    'insert the ones and the others in two statements',
  )
}

function noRows(table: Table): Image {
  return { tableName: table.name, rows: [] }
}

/** The rows that have keys of the statement, locked. */
function readMatches({ execution, table, matches }: Insert): Promise<Image> {
  const known = matches.filter((match) => match !== undefined)
  if (known.length === 0) return Promise.resolve(noRows(table))
  return readBy(
    execution,
    table,
    known.flatMap((match, i) => (i === 0 ? match : [' OR ', ...match])),
  )
}

async function readBy(execution: Execution, table: Table, condition: Fragment): Promise<Image> {
  const columns = storedColumns(table)
  const { name } = table
  const list = imageColumns(columns, 't')
  const { rows } = await runOwn(execution, [
    `SELECT ${list} FROM ${table.sql} AS t WHERE `,
    ...condition,
    ' FOR UPDATE',
  ])
  return rows.length === 0 ? { tableName: name, rows: [] } : imageOf(table, columns, rows)
}

/** The rows of the statement and those that were there before, as they are now. */
async function readAfter(insert: Insert, result: StatementResult, before: Image): Promise<Image> {
  const { execution, table, matches } = insert
  if (matches.length === 0) return noRows(table)
  if (matches[0] === undefined) return readNumbered(insert, result)
  const found = await readMatches(insert)
  const missing = withoutKeys(table, before, found)
  if (missing.length === 0) return found
  const others = await readBy(execution, table, [keyCondition(table, missing)])
  return { ...found, rows: [...found.rows, ...others.rows] }
}

/**
 * When there are fewer rows than the statement has, some of its rows met each other, or one was
 * stored under another key, where no image shows it.
 */
async function checkFound(
  { execution, matches, plan, rows, table }: Insert,
  { before, after }: { readonly before: Image; readonly after: Image },
): Promise<void> {
  const found = after.rows.length + (plan.isReplace ? 0 : withoutKeys(table, before, after).length)
  if (found >= rows.length) return
  const keys = new Set(table.uniqueKeys.flatMap(({ columns }) => columns.map(nameOf)))
  const setsKey = plan.onDuplicate?.some(({ isSame, name }) => !isSame && keys.has(lower(name)))
  const known = matches.filter((match) => match !== undefined)
  if (setsKey === true || known.length < rows.length) throw notFound(table)
  const counts = known.flatMap((match, i): Fragment => [
    i === 0 ? 'SELECT ' : ' + ',
    `EXISTS (SELECT 1 FROM ${table.sql} WHERE `,
    ...match,
    ')',
  ])
  const { rows: answer } = await runOwn(execution, counts)
  if (Number(answer[0]![0]) < rows.length) throw notFound(table)
}

const lower = (name: string): string => name.toLowerCase()
const nameOf = ({ name }: Column): string => lower(name)

function withoutKeys(table: Table, some: Image, others: Image): Image['rows'] {
  const keys = new Set(others.rows.map((row) => keyOf(table, row)))
  return some.rows.filter((row) => !keys.has(keyOf(table, row)))
}

/** The rows with the numbers that the server gave out, by the first of them. */
async function readNumbered(insert: Insert, result: StatementResult): Promise<Image> {
  const { execution, plan, rows, table } = insert
  if (result.affectedRows === 0) return noRows(table)
  const auto = table.primaryKey.find(({ isAutoIncrement }) => isAutoIncrement)
  if (auto === undefined) throw notFound(table)
  if (plan.source.kind === 'query') await checkConsecutive(execution)
  const first = await firstNumber(execution, result)
  const step = BigInt(execution.state.autoIncrementIncrement)
  const conditions = rows.flatMap((row, i): Fragment => {
    const own = [`${quoteName(auto.name)} = ${first + BigInt(i) * step}`]
    const others = table.primaryKey
      .filter((column) => column !== auto)
      .flatMap((column) => otherMatch(row, column))
    return [i === 0 ? '(' : ' OR (', ...own, ...others, ')']
  })
  return readBy(execution, table, conditions)
}

function otherMatch(row: InsertRow, column: Column): Fragment {
  const value = row.valueOf(column)
  if (value.kind === 'sql') return [` AND ${quoteName(column.name)} = `, ...value.sql]
  throw refuse(
    'an INSERT',
    `the value of its key ${column.name} is not known`,
    'give the value itself',
  )
}

async function firstNumber({ session }: Execution, result: StatementResult): Promise<bigint> {
  if (result.affectedRows !== -1) return BigInt(result.insertId)
  // With RETURNING the answer has rows and no insertId.
  const { rows } = await session.run('SELECT LAST_INSERT_ID()')
  return BigInt(String(rows[0]![0]))
}

/**
 * A query inserts rows whose number is not known before, so that others may take numbers between.
 */
async function checkConsecutive({ session }: Execution): Promise<void> {
  const { rows } = await session.run('SELECT @@innodb_autoinc_lock_mode')
  if (Number(rows[0]![0]) < 2) return
  throw refuse(
    'INSERT … SELECT with generated keys',
    'the numbers of its rows need not follow each other under innodb_autoinc_lock_mode = 2',
    'read the rows and insert them with VALUES, or set the mode to 1',
  )
}

// -------------------------------------------------------------------------------------- undo logs

function insertLog(table: Table, made: Image): readonly StatementUndoLog[] {
  if (made.rows.length === 0) return []
  const tableName = table.name
  return [{ sqlType: 'INSERT', tableName, beforeImage: noRows(table), afterImage: made }]
}

function upserted(
  { rows, table }: Insert,
  { affectedRows }: StatementResult,
  before: Image,
  after: Image,
): Change {
  const now = new Map(after.rows.map((row) => [keyOf(table, row), row]))
  const made = withoutKeys(table, after, before)
  const kept = before.rows.map((row) => {
    const match = now.get(keyOf(table, row))
    if (match === undefined) throw notFound(table)
    return match
  })
  // Each row of the statement counts once, and once more if it changes a row that was there. One
  // that counts for none of the images was changed without one. Rows of the statement that meet
  // each other count more often.
  const changed = kept.filter((row, i) => !isSameRow(table, row, before.rows[i]!))
  const mostAffected = rows.length + changed.length
  const isWhole = made.length + kept.length >= rows.length
  if (affectedRows !== -1 && isWhole && affectedRows > mostAffected) throw racedBy(table)
  const tableName = table.name
  const updated: StatementUndoLog = {
    sqlType: 'UPDATE',
    tableName,
    beforeImage: before,
    afterImage: { tableName, rows: kept },
  }
  const inserted = insertLog(table, { tableName, rows: made })
  return { undo: kept.length === 0 ? inserted : [updated, ...inserted] }
}

function replaced(
  { rows, table }: Insert,
  { affectedRows }: StatementResult,
  before: Image,
  after: Image,
): Change {
  const tableName = table.name
  if (affectedRows !== -1 && after.rows.length === 0) throw notFound(table)
  const isWhole = after.rows.length >= rows.length
  if (affectedRows !== -1 && isWhole && affectedRows > before.rows.length + rows.length) {
    throw racedBy(table)
  }
  const removed: StatementUndoLog = {
    sqlType: 'DELETE',
    tableName,
    beforeImage: before,
    afterImage: noRows(table),
  }
  const inserted = insertLog(table, after)
  return { undo: before.rows.length === 0 ? inserted : [removed, ...inserted] }
}

function isSameRow(table: Table, some: Image['rows'][number], other: typeof some): boolean {
  return storedColumns(table).every(
    ({ type }, i) =>
      canonicalText(type, some.fields[i]!.value) === canonicalText(type, other.fields[i]!.value),
  )
}

function notFound(table: Table): Error {
  return refuse(
    `an INSERT into ${table.name}`,
    'not all of its rows can be found again: the keys were changed on their way into the table',
    'give the keys in the type and form of their columns',
  )
}

function racedBy(table: Table): Error {
  return txError(
    'SETTEE_TX_LOCK_CONFLICT',
    `a row of ${table.name} came in between from another session; try again`,
  )
}
