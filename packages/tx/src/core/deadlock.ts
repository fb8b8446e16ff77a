/**
 * Who waits for whom: finds a cycle of transactions at the moment in which a request closes it,
 * instead of letting all of them wait until their time is up.
 *
 *     T1 ── its registration waits for ──► row 2, held by T2
 *     T2 ── its registration waits for ──► row 1, held by T1
 *
 * A transaction waits for all who hold rows that one of its registrations needs, and for those who
 * stand in the queues ahead of it. A cycle through a place in a queue is no deadlock yet: whoever
 * would wait for one that waits for him may pass. One through held rows alone ends only when one of
 * its transactions rolls back: the youngest, which has done the least.
 */
import { eachRow, type LockQueue, type LockWaiter, type Obstacle } from './lock-queue.ts'
import type { CoordinatorState } from './state.ts'
import type { LockRow } from './transaction.ts'

/** `waiter` waits because of `obstacle`, which belongs to the transaction `to`. */
export interface WaitEdge<Request> {
  readonly waiter: LockWaiter<Request>
  readonly obstacle: Obstacle<Request>
  readonly to: string
}

/** Each edge begins where the one before it ends, and the last ends where the first begins. */
export type WaitCycle<Request> = readonly WaitEdge<Request>[]

/**
 * The shortest cycle through the transaction `xid`; null when it is in none.
 * @param newcomers its waiters that have begun to wait, when nothing else has changed: then no
 *   other edge of it can be part of a cycle.
 */
export function findWaitCycle<Request>(
  state: CoordinatorState,
  queue: LockQueue<Request>,
  xid: string,
  newcomers: Iterable<LockWaiter<Request>> = queue.waitersOf(xid),
): WaitCycle<Request> | null {
  if (!isAwaited(state, queue, xid)) return null
  const search = new EdgeSearch(state, queue, xid)
  /** How the search came to a transaction. */
  const reached = new Map<string, WaitEdge<Request>>()
  const open = [xid]
  for (const from of open) {
    const waiters = from === xid ? newcomers : queue.waitersOf(from)
    for (const edge of search.edgesOf(waiters)) {
      if (reached.has(edge.to)) continue
      reached.set(edge.to, edge)
      if (edge.to === xid) return pathTo(xid, reached)
      open.push(edge.to)
    }
  }
  return null
}

/** The edge of a cycle whose waiter is to be refused: that of the youngest transaction. */
export function youngestOf<Request>(
  state: CoordinatorState,
  cycle: WaitCycle<Request>,
): WaitEdge<Request> {
  const ageOf = ({ waiter }: WaitEdge<Request>): number =>
    state.transactions.get(waiter.xid)?.transactionId ?? Infinity
  return cycle.reduce((youngest, edge) => (ageOf(edge) > ageOf(youngest) ? edge : youngest))
}

function pathTo<Request>(
  xid: string,
  reached: ReadonlyMap<string, WaitEdge<Request>>,
): WaitCycle<Request> {
  const path: WaitEdge<Request>[] = []
  let to = xid
  do {
    const edge = reached.get(to)!
    path.push(edge)
    to = edge.waiter.xid
  } while (to !== xid)
  return path.toReversed()
}

/** Whether anybody may wait for `xid`: mostly nobody does, and that is seen without a search. */
function isAwaited<Request>(
  state: CoordinatorState,
  queue: LockQueue<Request>,
  xid: string,
): boolean {
  const branches = state.transactions.get(xid)?.branches ?? []
  for (const { locks } of branches) {
    for (const lock of locks) if (queue.queueOf(lock).size > 0) return true
  }
  for (const own of queue.waitersOf(xid)) if (queue.mayHaveFollowers(own)) return true
  return false
}

class EdgeSearch<Request> {
  readonly #state: CoordinatorState
  readonly #queue: LockQueue<Request>
  readonly #xid: string
  readonly #roots = new Map<ReadonlySet<LockWaiter<Request>>, LockWaiter<Request> | undefined>()
  /** Per queue, up to which ticket all have been found: they need not be found again. */
  readonly #foundUpTo = new Map<ReadonlySet<LockWaiter<Request>>, number>()

  /** @param xid the transaction at which a cycle begins and ends. */
  constructor(state: CoordinatorState, queue: LockQueue<Request>, xid: string) {
    this.#state = state
    this.#queue = queue
    this.#xid = xid
  }

  /** Whom these waiters of one transaction wait for, holders first. */
  edgesOf(waiters: Iterable<LockWaiter<Request>>): WaitEdge<Request>[] {
    const held: WaitEdge<Request>[] = []
    const queued: WaitEdge<Request>[] = []
    for (const waiter of waiters) {
      const { xid } = waiter
      // What it waited for is gone; if it finds something new, it is looked at again.
      if (waiter.isTrying) continue
      for (const row of eachRow(waiter)) {
        const lock = this.#state.locks.get(row.resourceId, row.table, row.key)
        // Once its transaction has the row by another branch, nobody is in its way there: so its
        // first waiter speaks for all.
        if (lock?.xid === xid) continue
        const all = this.#queue.queueOf(row)
        if (firstOf(all, xid) !== waiter) continue
        if (lock !== undefined)
          held.push({ waiter, obstacle: { kind: 'held', lock }, to: lock.xid })
        this.#findAhead(waiter, { row, all }, queued)
      }
    }
    return [...held, ...queued]
  }

  #findAhead(
    waiter: LockWaiter<Request>,
    { row, all }: { row: LockRow; all: ReadonlySet<LockWaiter<Request>> },
    edges: WaitEdge<Request>[],
  ): void {
    const foundUpTo = this.#foundUpTo.get(all) ?? 0
    const root = this.#rootIn(all)
    if (root === undefined && waiter.ticket <= foundUpTo) return
    for (const ahead of all) {
      if (ahead === waiter) break
      // Most have been found before, but the edge that closes the cycle counts every time.
      const isNew = ahead.ticket >= foundUpTo || ahead === root
      if (!isNew || waiter.passes.has(ahead)) continue
      edges.push({ waiter, obstacle: { kind: 'queued', row, ahead }, to: ahead.xid })
    }
    if (waiter.passes.size > 0 || waiter.ticket < foundUpTo) return
    this.#foundUpTo.set(all, waiter.ticket)
  }

  /** The first waiter in a queue of the transaction at which the cycle begins. */
  #rootIn(all: ReadonlySet<LockWaiter<Request>>): LockWaiter<Request> | undefined {
    if (!this.#roots.has(all)) this.#roots.set(all, firstOf(all, this.#xid))
    return this.#roots.get(all)
  }
}

/** The first waiter of a transaction in the queue of a row. */
function firstOf<Request>(
  all: ReadonlySet<LockWaiter<Request>>,
  xid: string,
): LockWaiter<Request> | undefined {
  for (const waiter of all) if (waiter.xid === xid) return waiter
  return undefined
}
