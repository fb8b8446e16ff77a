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
import type { RepairChoice } from '../../repair-choice.ts'
import {
  describeDirtyRows,
  dirtyReportOf,
  DirtyRowsError,
  sendDirtyReport,
  undoFailure,
  type DirtyReport,
} from '../dirty-report.ts'
import { unpackUndoLog } from '../undo/compression.ts'
import { readUndoLog } from '../undo/read-undo-log.ts'
import type { BranchKey, BranchUndoLog } from '../undo/undo-log.ts'
import type { MysqlSession, MysqlSource } from './driver/session.ts'
import type { AtEnvironment } from './environment.ts'
import { duplicateEntry, rollBack } from './local-branch.ts'
import { errnoOf } from './table-meta.ts'
import { withUndoSettings } from './undo-settings.ts'
import {
  isUnundoable,
  sqlWriter,
  undoStatement,
  type Dirty,
  type Repair,
} from './undo-statement.ts'

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
  source: MysqlSource,
  branch: BranchKey,
  options: UndoOptions,
): Promise<BranchStatus> {
  for (let left = maxAttempts - 1; ; left--) {
    try {
      await withSession(source, (session) =>
        withUndoSettings(session, options.lockTimeoutMs, () =>
          inTransaction(session, () => undoInside(environment, session, branch, options.choice)),
        ),
      )
      return BranchStatus.PhaseTwo_Rollbacked
    } catch (error) {
      const report = dirtyReportOf(branch, error)
      if (report !== undefined) {
        options.onDirty(report)
        await sendDirtyReport(environment.port, environment.resourceId, report)
        return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      }
      if (errnoOf(error) !== duplicateEntry || left === 0) throw error
    }
  }
}

/** Runs `work` on a connection of its own, which is closed when anything goes wrong. */
export async function withSession<Result>(
  source: MysqlSource,
  work: (session: MysqlSession) => Promise<Result>,
): Promise<Result> {
  const session = await source.connect()
  let isBroken = true
  try {
    const result = await work(session)
    isBroken = false
    return result
  } finally {
    session.release(isBroken)
  }
}

async function inTransaction(session: MysqlSession, work: () => Promise<void>): Promise<void> {
  await session.run('START TRANSACTION')
  try {
    await work()
    await session.run('COMMIT')
  } catch (error) {
    await rollBack(session, error)
    throw error
  }
}

async function undoInside(
  { undoTable, tables, limits }: AtEnvironment,
  session: MysqlSession,
  branch: BranchKey,
  choice: RepairChoice | undefined,
): Promise<void> {
  const row = await undoTable.select(session, branch)
  if (row === undefined) return undoTable.insertDefence(session, branch)
  if (row.isFinished) return
  const { maxUndoLength } = limits
  const log = await readUndoLog(branch, { maxUndoLength, choice }, (maxBytes) =>
    unpackUndoLog(row.log, maxBytes),
  )
  const repair = choice === undefined ? undefined : { choice, settled: new Set<string>() }
  const found: Dirty[] = []
  // Goes on behind a dirty statement, so that a person sees all rows that are dirty.
  for (const statement of log.statements.toReversed()) {
    const dirty = await undo(session, tables, statement, repair)
    if (dirty !== undefined) found.push(dirty)
  }
  if (found.length > 0) {
    const images = found.flatMap(({ rows }) => rows)
    throw new DirtyRowsError(found[0]!.error, describeDirtyRows(images, sqlWriter))
  }
  await undoTable.delete(session, [branch])
}

async function undo(
  session: MysqlSession,
  tables: AtEnvironment['tables'],
  statement: BranchUndoLog['statements'][number],
  repair: Repair | undefined,
): Promise<Dirty | undefined> {
  try {
    return await undoStatement(session, tables, statement, repair)
  } catch (error) {
    throw isUnundoable(error) ? new DirtyRowsError(undoFailure(error), []) : error
  }
}
