/**
 * Phase two on a SQLite database: rolls a branch back by its undo log.
 */
import type { RepairChoice } from '../../repair-choice.ts'
import { dirtyReportOf, needsPerson, type DirtyReport } from '../dirty-report.ts'
import { decodeUndoLog } from '../undo/jackson-codec.ts'
import type { BranchKey, BranchUndoLog } from '../undo/undo-log.ts'
import type { Connection } from './connection.ts'
import { undoRows } from './undo-rows.ts'

/** Logs from before maxUndoBytes was lowered can be read up to this length. */
const minReadableLength = 64 * 2 ** 20

export interface UndoOptions {
  readonly nowMs: number
  /** Largest undo log that phase one stores, in bytes. */
  readonly maxUndoBytes: number
  /** What a person decided about rows that were dirty. */
  readonly choice: RepairChoice | undefined
}

/**
 * Rolls a branch back; the caller holds the lease of the connection. Without an undo log it leaves
 * a defence row, on which a phase one that comes too late fails.
 * @returns what a person must decide about, if so; nothing has changed then.
 * @throws what may succeed later, such as a busy file.
 */
export async function undoBranch(
  connection: Connection,
  branch: BranchKey,
  options: UndoOptions,
): Promise<{ readonly dirty: DirtyReport | undefined }> {
  const { database } = connection
  // Cascades are in the undo log already. The switch does nothing inside of a transaction.
  const enforcesReferences = database.prepare('PRAGMA foreign_keys').get()!['foreign_keys'] === 1
  if (enforcesReferences) database.exec('PRAGMA foreign_keys = OFF')
  try {
    await connection.begin()
    undoInTransaction(connection, branch, options, enforcesReferences)
    database.exec('COMMIT')
    return { dirty: undefined }
  } catch (error) {
    connection.rollback()
    const dirty = dirtyReportOf(branch, error)
    if (dirty === undefined) throw error
    return { dirty }
  } finally {
    if (enforcesReferences) database.exec('PRAGMA foreign_keys = ON')
  }
}

function undoInTransaction(
  { database, undoLogs }: Connection,
  branch: BranchKey,
  { nowMs, maxUndoBytes, choice }: UndoOptions,
  enforcesReferences: boolean,
): void {
  const log = undoLogs.find(branch)
  if (log === null) return
  if (log === undefined) {
    undoLogs.insertDefence(branch, nowMs)
    return
  }
  const maxLength = Math.max(maxUndoBytes, minReadableLength)
  const read = readUndoLog(log, maxLength, choice)
  if (read !== undefined) undoRows(database, read, { enforcesReferences, choice })
  undoLogs.delete(branch)
}

/** A person may give up a log that cannot be read: then the rows stay as they are. */
function readUndoLog(
  text: string,
  maxLength: number,
  choice: RepairChoice | undefined,
): BranchUndoLog | undefined {
  try {
    return decodeUndoLog(text, { maxLength })
  } catch (error) {
    if (choice !== 'now' || !needsPerson(error)) throw error
    return undefined
  }
}
