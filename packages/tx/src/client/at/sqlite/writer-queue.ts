/**
 * Who may use the one writing connection: a fair queue with three classes.
 *
 * Rollbacks come first, because others wait for the global locks that they free; work comes in the
 * order of arrival; idle tasks (deletion of undo logs) run when nobody else waits, but never later
 * than {@link idleLimitMs} after they asked.
 */
import { type Clock, Queue, type Timer } from '@settee/kit'
import { sqliteError } from './sqlite-errors.ts'

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
  const { clock, maxWaiting } = options
  const waiting = {
    rollback: new Queue<Waiter>(),
    work: new Queue<Waiter>(),
    idle: new Queue<Waiter>(),
  }
  let workCount = 0
  let isHeld = false
  let closed: PromiseWithResolvers<void> | undefined

  function acquire(urgency: Urgency, waitMs: number = options.waitMs): Promise<Lease> {
    if (closed !== undefined) {
      return Promise.reject(
        sqliteError('SETTEE_TX_POOL_CLOSED', 'the pool was closed; open a new one'),
      )
    }
    if (!isHeld) {
      isHeld = true
      return Promise.resolve(createLease())
    }
    if (urgency === 'work' && workCount >= maxWaiting) return Promise.reject(overloaded(maxWaiting))
    return wait(urgency, Math.min(waitMs, options.waitMs))
  }

  function wait(urgency: Urgency, waitMs: number): Promise<Lease> {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>()
    const waiter: Waiter = {
      sinceMs: clock.monotonic(),
      grant: resolve,
      timer: undefined,
      gone: false,
    }
    if (urgency !== 'idle') {
      waiter.timer = clock.after(waitMs, () => {
        waiter.gone = true
        if (urgency === 'work') workCount--
        reject(timedOut(waitMs))
      })
    }
    if (urgency === 'work') workCount++
    waiting[urgency].push(waiter)
    return promise
  }

  function createLease(): Lease {
    let isReleased = false
    return {
      release() {
        if (isReleased) return
        isReleased = true
        passOn()
      },
    }
  }

  function passOn(): void {
    const next = takeNext()
    if (next !== undefined) {
      next.timer?.cancel()
      next.grant(createLease())
      return
    }
    isHeld = false
    closed?.resolve()
  }

  function takeNext(): Waiter | undefined {
    const oldestIdle = waiting.idle.peek()
    const isOverdue =
      oldestIdle !== undefined && clock.monotonic() - oldestIdle.sinceMs >= idleLimitMs
    return (
      shiftPresent(waiting.rollback) ??
      (isOverdue ? waiting.idle.shift() : undefined) ??
      takeWork() ??
      waiting.idle.shift()
    )
  }

  function takeWork(): Waiter | undefined {
    const waiter = shiftPresent(waiting.work)
    if (waiter !== undefined) workCount--
    return waiter
  }

  return {
    acquire,
    close() {
      if (closed === undefined) {
        closed = Promise.withResolvers<void>()
        if (!isHeld) closed.resolve()
      }
      return closed.promise
    },
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
  return sqliteError(
    'SETTEE_TX_POOL_OVERLOADED',
    `${maxWaiting} callers wait for the writer of the SQLite database already; ` +
      'try again later, or raise maxWaiting',
  )
}

function timedOut(waitMs: number): Error {
  return sqliteError(
    'SETTEE_TX_POOL_TIMEOUT',
    `the writer of the SQLite database was not free within ${Math.round(waitMs)} ms; look for a ` +
      'long transaction, or for pool.query inside of one (it waits for its own transaction)',
  )
}
