/**
 * Puts rows back. A constraint may not let them back in just any order: a value that is taken until
 * another row gives it up, a row whose parent comes later. The server undoes a statement that fails
 * and goes on, so such a row is tried again behind the others, as long as that helps.
 */
import type { Row } from '../undo/undo-log.ts'
import { isForbidden, quoteName, writeLiteral } from './column-types.ts'
import type { MysqlSession } from './driver/session.ts'
import { fieldOf, keyCondition } from './images.ts'
import { errnoOf, type Column, type Table } from './table-meta.ts'
import { looseMode, strictMode } from './undo-settings.ts'

/** A row that gets another state; undefined where it does not exist. */
export interface RowChange {
  readonly from: Row | undefined
  readonly to: Row | undefined
}

/** Longest INSERT of several rows, in characters. */
const maxInsertLength = 256 * 1024

/** Duplicate key; a child row is there; a parent row is not. */
const orderErrors: ReadonlySet<number> = new Set([1062, 1451, 1452])

/** @throws the server's error for the first row that no order lets back. */
export async function changeRows(
  session: MysqlSession,
  table: Table,
  columns: readonly Column[],
  changes: readonly RowChange[],
): Promise<void> {
  // An order that works is mostly the one in which all go at once.
  const isDone = await tryTogether(session, table, columns, changes)
  if (isDone) return
  let pending = changes
  let failure: unknown
  while (pending.length > 0) {
    const failed: RowChange[] = []
    for (const change of pending) {
      try {
        await runEach(session, table, columns, [change])
      } catch (error) {
        if (!orderErrors.has(errnoOf(error) ?? 0)) throw error
        failure = error
        failed.push(change)
      }
    }
    if (failed.length === pending.length) throw failure
    pending = failed
  }
}

/** Rows that come back or go do so with few statements. */
async function tryTogether(
  session: MysqlSession,
  table: Table,
  columns: readonly Column[],
  changes: readonly RowChange[],
): Promise<boolean> {
  const isUniform =
    changes.every(({ from }) => from === undefined) || changes.every(({ to }) => to === undefined)
  if (!isUniform || changes.length < 2) return false
  await session.run('SAVEPOINT settee_undo')
  try {
    await runEach(session, table, columns, changes)
    return true
  } catch (error) {
    if (!orderErrors.has(errnoOf(error) ?? 0)) throw error
    await session.run('ROLLBACK TO SAVEPOINT settee_undo')
    return false
  }
}

async function runEach(
  session: MysqlSession,
  table: Table,
  columns: readonly Column[],
  changes: readonly RowChange[],
): Promise<void> {
  for (const { sql, isLoose } of statementsOf(table, columns, changes)) {
    if (!isLoose) {
      await session.run(sql)
      continue
    }
    await session.run(looseMode)
    try {
      await session.run(sql)
    } finally {
      await session.run(strictMode)
    }
  }
}

interface Statement {
  readonly sql: string
  /** It writes a value that its column's type forbids. */
  readonly isLoose: boolean
}

function* statementsOf(
  table: Table,
  columns: readonly Column[],
  changes: readonly RowChange[],
): Generator<Statement> {
  const added = changes.flatMap(({ from, to }) => (from === undefined && to ? [to] : []))
  const removed = changes.flatMap(({ from, to }) => (to === undefined && from ? [from] : []))
  if (removed.length > 0) {
    yield { sql: `DELETE FROM ${table.sql} WHERE ${keyCondition(table, removed)}`, isLoose: false }
  }
  yield* insertsOf(table, columns, added)
  for (const { from, to } of changes) {
    if (from === undefined || to === undefined) continue
    const set = columns.filter(({ isPrimaryKey }) => !isPrimaryKey)
    if (set.length === 0) continue
    const list = set.map((column) => `${quoteName(column.name)} = ${literal(column, to)}`)
    yield {
      sql: `UPDATE ${table.sql} SET ${list.join(', ')} WHERE ${keyCondition(table, [to])}`,
      isLoose: isLooseRow(columns, to),
    }
  }
}

function* insertsOf(
  table: Table,
  columns: readonly Column[],
  rows: readonly Row[],
): Generator<Statement> {
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  let values: string[] = []
  let length = 0
  let isLoose = false
  for (const row of rows) {
    const text = `(${columns.map((column) => literal(column, row)).join(', ')})`
    if (values.length > 0 && length + text.length > maxInsertLength) {
      yield { sql: `INSERT INTO ${table.sql} (${names}) VALUES ${values.join(', ')}`, isLoose }
      values = []
      length = 0
      isLoose = false
    }
    values.push(text)
    length += text.length
    isLoose ||= isLooseRow(columns, row)
  }
  if (values.length === 0) return
  yield { sql: `INSERT INTO ${table.sql} (${names}) VALUES ${values.join(', ')}`, isLoose }
}

function literal({ name, type }: Column, row: Row): string {
  return writeLiteral(type, fieldOf(row, name)?.value ?? null)
}

function isLooseRow(columns: readonly Column[], row: Row): boolean {
  return columns.some(({ name, type }) => isForbidden(type, fieldOf(row, name)?.value ?? null))
}
