/**
 * Phase two, rollback: takes a branch's changes back with its undo log, in one local transaction.
 *
 * ```
 * undo row?  no  → write a row that keeps a late phase one from committing
 *            log_status ≠ 0 → nothing to do
 *            yes → statements from the last to the first:  now = before → nothing to do
 *                                                          now = after  → undo
 *                                                          else         → dirty, give up
 *                  delete the undo row
 * ```
 * Original: org.apache.seata.rm.datasource.undo.AbstractUndoLogManager.undo.
 */
import { BranchStatus } from '../../../protocol/status.ts'
import { readUndoLog } from '../undo/read-undo-log.ts'
import {
  describeDirtyRows,
  dirtyReportOf,
  DirtyRowsError,
  sendDirtyReport,
  undoFailure,
  type DirtyReport,
} from '../dirty-report.ts'
import { unpackUndoLog } from '../undo/compression.ts'
import { checkWhole } from '../undo/undo-context.ts'
import type { RepairChoice } from '../../repair-choice.ts'
import type { BranchKey, BranchUndoLog } from '../undo/undo-log.ts'
import type { AtEnvironment } from './environment.ts'
import { sqlState, withConnection, type PgClient, type PgPool } from './pg-driver.ts'
import { createRepair, repairStatement } from './repair-statement.ts'
import type { TableCache } from './table-meta.ts'
import { isUnundoable, sqlWriter, undoStatement, type Dirty } from './undo-statement.ts'

export interface UndoOptions {
  /** Longest wait for a row lock of the database, in ms. */
  readonly lockTimeoutMs: number
  readonly onDirty: (report: DirtyReport) => void
  /** What a person decided about rows that were dirty. */
  readonly choice?: RepairChoice | undefined
}

/** Attempts when a late phase one commits its undo row at the same moment. */
const maxAttempts = 3

/** Rolls a branch back. Rejects with what the coordinator should try again. */
export async function undoBranch(
  environment: AtEnvironment,
  pool: PgPool,
  branch: BranchKey,
  options: UndoOptions,
): Promise<BranchStatus> {
  for (let left = maxAttempts - 1; ; left--) {
    try {
      await withConnection(pool, async (client) => {
        await client.query({ text: beginSql(options.lockTimeoutMs) })
        await undoInside(environment, client, branch, options.choice)
        await client.query({ text: 'COMMIT' })
      })
      return BranchStatus.PhaseTwo_Rollbacked
    } catch (error) {
      const report = dirtyReportOf(branch, error)
      if (report !== undefined) {
        options.onDirty(report)
        await sendDirtyReport(environment.port, environment.resourceId, report)
        return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      }
      if (sqlState(error) !== '23505' || left === 0) throw error
    }
  }
}

/**
 * Settings under which every text of an undo log means one thing. Constraints are looked at when
 * all is undone, so that the states in between need not fulfil those that can wait.
 */
function beginSql(lockTimeoutMs: number): string {
  return (
    "BEGIN; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; " +
    "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1; " +
    `SET LOCAL bytea_output = 'hex'; SET LOCAL lock_timeout = ${lockTimeoutMs}; ` +
    'SET CONSTRAINTS ALL DEFERRED'
  )
}

async function undoInside(
  { undoTable, tables, limits }: AtEnvironment,
  client: PgClient,
  branch: BranchKey,
  choice: RepairChoice | undefined,
): Promise<void> {
  const row = await undoTable.select(client, branch)
  if (row === undefined) return undoTable.insertDefence(client, branch)
  if (row.isFinished) return
  const { maxUndoLength } = limits
  const log = await readUndoLog(branch, { maxUndoLength, choice }, async (maxBytes) => {
    checkWhole(row.log.context)
    return unpackUndoLog(row.log, maxBytes)
  })
  const dirty = await undoStatements(client, tables, log, choice)
  if (dirty.length > 0) {
    const images = dirty.flatMap(({ rows }) => rows)
    throw new DirtyRowsError(dirty[0]!.error, describeDirtyRows(images, sqlWriter))
  }
  await client.query({ text: 'SET CONSTRAINTS ALL IMMEDIATE' }).catch((error: unknown) => {
    throw isUnundoable(error) ? new DirtyRowsError(undoFailure(error), []) : error
  })
  await undoTable.delete(client, [branch])
}

/** Goes on behind a dirty statement, so that a person sees all rows that are dirty. */
async function undoStatements(
  client: PgClient,
  tables: TableCache,
  { statements }: BranchUndoLog,
  choice: RepairChoice | undefined,
): Promise<readonly Dirty[]> {
  const repair = choice === undefined ? undefined : createRepair(choice)
  const found: Dirty[] = []
  for (const statement of statements.toReversed()) {
    const undo =
      repair === undefined
        ? undoStatement(client, tables, statement)
        : repairStatement(client, tables, statement, repair)
    const dirty = await undo.catch((error: unknown) => {
      throw isUnundoable(error) ? new DirtyRowsError(undoFailure(error), []) : error
    })
    if (dirty === undefined) continue
    found.push(dirty)
    // The server takes nothing more once a constraint has failed.
    if (dirty.rows.length === 0) break
  }
  return found
}
