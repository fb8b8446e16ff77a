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
  /** Resolves when the log is deleted. Rejects when that fails: the coordinator asks again. */
  add(branch: BranchKey): Promise<void>
  /** Deletes logs created before `beforeMs` (since the Unix epoch), a batch at a time. */
  deleteOlder(beforeMs: number): Promise<void>
  /** Resolves when nothing is left to delete. */
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
    } catch (error) {
      for (const { done } of pending.values()) done.reject(error)
      pending.clear()
    } finally {
      running = undefined
    }
  }

  return {
    add(branch) {
      const key = `${branch.xid},${branch.branchId}`
      let deletion = pending.get(key)
      if (deletion === undefined) {
        deletion = { branch, done: Promise.withResolvers<void>() }
        pending.set(key, deletion)
      }
      running ??= deleteAll()
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
      await running
    },
  }
}
