/**
 * Requests that wait for a row lock, instead of asking every 10 ms. Pure and ephemeral: when the
 * coordinator restarts, the clients ask again.
 *
 * A waiter stands in the queue of the one row that it found held, and rows are served first come,
 * first served. When the row is released its first waiter may try; it keeps its place until it has
 * its locks, moves to another row that it found held, or leaves. As nobody queues for two rows at a
 * time, the queue itself never makes a deadlock.
 *
 *     park ─► (locksReleased) ─► try again ─► granted: leave
 *                                         └─► another row is held: move
 *          ─► (deadline) expire ─► refused
 *          ─► (holderRollsBack) refused, when the waiter holds row locks of its database
 */
import type { TableLocks } from '../protocol/lock-key.ts'
import { DueIndex } from './due-index.ts'
import type { LockRow, RowLock } from './transaction.ts'

/** @typeParam Request what the shell needs to try again and to answer. */
export interface LockWaiter<Request> {
  readonly request: Request
  readonly xid: string
  /** Wall time in ms at which it began to wait. */
  readonly since: number
  /** Wall time in ms at which it is refused. */
  readonly deadline: number
  readonly holdsRowLocks: boolean
}

interface Place {
  readonly rowKey: string
  /** The shell is trying for it: it is not woken twice, nor refused while that is under way. */
  isTrying: boolean
}

export interface LockWaitOptions {
  /** Waiters at a time. Default 10,000. */
  readonly maxWaiters?: number
  /** Longest wait, in ms. Default 60,000. */
  readonly maxWaitMs?: number
}

export class LockWaitQueue<Request> {
  readonly #maxWaiters: number
  readonly #maxWaitMs: number
  /** By row; the first of a queue is the next to have the row. */
  readonly #queues = new Map<string, LockWaiter<Request>[]>()
  readonly #places = new Map<LockWaiter<Request>, Place>()
  readonly #deadlines = new DueIndex<LockWaiter<Request>>()

  constructor(options: LockWaitOptions = {}) {
    this.#maxWaiters = options.maxWaiters ?? 10_000
    this.#maxWaitMs = options.maxWaitMs ?? 60_000
  }

  get size(): number {
    return this.#places.size
  }

  /** Instant in ms at which the next waiter may be refused. */
  get nextDueAt(): number {
    return this.#deadlines.nextDueAt
  }

  /** Lets a request wait for `row`; null when too many wait already or it does not want to. */
  park(
    request: Request,
    row: LockRow,
    wait: { xid: string; holdsRowLocks: boolean; lockWaitMs: number; now: number },
  ): LockWaiter<Request> | null {
    const { xid, holdsRowLocks, lockWaitMs, now } = wait
    if (lockWaitMs <= 0 || this.#places.size >= this.#maxWaiters) return null
    const deadline = now + Math.min(lockWaitMs, this.#maxWaitMs)
    const waiter: LockWaiter<Request> = { request, xid, since: now, deadline, holdsRowLocks }
    this.#deadlines.set(waiter, deadline)
    this.#enqueue(waiter, rowKeyOf(row))
    return waiter
  }

  /**
   * The row on which a newcomer must queue behind somebody else; null when nobody is in its way.
   * @param holds whether the newcomer's transaction holds the row already: then it need not queue.
   */
  rowAhead(
    newcomer: { xid: string; resourceId: string; rows: readonly TableLocks[] },
    holds: (row: LockRow) => boolean,
  ): LockRow | null {
    if (this.#places.size === 0) return null
    const { xid, resourceId, rows } = newcomer
    for (const { table, keys } of rows) {
      for (const key of keys) {
        const row: LockRow = { resourceId, table, key }
        const first = this.#queues.get(rowKeyOf(row))?.[0]
        if (first !== undefined && first.xid !== xid && !holds(row)) return row
      }
    }
    return null
  }

  /** Rows became free: the waiters that may try now. Each stays first of its row meanwhile. */
  released(locks: readonly RowLock[]): LockWaiter<Request>[] {
    if (this.#places.size === 0) return []
    return locks.flatMap((lock) => this.#wake(this.#queues.get(rowKeyOf(lock))?.[0]))
  }

  /** The waiter tried and found `row` held; returns who may try in its old place. */
  move(waiter: LockWaiter<Request>, row: LockRow): LockWaiter<Request>[] {
    const place = this.#places.get(waiter)
    if (place === undefined) return []
    this.#deadlines.set(waiter, waiter.deadline)
    place.isTrying = false
    const rowKey = rowKeyOf(row)
    if (place.rowKey === rowKey) return []
    const next = this.#dequeue(waiter, place.rowKey)
    this.#enqueue(waiter, rowKey)
    return this.#wake(next)
  }

  /** The waiter has its answer, or its client is gone; returns who may try in its place. */
  leave(waiter: LockWaiter<Request>): LockWaiter<Request>[] {
    return this.#wake(this.#remove(waiter))
  }

  /** Waiters past their deadline; they have left, and their rows' next ones may try. */
  expire(now: number): { expired: LockWaiter<Request>[]; next: LockWaiter<Request>[] } {
    const due = this.#deadlines.takeAllDue(now)
    const expired = due.filter((waiter) => this.#places.get(waiter)?.isTrying === false)
    const next = expired.flatMap((waiter) => this.leave(waiter))
    return { expired, next: next.filter((waiter) => this.#places.has(waiter)) }
  }

  /**
   * The holder of rows began to roll back and needs them in the database: waiters that hold row
   * locks there have left and are to be refused with LockKeyConflictFailFast. Nobody is woken: the
   * rows are still held.
   */
  holderRollsBack(locks: readonly RowLock[]): LockWaiter<Request>[] {
    if (this.#places.size === 0) return []
    const hopeless = locks.flatMap((lock) =>
      (this.#queues.get(rowKeyOf(lock)) ?? []).filter(
        (waiter) => waiter.holdsRowLocks && this.#places.get(waiter)?.isTrying === false,
      ),
    )
    for (const waiter of hopeless) this.#remove(waiter)
    return hopeless
  }

  #enqueue(waiter: LockWaiter<Request>, rowKey: string): void {
    this.#places.set(waiter, { rowKey, isTrying: false })
    const queue = this.#queues.get(rowKey)
    if (queue === undefined) this.#queues.set(rowKey, [waiter])
    else queue.push(waiter)
  }

  #remove(waiter: LockWaiter<Request>): LockWaiter<Request> | undefined {
    const rowKey = this.#places.get(waiter)?.rowKey
    if (rowKey === undefined) return undefined
    this.#places.delete(waiter)
    this.#deadlines.delete(waiter)
    return this.#dequeue(waiter, rowKey)
  }

  /** Takes the waiter out of its queue; returns the next one when it was the first. */
  #dequeue(waiter: LockWaiter<Request>, rowKey: string): LockWaiter<Request> | undefined {
    const queue = this.#queues.get(rowKey) ?? []
    const index = queue.indexOf(waiter)
    queue.splice(index, 1)
    if (queue.length === 0) this.#queues.delete(rowKey)
    return index === 0 ? queue[0] : undefined
  }

  /** What is returned is tried by the shell: only then may it be marked so. */
  #wake(waiter: LockWaiter<Request> | undefined): LockWaiter<Request>[] {
    const place = waiter && this.#places.get(waiter)
    if (waiter === undefined || place === undefined || place.isTrying) return []
    place.isTrying = true
    return [waiter]
  }
}

/** Seata's row key; only for rows that somebody waits for. */
function rowKeyOf(row: LockRow): string {
  return `${row.resourceId}^^^${row.table}^^^${row.key}`
}
