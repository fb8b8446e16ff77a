/**
 * Keeps a client that begins transactions in a loop from filling the journal for all: a token
 * bucket that holds what may begin within a second. Pure and ephemeral.
 */
import { beginRefusal, type Refusal } from './refusal.ts'

export class BeginRate {
  readonly #maxPerSecond: number
  #tokens: number
  #filledAt = -Infinity

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond
    this.#tokens = maxPerSecond
  }

  /** Why no transaction may begin now; null when one may, which is counted. */
  refusalOf(xid: string, now: number): Refusal | null {
    if (now > this.#filledAt) {
      const earned = ((now - this.#filledAt) / 1000) * this.#maxPerSecond
      this.#tokens = Math.min(this.#tokens + earned, this.#maxPerSecond)
      this.#filledAt = now
    }
    if (this.#tokens < 1) {
      return beginRefusal(
        xid,
        `${this.#maxPerSecond} transactions began within a second, the limit maxBeginsPerSecond; ` +
          'try again later',
      )
    }
    this.#tokens--
    return null
  }
}
