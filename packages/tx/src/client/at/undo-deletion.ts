/**
 * Deletes the undo rows of committed branches in batches: one forms while the one before it is in
 * flight; nothing waits for a timer. A branch is answered Committed when its row is gone, so that a
 * process that is killed leaves none behind. What cannot be deleted fails, and the coordinator asks
 * again: nothing else waits for that, as the rows of the branch are free already.
 * Original: org.apache.seata.rm.datasource.AsyncWorker, which answers before it deletes.
 */
import { Queue } from '@settee/kit'
import type { BranchKey } from './undo/undo-log.ts'

/** Rows deleted by one statement or transaction: a few milliseconds of the database. */
export const maxDeletionBatch = 1000

export interface UndoDeletion {
  /** Resolves when the row is deleted. */
  add(branch: BranchKey): Promise<void>
  /** Resolves when nothing is in flight. */
  close(): Promise<void>
}

interface Waiting {
  readonly branch: BranchKey
  readonly done: PromiseWithResolvers<void>
}

/** @param remove deletes the rows of some branches. */
export function createUndoDeletion(
  remove: (branches: readonly BranchKey[]) => Promise<void>,
): UndoDeletion {
  const queue = new Queue<Waiting>()
  let running: Promise<void> | undefined

  async function removeBatch(): Promise<void> {
    const batch: Waiting[] = []
    while (batch.length < maxDeletionBatch && queue.length > 0) batch.push(queue.shift()!)
    try {
      await remove(batch.map(({ branch }) => branch))
      for (const { done } of batch) done.resolve()
    } catch (error) {
      for (const { done } of batch) done.reject(error)
    }
  }

  async function run(): Promise<void> {
    while (queue.length > 0) await removeBatch()
    running = undefined
  }

  return {
    add(branch) {
      const done = Promise.withResolvers<void>()
      queue.push({ branch, done })
      running ??= run()
      return done.promise
    },
    async close() {
      await running
    },
  }
}
