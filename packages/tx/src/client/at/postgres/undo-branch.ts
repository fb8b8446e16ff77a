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
import { isSetteeError, messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { BranchStatus } from '../../../protocol/status.ts'
import { decodeUndoLog } from '../undo/jackson-codec.ts'
import { checkUndoContext, undoContext } from '../undo/undo-context.ts'
import type { BranchKey, StatementUndoLog } from '../undo/undo-log.ts'
import type { AtEnvironment } from './environment.ts'
import { sqlState, withConnection, type PgClient, type PgPool } from './pg-driver.ts'
import { isUnundoable, undoStatement } from './undo-statement.ts'
import type { UndoRow } from './undo-table.ts'

/** A branch that cannot be rolled back without a person. */
export interface DirtyReport extends BranchKey {
  /** SETTEE_TX_DIRTY_DATA, or SETTEE_TX_BAD_UNDO_LOG when the undo log cannot be read. */
  readonly error: SetteeError
  /** The statement that cannot be undone, with its rows before and after. */
  readonly statement?: StatementUndoLog
  /** The rows as they are now. */
  readonly now?: StatementUndoLog['afterImage']
}

export interface UndoOptions {
  /** Longest wait for a row lock of the database, in ms. */
  readonly lockTimeoutMs: number
  readonly onDirty: (report: DirtyReport) => void
}

/** Longest undo log that is always read, in characters: peers may write longer ones than we. */
const minMaxUndoLength = 64 * 2 ** 20

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
        await undoInside(environment, client, branch)
        await client.query({ text: 'COMMIT' })
      })
      return BranchStatus.PhaseTwo_Rollbacked
    } catch (error) {
      if (error instanceof DirtyRows) {
        options.onDirty({ ...branch, error: error.reason, ...error.rows })
        return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      }
      if (isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG')) {
        options.onDirty({ ...branch, error })
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
): Promise<void> {
  const row = await undoTable.select(client, branch)
  if (row === undefined) return undoTable.insert(client, branch, defenceRow)
  if (row.isFinished) return
  checkUndoContext(row.context)
  const maxLength = Math.max(limits.maxUndoLength, minMaxUndoLength)
  const log = decodeUndoLog(row.rollbackText, { maxLength })
  if (log.xid !== branch.xid || BigInt(log.branchId) !== BigInt(branch.branchId)) {
    throw txError(
      'SETTEE_TX_BAD_UNDO_LOG',
      `the undo log of branch ${branch.branchId} of ${branch.xid} is that of branch ` +
        `${log.branchId} of ${log.xid}; look at who wrote the row in undo_log`,
    )
  }
  for (const statement of log.statements.toReversed()) {
    const dirty = await undoStatement(client, tables, statement).catch((error: unknown) => {
      throw isUnundoable(error) ? new DirtyRows(dirtyError(error), { statement }) : error
    })
    if (dirty !== undefined) throw new DirtyRows(dirty.error, { statement, now: dirty.now })
  }
  await client.query({ text: 'SET CONSTRAINTS ALL IMMEDIATE' }).catch((error: unknown) => {
    throw isUnundoable(error) ? new DirtyRows(dirtyError(error), {}) : error
  })
  await undoTable.delete(client, [branch])
}

function dirtyError(cause: unknown): SetteeError {
  return txError(
    'SETTEE_TX_DIRTY_DATA',
    `the branch cannot be undone: ${messageOf(cause)}; compare the rows with the undo log, ` +
      'correct them by hand, and delete the row in undo_log',
    { cause },
  )
}

const defenceRow: UndoRow = { context: undoContext, rollbackText: '{}', isFinished: true }

/** Carries what is dirty out of the local transaction, which has to be rolled back first. */
class DirtyRows extends Error {
  readonly reason: SetteeError
  readonly rows: Pick<DirtyReport, 'statement' | 'now'>

  constructor(reason: SetteeError, rows: Pick<DirtyReport, 'statement' | 'now'>) {
    super(reason.message)
    this.reason = reason
    this.rows = rows
  }
}
