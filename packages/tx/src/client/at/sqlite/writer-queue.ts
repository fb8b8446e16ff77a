/**
 * Who may use the one writing connection: a fair queue with three classes.
 *
 * Rollbacks come first, because others wait for the global locks that they free; work comes in the
 * order of arrival; idle tasks (deletion of undo logs) run when nobody else waits, but never later
 * than {@link idleLimitMs} after they asked.
 */
import { type Clock, Queue, type Timer } from '@settee/kit'
import { txError } from '../../../errors.ts'

export type Urgency = 'rollback' | 'work' | 'idle'

/** The right to use the connection. */
export interface Lease {
  /** Hands the connection to the next; a second call does nothing. */
  release(): void
}

export interface WriterQueueOptions {
  readonly clock: Clock
  /** Callers that may wait, rollbacks and idle tasks not counted. */
  readonly maxWaiting: number
  /** Longest wait, in ms. */
  readonly waitMs: number
}

export interface WriterQueue {
  /**
   * Resolves when it is the caller's turn.
   * @param waitMs longest wait in ms, if shorter than that of the options.
   * @throws SETTEE_TX_POOL_OVERLOADED, SETTEE_TX_POOL_TIMEOUT, SETTEE_TX_POOL_CLOSED.
   */
  acquire(urgency: Urgency, waitMs?: number): Promise<Lease>
  /** Refuses newcomers from now on; resolves when those who waited have had their turn. */
  close(): Promise<void>
}

interface Waiter {
  readonly sinceMs: number
  readonly grant: (lease: Lease) => void
  timer: Timer | undefined
  gone: boolean
}

/** How long an idle task gives way to work, in ms. */
const idleLimitMs = 1000

export function createWriterQueue(options: WriterQueueOptions): WriterQueue {
  return new FairWriterQueue(options)
}

class FairWriterQueue implements WriterQueue {
  readonly #options: WriterQueueOptions
  readonly #rollbacks = new Queue<Waiter>()
  readonly #work = new Queue<Waiter>()
  readonly #idle = new Queue<Waiter>()
  #workCount = 0
  #isHeld = false
  #closed: PromiseWithResolvers<void> | undefined

  constructor(options: WriterQueueOptions) {
    this.#options = options
  }

  async acquire(urgency: Urgency, waitMs: number = Infinity): Promise<Lease> {
    if (this.#closed !== undefined) {
      throw txError('SETTEE_TX_POOL_CLOSED', 'the pool was closed; open a new one')
    }
    if (!this.#isHeld) {
      this.#isHeld = true
      return this.#createLease()
    }
    const { maxWaiting } = this.#options
    if (urgency === 'work' && this.#workCount >= maxWaiting) throw overloaded(maxWaiting)
    return this.#wait(urgency, Math.min(waitMs, this.#options.waitMs))
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers<void>()
      if (!this.#isHeld) this.#closed.resolve()
    }
    return this.#closed.promise
  }

  #wait(urgency: Urgency, waitMs: number): Promise<Lease> {
    const { clock } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<Lease>()
    const sinceMs = clock.monotonic()
    const waiter: Waiter = { sinceMs, grant: resolve, timer: undefined, gone: false }
    if (urgency === 'idle') {
      this.#idle.push(waiter)
      return promise
    }
    waiter.timer = clock.after(waitMs, () => {
      waiter.gone = true
      if (urgency === 'work') this.#workCount--
      reject(timedOut(waitMs))
    })
    if (urgency === 'work') this.#workCount++
    const queue = urgency === 'work' ? this.#work : this.#rollbacks
    queue.push(waiter)
    return promise
  }

  #createLease(): Lease {
    let isReleased = false
    return {
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#passOn()
      },
    }
  }

  #passOn(): void {
    const next = this.#takeNext()
    if (next !== undefined) {
      next.timer?.cancel()
      next.grant(this.#createLease())
      return
    }
    this.#isHeld = false
    this.#closed?.resolve()
  }

  #takeNext(): Waiter | undefined {
    const oldest = this.#idle.peek()
    const isOverdue =
      oldest !== undefined && this.#options.clock.monotonic() - oldest.sinceMs >= idleLimitMs
    return (
      shiftPresent(this.#rollbacks) ??
      (isOverdue ? this.#idle.shift() : undefined) ??
      this.#takeWork() ??
      this.#idle.shift()
    )
  }

  #takeWork(): Waiter | undefined {
    const waiter = shiftPresent(this.#work)
    if (waiter !== undefined) this.#workCount--
    return waiter
  }
}

/** Skips those whose time ran out: they stay in the queue until their turn would have come. */
function shiftPresent(queue: Queue<Waiter>): Waiter | undefined {
  for (let waiter = queue.shift(); waiter !== undefined; waiter = queue.shift()) {
    if (!waiter.gone) return waiter
  }
  return undefined
}

function overloaded(maxWaiting: number): Error {
  return txError(
    'SETTEE_TX_POOL_OVERLOADED',
    `${maxWaiting} callers wait for the writer of the SQLite database already; ` +
      'try again later, or raise maxWaiting',
  )
}

function timedOut(waitMs: number): Error {
  return txError(
    'SETTEE_TX_POOL_TIMEOUT',
    `the writer of the SQLite database was not free within ${Math.round(waitMs)} ms; look for a ` +
      'long transaction, or for pool.query inside of one (it waits for its own transaction)',
  )
}
