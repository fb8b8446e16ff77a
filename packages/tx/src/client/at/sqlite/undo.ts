/**
 * Phase two on a SQLite database: rolls a branch back by its undo log.
 */
import { isSetteeError, type SetteeError } from '@settee/kit'
import { BranchStatus } from '../../../protocol/status.ts'
import { decodeUndoLog } from '../undo/jackson-codec.ts'
import type { BranchKey } from '../undo/undo-log.ts'
import type { Connection } from './connection.ts'
import { undoRows } from './undo-rows.ts'

/** Logs from before maxUndoBytes was lowered can be read up to this length. */
const minReadableLength = 64 * 2 ** 20

/** A branch that cannot be rolled back without a person. */
export interface DirtyBranch extends BranchKey {
  /** SETTEE_TX_DIRTY_DATA with the row, or SETTEE_TX_BAD_UNDO_LOG. */
  readonly error: SetteeError
}

export interface UndoOptions {
  readonly nowMs: number
  /** Largest undo log that phase one stores, in bytes. */
  readonly maxUndoBytes: number
  readonly onDirty?: ((branch: DirtyBranch) => void) | undefined
}

/**
 * Rolls a branch back; the caller holds the lease of the connection. Without an undo log it leaves
 * a defence row, on which a phase one that comes too late fails.
 * @returns the status to report.
 * @throws what may succeed later, such as a busy file.
 */
export async function undoBranch(
  connection: Connection,
  branch: BranchKey,
  options: UndoOptions,
): Promise<BranchStatus> {
  const { database } = connection
  // Cascades are in the undo log already. The switch does nothing inside of a transaction.
  const enforcesReferences = database.prepare('PRAGMA foreign_keys').get()!['foreign_keys'] === 1
  if (enforcesReferences) database.exec('PRAGMA foreign_keys = OFF')
  try {
    await connection.begin()
    undoInTransaction(connection, branch, options, enforcesReferences)
    database.exec('COMMIT')
    return BranchStatus.PhaseTwo_Rollbacked
  } catch (error) {
    connection.rollback()
    if (!isHopeless(error)) throw error
    options.onDirty?.({ ...branch, error })
    return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
  } finally {
    if (enforcesReferences) database.exec('PRAGMA foreign_keys = ON')
  }
}

function undoInTransaction(
  { database, undoLogs }: Connection,
  branch: BranchKey,
  { nowMs, maxUndoBytes }: UndoOptions,
  enforcesReferences: boolean,
): void {
  const log = undoLogs.find(branch)
  if (log === null) return
  if (log === undefined) {
    undoLogs.insertDefence(branch, nowMs)
    return
  }
  const maxLength = Math.max(maxUndoBytes, minReadableLength)
  undoRows(database, decodeUndoLog(log, { maxLength }), enforcesReferences)
  undoLogs.delete(branch)
}

function isHopeless(error: unknown): error is SetteeError {
  return (
    isSetteeError(error, 'SETTEE_TX_DIRTY_DATA') || isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG')
  )
}
