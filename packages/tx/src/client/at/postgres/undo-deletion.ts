/**
 * Deletes the undo rows of committed branches behind the coordinator's back: it was told Committed
 * already. A batch forms while the one before it is in flight; nothing waits for a timer. Rows that
 * a crash leaves are deleted when the coordinator sends the commit again or by age.
 */
import { backoffMs, Queue, systemRandom, type Clock } from '@settee/kit'
import type { Branch } from './undo-table.ts'

const maxBatch = 1000

export interface UndoDeletion {
  /** Resolves at once while there is room in the queue, else when the row is deleted. */
  add(branch: Branch): Promise<void>
  /** Resolves when the queue is empty, or when the database refused its first batch. */
  close(): Promise<void>
}

export function createUndoDeletion(options: {
  readonly remove: (branches: readonly Branch[]) => Promise<void>
  readonly maxQueued: number
  readonly clock: Clock
}): UndoDeletion {
  const queue = new Queue<Branch>()
  let running: Promise<void> | undefined
  let isClosing = false

  async function run(): Promise<void> {
    let failures = 0
    while (queue.length > 0) {
      const batch: Branch[] = []
      while (batch.length < maxBatch && queue.length > 0) batch.push(queue.shift()!)
      try {
        await options.remove(batch)
        failures = 0
      } catch {
        // What cannot be deleted now stays queued; on closing it is left for deletion by age.
        if (isClosing) return
        for (const branch of batch) queue.push(branch)
        failures++
        const delayMs = backoffMs(failures, { minMs: 100, maxMs: 10_000 }, systemRandom)
        await new Promise<void>((resolve) => {
          options.clock.after(delayMs, resolve)
          wake = resolve
        })
      }
    }
  }

  let wake = (): void => {}

  return {
    async add(branch) {
      if (queue.length >= options.maxQueued) return options.remove([branch])
      queue.push(branch)
      running ??= run().finally(() => {
        running = undefined
      })
    },
    async close() {
      isClosing = true
      wake()
      await running
    },
  }
}
