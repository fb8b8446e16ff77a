/**
 * Takes one statement back as a person decided: rows that nobody else changed as ever, dirty ones
 * into the state that was chosen.
 *
 * A row that keeps its state, or gets that of after the branch, is left alone by the statements
 * before this one: what they would restore is what the person did not choose.
 */
import type { RepairChoice } from '../../repair-choice.ts'
import type { Row, StatementUndoLog } from '../undo/undo-log.ts'
import { keyOf } from './image-rows.ts'
import type { TableCache } from './table-meta.ts'
import type { PgClient } from './pg-driver.ts'
import {
  dirty,
  findTarget,
  isSameRow,
  isUnundoable,
  keyImage,
  readNow,
  reverse,
  statesOf,
  type Dirty,
  type RowStates,
  type Target,
} from './undo-statement.ts'
import { messageOf } from '@settee/kit'

export interface Repair {
  readonly choice: RepairChoice
  /** Table and key of the rows that have got their final state. */
  readonly settled: Set<string>
}

export function createRepair(choice: RepairChoice): Repair {
  return { choice, settled: new Set() }
}

/** Says what is dirty still, such as a row that a constraint does not let back. */
export async function repairStatement(
  client: PgClient,
  tables: TableCache,
  statement: StatementUndoLog,
  repair: Repair,
): Promise<Dirty | undefined> {
  const target = await findTarget(client, tables, statement)
  if (target === undefined) {
    return repair.choice === 'now'
      ? undefined
      : dirty(statement, 'the table was dropped or altered')
  }
  const now = await readNow(target, keyImage(statement))
  await client.query({ text: 'SAVEPOINT settee_repair' })
  try {
    // From the last row to the first, as in an ordinary rollback.
    for (const states of statesOf(statement, now).toReversed()) {
      await repairRow(target, statement, states, repair)
    }
    await client.query({ text: 'RELEASE SAVEPOINT settee_repair' })
    return undefined
  } catch (error) {
    if (!isUnundoable(error)) throw error
    await client.query({ text: 'ROLLBACK TO SAVEPOINT settee_repair' })
    if (repair.choice === 'before') return dirty(statement, messageOf(error))
    // The rows cannot be what they were before, and need not.
    for (const row of keyImage(statement).rows) repair.settled.add(rowName(statement, row))
    return undefined
  }
}

async function repairRow(
  target: Target,
  statement: StatementUndoLog,
  states: RowStates,
  { choice, settled }: Repair,
): Promise<void> {
  const name = rowName(statement, (states.before ?? states.after)!)
  if (settled.has(name)) return
  if (await isSameRow(target, states.now, states.after)) {
    return setRow(target, statement, states.now, states.before)
  }
  if (await isSameRow(target, states.now, states.before)) return undefined
  if (choice !== 'before') settled.add(name)
  return setRow(target, statement, states.now, states[choice])
}

/** Turns the row from `now` into `wanted`; either may be absent. */
async function setRow(
  { client, table, columns }: Target,
  statement: StatementUndoLog,
  now: Row | undefined,
  wanted: Row | undefined,
): Promise<void> {
  if (now === wanted) return
  const { tableName } = statement
  const none = { tableName, rows: [] }
  const image = (row: Row | undefined): typeof none | { tableName: string; rows: Row[] } =>
    row === undefined ? none : { tableName, rows: [row] }
  const sqlType = now === undefined ? 'DELETE' : wanted === undefined ? 'INSERT' : 'UPDATE'
  await reverse(client, table, columns, {
    sqlType,
    tableName,
    beforeImage: image(wanted),
    afterImage: image(now),
  })
}

function rowName({ tableName }: StatementUndoLog, row: Row): string {
  return JSON.stringify([tableName, keyOf(row)])
}
