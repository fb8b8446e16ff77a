/**
 * Registrations that wait for rows, instead of asking every 10 ms. Pure and ephemeral: when the
 * coordinator restarts, the clients ask again.
 *
 * A waiter stands in the queues of all rows that it needs, and takes them all or none in one step
 * of the state machine: nobody holds a part of what he waits for, so the order in which rows are
 * named does not matter. Queues are in the order of arrival, and a waiter may try when all its rows
 * are free and nobody is ahead of it at one of them.
 *
 *     row A:  w1 w3            w1 waits for A and B, and B is held: w3 may pass it now,
 *     row B:  w1 w2            but at most `maxOvertakes` times; then A is kept free for w1.
 *
 * So every waiter has its turn. Besides, a waiter is passed by whom it waits for itself, for that
 * would be a deadlock of the queues alone (see deadlock.ts), and, while it waits for a transaction
 * that has failed and needs a person, by everybody.
 */
import type { TableLocks } from '../protocol/lock-key.ts'
import { DueIndex } from './due-index.ts'
import type { CoordinatorState } from './state.ts'
import { isFailed, type LockRow, type RowLock } from './transaction.ts'

/** What a registration needs. */
export interface LockRequest {
  readonly xid: string
  readonly resourceId: string
  readonly rows: readonly TableLocks[]
}

/** @typeParam Request what the owner needs to try again and to answer. */
export interface LockWaiter<Request> extends LockRequest {
  readonly request: Request
  /** Rises with the arrival. */
  readonly ticket: number
  /** Wall time in ms at which it began to wait. */
  readonly since: number
  /** Wall time in ms at which it is refused. */
  readonly deadline: number
  readonly holdsRowLocks: boolean
  /** Its owner is trying for it: it is not woken twice, nor refused while that is under way. */
  isTrying: boolean
  /** How often a later one took a row that it waits for. */
  overtakenCount: number
  /** Waiters ahead that it may pass, because they wait for it. */
  readonly passes: Set<LockWaiter<Request>>
  /** Waiters behind that may pass it. */
  readonly passers: Set<LockWaiter<Request>>
}

/** Who is in the way of a request at one of its rows. */
export type Obstacle<Request> =
  | { readonly kind: 'held'; readonly lock: RowLock }
  | { readonly kind: 'queued'; readonly row: LockRow; readonly ahead: LockWaiter<Request> }

export interface LockQueueOptions {
  /** Waiters at a time. Default 10,000. */
  readonly maxWaiters?: number
  /** Waiters of one transaction. Default 256. */
  readonly maxWaitersPerTransaction?: number
  /** Rows that all of them together wait for. Default 1,000,000. */
  readonly maxWaitingRows?: number
  /** Longest wait, in ms. Default 60,000. */
  readonly maxWaitMs?: number
  /** How often a waiter is passed by later ones while another of its rows is held. Default 16. */
  readonly maxOvertakes?: number
}

interface RowQueue<Request> {
  readonly waiters: Set<LockWaiter<Request>>
  /** The highest that ever stood here. */
  lastTicket: number
}

export class LockQueue<Request> {
  readonly #state: CoordinatorState
  readonly #limits: Required<LockQueueOptions>
  /** By row, in the order of arrival. */
  readonly #queues = new Map<string, RowQueue<Request>>()
  readonly #byXid = new Map<string, Set<LockWaiter<Request>>>()
  readonly #waiters = new Set<LockWaiter<Request>>()
  readonly #deadlines = new DueIndex<LockWaiter<Request>>()
  #rowCount = 0
  #lastTicket = 0

  constructor(state: CoordinatorState, options: LockQueueOptions = {}) {
    this.#state = state
    this.#limits = {
      maxWaiters: 10_000,
      maxWaitersPerTransaction: 256,
      maxWaitingRows: 1_000_000,
      maxWaitMs: 60_000,
      maxOvertakes: 16,
      ...options,
    }
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Instant in ms at which the next waiter may be refused. */
  get nextDueAt(): number {
    return this.#deadlines.nextDueAt
  }

  /** In the order of arrival. */
  [Symbol.iterator](): Iterator<LockWaiter<Request>> {
    return this.#waiters.values()
  }

  has(waiter: LockWaiter<Request>): boolean {
    return this.#waiters.has(waiter)
  }

  /** The waiters of a transaction. */
  waitersOf(xid: string): ReadonlySet<LockWaiter<Request>> {
    return this.#byXid.get(xid) ?? noWaiters
  }

  /** Who waits for a row, in the order of arrival. */
  queueOf(row: LockRow): ReadonlySet<LockWaiter<Request>> {
    return this.#queues.get(rowKeyOf(row))?.waiters ?? noWaiters
  }

  /** Whether anybody may stand behind `waiter` at one of its rows. */
  mayHaveFollowers(waiter: LockWaiter<Request>): boolean {
    for (const row of eachRow(waiter)) {
      if (this.#queues.get(rowKeyOf(row))!.lastTicket > waiter.ticket) return true
    }
    return false
  }

  /** Lets a request wait for its rows; null when too many wait already or it does not want to. */
  park(
    request: Request,
    needs: LockRequest,
    wait: { holdsRowLocks: boolean; lockWaitMs: number; now: number },
  ): LockWaiter<Request> | null {
    const { xid, resourceId, rows } = needs
    const { holdsRowLocks, lockWaitMs, now } = wait
    const { maxWaiters, maxWaitersPerTransaction, maxWaitingRows, maxWaitMs } = this.#limits
    const rowCount = countRows(rows)
    if (lockWaitMs <= 0 || this.size >= maxWaiters) return null
    if (this.waitersOf(xid).size >= maxWaitersPerTransaction) return null
    if (this.#rowCount + rowCount > maxWaitingRows) return null
    const waiter: LockWaiter<Request> = {
      request,
      xid,
      resourceId,
      rows,
      ticket: ++this.#lastTicket,
      since: now,
      deadline: now + Math.min(lockWaitMs, maxWaitMs),
      holdsRowLocks,
      isTrying: false,
      overtakenCount: 0,
      passes: new Set(),
      passers: new Set(),
    }
    this.#rowCount += rowCount
    this.#waiters.add(waiter)
    this.#deadlines.set(waiter, waiter.deadline)
    const own = this.#byXid.get(xid)
    if (own === undefined) this.#byXid.set(xid, new Set([waiter]))
    else own.add(waiter)
    for (const row of eachRow(waiter)) this.#enqueue(waiter, rowKeyOf(row))
    return waiter
  }

  /** Who is in the way of a request, of one that waits already or of a newcomer; null if nobody. */
  obstacleOf(request: LockRequest | LockWaiter<Request>): Obstacle<Request> | null {
    const { xid, resourceId, rows } = request
    const lock = this.#state.locks.findHeld(xid, resourceId, rows)
    if (lock !== undefined) return { kind: 'held', lock }
    if (this.size === 0) return null
    for (const row of eachRow(request)) {
      const ahead = this.#aheadOf(request, row)
      if (ahead !== null) return { kind: 'queued', row, ahead }
    }
    return null
  }

  /** Rows may be free: the waiters that may try now. Each keeps its place meanwhile. */
  wake(rows: Iterable<LockRow>): LockWaiter<Request>[] {
    if (this.size === 0) return []
    const woken: LockWaiter<Request>[] = []
    for (const row of rows) {
      const queue = this.#queues.get(rowKeyOf(row))
      if (queue !== undefined) this.#wakeQueue(queue.waiters, woken)
    }
    return woken
  }

  /** The same for one that has been given way. */
  wakeOne(waiter: LockWaiter<Request>): LockWaiter<Request>[] {
    if (!this.has(waiter) || waiter.isTrying || this.obstacleOf(waiter) !== null) return []
    waiter.isTrying = true
    return [waiter]
  }

  /** The waiter tried in vain and waits on; returns who may pass it now. */
  waitOn(waiter: LockWaiter<Request>): LockWaiter<Request>[] {
    waiter.isTrying = false
    this.#deadlines.set(waiter, waiter.deadline)
    return this.wake(eachRow(waiter))
  }

  /** `behind` may pass `ahead`, which waits for it. */
  letPass(behind: LockWaiter<Request>, ahead: LockWaiter<Request>): void {
    behind.passes.add(ahead)
    ahead.passers.add(behind)
  }

  /**
   * A request got its rows: those ahead of it were overtaken where the row was not its own before.
   * @returns who may try now, because its transaction holds a row already.
   */
  granted(request: LockRequest | LockWaiter<Request>, branchId: number): LockWaiter<Request>[] {
    if (this.size === 0) return []
    const { locks } = this.#state
    for (const row of eachRow(request)) {
      if (locks.get(row.resourceId, row.table, row.key)?.branchId !== branchId) continue
      for (const other of this.queueOf(row)) {
        if (other === request) break
        if (other.xid !== request.xid) other.overtakenCount++
      }
    }
    const own = [...this.waitersOf(request.xid)]
    return own.flatMap((waiter) => (waiter === request ? [] : this.wakeOne(waiter)))
  }

  /** The waiter has its answer, or its client is gone; returns who may try in its place. */
  leave(waiter: LockWaiter<Request>): LockWaiter<Request>[] {
    if (!this.#waiters.delete(waiter)) return []
    this.#rowCount -= countRows(waiter.rows)
    this.#deadlines.delete(waiter)
    const own = this.#byXid.get(waiter.xid)!
    own.delete(waiter)
    if (own.size === 0) this.#byXid.delete(waiter.xid)
    for (const row of eachRow(waiter)) this.#dequeue(waiter, rowKeyOf(row))
    for (const ahead of waiter.passes) ahead.passers.delete(waiter)
    for (const behind of waiter.passers) behind.passes.delete(waiter)
    return this.wake(eachRow(waiter))
  }

  /** All leave; returns those that are not trying. */
  clear(): LockWaiter<Request>[] {
    const waiters = [...this.#waiters].filter((waiter) => !waiter.isTrying)
    this.#waiters.clear()
    this.#queues.clear()
    this.#byXid.clear()
    for (const waiter of waiters) this.#deadlines.delete(waiter)
    this.#rowCount = 0
    return waiters
  }

  /** Waiters past their deadline; the owner refuses them, and lets them leave. */
  takeExpired(now: number): LockWaiter<Request>[] {
    return this.#deadlines.takeAllDue(now).filter((waiter) => !waiter.isTrying)
  }

  /** Waiters for one of these rows. */
  waitersFor(locks: readonly RowLock[]): LockWaiter<Request>[] {
    if (this.size === 0) return []
    return [...new Set(locks.flatMap((lock) => [...this.queueOf(lock)]))]
  }

  #enqueue(waiter: LockWaiter<Request>, rowKey: string): void {
    const queue = this.#queues.get(rowKey)
    if (queue === undefined) {
      this.#queues.set(rowKey, { waiters: new Set([waiter]), lastTicket: waiter.ticket })
    } else {
      queue.waiters.add(waiter)
      queue.lastTicket = waiter.ticket
    }
  }

  #dequeue(waiter: LockWaiter<Request>, rowKey: string): void {
    const waiters = this.#queues.get(rowKey)?.waiters
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#queues.delete(rowKey)
  }

  #wakeQueue(queue: ReadonlySet<LockWaiter<Request>>, woken: LockWaiter<Request>[]): void {
    for (const waiter of queue) {
      const own = this.wakeOne(waiter)
      woken.push(...own)
      if (own.length > 0) return
      if (this.#mayBePassed(waiter)) continue
      // It tries and will leave or give way, or was passed too often: the next ones are woken then.
      for (const passer of waiter.passers) woken.push(...this.wakeOne(passer))
      return
    }
  }

  /** Who is ahead of `request` at `row` and must not be passed. */
  #aheadOf(request: LockRequest | LockWaiter<Request>, row: LockRow): LockWaiter<Request> | null {
    const queue = this.queueOf(row)
    if (queue.size === 0) return null
    const { xid } = request
    const passes = 'passes' in request ? request.passes : undefined
    // A row that the transaction holds already is no question of turns.
    if (this.#state.locks.get(row.resourceId, row.table, row.key)?.xid === xid) return null
    for (const other of queue) {
      if (other === request) return null
      if (passes?.has(other) !== true && !this.#mayBePassed(other)) return other
    }
    return null
  }

  /**
   * Whoever waits and is not trying cannot have its rows now. It is passed a few times, and by all
   * while one of its rows belongs to a transaction that only a person can end.
   */
  #mayBePassed(waiter: LockWaiter<Request>): boolean {
    if (waiter.isTrying) return false
    if (waiter.overtakenCount < this.#limits.maxOvertakes) return true
    const { locks, transactions } = this.#state
    const { xid, resourceId, rows } = waiter
    const isStuck = (lock: RowLock): boolean => isFailed(transactions.get(lock.xid)!.status)
    return locks.findHeld(xid, resourceId, rows, isStuck) !== undefined
  }
}

const noWaiters: ReadonlySet<never> = new Set<never>()

/** The rows of a request. */
export function* eachRow({ resourceId, rows }: LockRequest): Generator<LockRow, undefined> {
  for (const { table, keys } of rows) {
    for (const key of keys) yield { resourceId, table, key }
  }
}

function countRows(rows: readonly TableLocks[]): number {
  return rows.reduce((sum, { keys }) => sum + keys.length, 0)
}

/** Seata's row key; only for rows that somebody waits for. */
function rowKeyOf(row: LockRow): string {
  return `${row.resourceId}^^^${row.table}^^^${row.key}`
}
