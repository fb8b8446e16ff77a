/**
 * Virtual time: one queue of events, run one after the other, with no thread and no real clock.
 * Code under simulation may use promises: after each event all that follows from it is run to its
 * end, so the order of everything is given by the queue alone.
 */
import { MinHeap } from '@settee/kit'

export interface Scheduled {
  cancel(): void
}

class Entry implements Scheduled {
  run: (() => void) | undefined

  constructor(run: () => void) {
    this.run = run
  }

  cancel(): void {
    this.run = undefined
  }
}

export class EventQueue {
  /** Virtual ms since the start. */
  nowMs = 0
  /** Events that were run. */
  eventCount = 0
  readonly #heap = new MinHeap<Entry>()

  after(delayMs: number, run: () => void): Scheduled {
    const entry = new Entry(run)
    this.#heap.push(this.nowMs + Math.max(delayMs, 0), entry)
    return entry
  }

  /**
   * Runs events until `isOver`, asked after each, or none is left before `limitMs`.
   * @returns whether it was over.
   */
  run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (isOver()) resolve(true)
          else if (!this.#runNext(limitMs)) resolve(false)
          else queueMicrotask(again)
        } catch (error) {
          reject(error as Error)
        }
      }
      // A tick asked for by a microtask starts when no microtask is left: then all promises have
      // settled that could, in whatever context this runs.
      const again = (): void => process.nextTick(step)
      queueMicrotask(again)
    })
  }

  #runNext(limitMs: number): boolean {
    for (;;) {
      if (this.#heap.minKey > limitMs) return false
      const dueMs = this.#heap.minKey
      const entry = this.#heap.pop() as Entry
      if (entry.run === undefined) continue
      this.nowMs = Math.max(this.nowMs, dueMs)
      this.eventCount++
      entry.run()
      return true
    }
  }
}
