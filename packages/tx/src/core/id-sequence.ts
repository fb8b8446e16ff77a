/**
 * Ids of transactions and branches, in Seata's form with worker 0:
 *
 *     bit 52 .................... 12 | 11 ........ 0
 *     ms since 2020-05-02T16:00:00Z  | sequence
 *
 * With worker 0 an id stays below 2^53, so it is a plain number. An id is never given twice: the
 * sequence only rises, whatever the clock does, and the highest id is part of the durable state.
 * Original: org.apache.seata.common.util.IdWorker.
 */

/** Instant at which the ids start, in ms since the Unix epoch. */
const firstInstantMs = 1_588_435_200_000
const idsPerMs = 4096

export class IdSequence {
  #last: number

  /** @param last the highest id that was ever given; 0 at the very first start. */
  constructor(last: number) {
    this.#last = last
  }

  /** A new id. @param now wall time in ms. */
  next(now: number): number {
    this.#last = Math.max(this.#last + 1, (now - firstInstantMs) * idsPerMs)
    return this.#last
  }
}

/** Wall time in ms at which the id was given, or a little later when many were. */
export function instantOf(id: number): number {
  return firstInstantMs + Math.floor(id / idsPerMs)
}
