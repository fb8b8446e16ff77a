/**
 * Deletes the undo logs of committed branches: in batches, when the writer is idle.
 *
 * Branches that arrive while a batch waits for the writer join it, so batches grow with the load.
 * Original: org.apache.seata.rm.datasource.AsyncWorker.
 */
import type { Connection } from './connection.ts'
import type { BranchKey } from './undo-log-table.ts'
import type { WriterQueue } from './writer-queue.ts'

export interface UndoDeletion {
  /** Branches whose undo log is still to be deleted. */
  readonly pendingCount: number
  /** Resolves when the log is deleted. After a failure that is tried again with the next call. */
  add(branch: BranchKey): Promise<void>
  /** Deletes logs created before `beforeMs` (since the Unix epoch), a batch at a time. */
  deleteOlder(beforeMs: number): Promise<void>
  /** Resolves when nothing is left to delete; rejects when that fails. */
  flush(): Promise<void>
}

interface PendingDeletion {
  readonly branch: BranchKey
  readonly done: PromiseWithResolvers<void>
}

/** Rows deleted while the writer is held once: a few milliseconds. */
const batchSize = 1000

export function createUndoDeletion(connection: Connection, queue: WriterQueue): UndoDeletion {
  const pending = new Map<string, PendingDeletion>()
  let running: Promise<void> | undefined

  async function deleteBatch(): Promise<void> {
    const lease = await queue.acquire('idle')
    try {
      await connection.begin()
      const batch = [...pending].slice(0, batchSize)
      for (const [, { branch }] of batch) connection.undoLogs.delete(branch)
      connection.database.exec('COMMIT')
      for (const [key, { done }] of batch) {
        pending.delete(key)
        done.resolve()
      }
    } finally {
      connection.rollback()
      lease.release()
    }
  }

  async function deleteAll(): Promise<void> {
    try {
      while (pending.size > 0) await deleteBatch()
    } finally {
      running = undefined
    }
  }

  return {
    get pendingCount() {
      return pending.size
    },
    add(branch) {
      const key = `${branch.xid},${branch.branchId}`
      let deletion = pending.get(key)
      if (deletion === undefined) {
        deletion = { branch, done: Promise.withResolvers<void>() }
        pending.set(key, deletion)
      }
      // What fails stays pending.
      if (running === undefined) (running = deleteAll()).catch(() => {})
      return deletion.done.promise
    },
    async deleteOlder(beforeMs) {
      for (let deleted = batchSize; deleted === batchSize;) {
        const lease = await queue.acquire('idle')
        try {
          deleted = await connection.retryWhileBusy(() =>
            connection.undoLogs.deleteOlder(beforeMs, batchSize),
          )
        } finally {
          lease.release()
        }
      }
    },
    async flush() {
      if (pending.size > 0) running ??= deleteAll()
      await running
    },
  }
}
