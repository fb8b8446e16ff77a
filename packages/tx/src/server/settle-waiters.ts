/**
 * Transaction managers that asked for an end and wait until phase two is through, has failed for
 * the first time, or takes too long. Ephemeral: whoever is not answered asks again.
 */
import type { Clock, SetteeError, Timer } from '@settee/kit'
import type { CommandResult } from '../core/result.ts'
import type { GlobalStatus } from '../protocol/status.ts'

/** What came of a request: a failure of the store, a refusal of the core, or the result. */
export type Reply = (error: SetteeError | undefined, result: CommandResult | undefined) => void

export interface SettleWaitersOptions {
  readonly clock: Clock
  /** Longest wait, in ms. */
  readonly limitMs: number
  /** What is answered to those who have waited that long. */
  readonly statusOf: (xid: string) => GlobalStatus
}

interface SettleWaiter {
  readonly reply: Reply
  readonly timer: Timer
}

export class SettleWaiters {
  readonly #options: SettleWaitersOptions
  readonly #byXid = new Map<string, SettleWaiter[]>()

  constructor(options: SettleWaitersOptions) {
    this.#options = options
  }

  add(xid: string, reply: Reply): void {
    const { clock, limitMs, statusOf } = this.#options
    const waiters = this.#byXid.get(xid) ?? []
    this.#byXid.set(xid, waiters)
    const timer = clock.after(limitMs, () => this.settle(xid, statusOf(xid)))
    waiters.push({ reply, timer })
  }

  /** Answers all that wait for this transaction. */
  settle(xid: string, status: GlobalStatus): void {
    for (const reply of this.#take(xid)) reply(undefined, { refusal: null, status, effects: [] })
  }

  /** Nothing settles any more. */
  refuseAll(error: SetteeError): void {
    for (const xid of this.#byXid.keys()) {
      for (const reply of this.#take(xid)) reply(error, undefined)
    }
  }

  /** Forgets all of them; they get no answer. */
  clear(): void {
    for (const xid of this.#byXid.keys()) this.#take(xid)
  }

  #take(xid: string): Reply[] {
    const waiters = this.#byXid.get(xid) ?? []
    this.#byXid.delete(xid)
    return waiters.map(({ reply, timer }) => {
      timer.cancel()
      return reply
    })
  }
}
