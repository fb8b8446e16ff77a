/** The last events of a run, kept for the one that fails. */
import type { EventQueue } from './event-queue.ts'

interface TraceEntry {
  readonly atMs: number
  /** Empty for what concerns everybody, such as a crash. */
  readonly xid: string
  readonly text: string
}

const maxEntries = 4000

export class Trace {
  readonly #queue: EventQueue
  #entries: TraceEntry[] = []

  constructor(queue: EventQueue) {
    this.#queue = queue
  }

  add(xid: string, text: string): void {
    this.#entries.push({ atMs: this.#queue.nowMs, xid, text })
    if (this.#entries.length > 2 * maxEntries) this.#entries = this.#entries.slice(-maxEntries)
  }

  /** The last `count` lines about these transactions, and what happened to everybody meanwhile. */
  about(xids: ReadonlySet<string>, count: number): readonly string[] {
    const first = this.#entries.findIndex(({ xid }) => xids.has(xid))
    return this.#entries
      .slice(Math.max(first, 0))
      .filter(({ xid }) => xid === '' || xids.has(xid))
      .slice(-count)
      .map(({ atMs, xid, text }) => {
        const which = xids.size > 1 ? `${xid.slice(-6).padStart(6)}  ` : ''
        return `${atMs.toFixed(1).padStart(10)} ms  ${which}${text}`
      })
  }
}
