/**
 * Deletes rows of `undo_log` when the writer is idle, a batch at a time, so that nobody waits long.
 */
import { maxDeletionBatch } from '../undo-deletion.ts'
import type { BranchKey } from '../undo/undo-log.ts'
import type { Connection } from './connection.ts'
import type { WriterQueue } from './writer-queue.ts'

/** Deletes the logs of `branches` in one transaction. */
export async function deleteUndoLogs(
  connection: Connection,
  queue: WriterQueue,
  branches: readonly BranchKey[],
): Promise<void> {
  const lease = await queue.acquire('idle')
  try {
    await connection.begin()
    for (const branch of branches) connection.undoLogs.delete(branch)
    connection.database.exec('COMMIT')
  } finally {
    connection.rollback()
    lease.release()
  }
}

/** Deletes the rows older than `beforeMs` (since the Unix epoch) that nothing needs any more. */
export async function deleteOldUndoLogs(
  connection: Connection,
  queue: WriterQueue,
  beforeMs: number,
): Promise<void> {
  for (let deleted = maxDeletionBatch; deleted === maxDeletionBatch;) {
    const lease = await queue.acquire('idle')
    try {
      deleted = await connection.retryWhileBusy(() =>
        connection.undoLogs.deleteOlder(beforeMs, maxDeletionBatch),
      )
    } finally {
      lease.release()
    }
  }
}
