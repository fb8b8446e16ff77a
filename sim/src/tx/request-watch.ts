/**
 * Watches the requests that the coordinator has not answered: nobody may be forgotten, sleep beside
 * a free row, be overtaken at one, or stay in a deadlock.
 */
import { BranchType, MessageType, parseLockKeys, type RequestMessage } from '@settee/tx/protocol'
import type { CoordinatorState } from '@settee/tx/internal'
import type { EventQueue } from '../world/event-queue.ts'
import type { Monitor } from './monitor.ts'

/** A request that has not been answered. */
export interface OpenRequest {
  readonly message: RequestMessage
  readonly sinceMs: number
  /** Since when all its rows are free, in ms; undefined when they are not. */
  freeSinceMs: number | undefined
  /** Its connection is there still, as far as the coordinator knows. */
  readonly isWaited: () => boolean
}

interface RowRequest extends OpenRequest {
  readonly message: Extract<RequestMessage, { type: typeof MessageType.BranchRegister }>
}

const longestAnswerMs = 20_000
/** Two flushes may stall one after the other. */
const longestSleepMs = 2000
/** Cycles live for the time of a flush. */
const longestDeadlockMs = 700
/** What came in this much earlier was there first, even if it was in the journal's queue. */
const clearlyEarlierMs = 50

export class RequestWatch {
  readonly #queue: EventQueue
  readonly #monitor: Monitor
  /** Cycles that are there, by their transactions, and since when. */
  #cycles = new Map<string, number>()

  constructor(queue: EventQueue, monitor: Monitor) {
    this.#queue = queue
    this.#monitor = monitor
  }

  /** Looks at all of them, now and then. */
  check(state: CoordinatorState, open: Iterable<OpenRequest>): void {
    const waits = new Map<string, Set<string>>()
    for (const request of open) {
      if (!request.isWaited() || !('xid' in request.message)) continue
      const { xid, type } = request.message
      const waitedMs = this.#queue.nowMs - request.sinceMs
      const text = `request ${type} has waited for ${waitedMs.toFixed(0)} ms`
      this.#monitor.check(waitedMs < longestAnswerMs, 'every request is answered', text, xid)
      if (!isRowRequest(request)) continue
      const holders = holdersOf(state, request)
      this.#checkSleep(request, holders.size === 0)
      waits.set(xid, new Set([...(waits.get(xid) ?? []), ...holders]))
    }
    this.#checkDeadlocks(waits)
  }

  /** A branch got its row: nobody who asked for the same row before may still wait. */
  onGranted(state: CoordinatorState, granted: OpenRequest, open: Iterable<OpenRequest>): void {
    if (!isRowRequest(granted)) return
    const row = singleRowOf(granted)
    if (row === undefined || hadRow(state, granted)) return
    for (const other of open) {
      if (other === granted || !other.isWaited() || !isRowRequest(other)) continue
      const isAhead = other.sinceMs + clearlyEarlierMs < granted.sinceMs && waits(other)
      if (!isAhead || other.message.xid === granted.message.xid) continue
      if (singleRowOf(other) !== row) continue
      const text = `${row} went to ${granted.message.xid}, which came later`
      this.#monitor.fail('first come, first served', text, other.message.xid)
    }
  }

  #checkSleep(request: RowRequest, isFree: boolean): void {
    if (!isFree) {
      request.freeSinceMs = undefined
      return
    }
    const { nowMs } = this.#queue
    request.freeSinceMs ??= nowMs
    const { xid, resourceId, lockKey } = request.message
    const isAwake = nowMs - request.freeSinceMs < longestSleepMs
    const text = `${resourceId} ${lockKey}`
    this.#monitor.check(isAwake, 'nobody waits beside a free row', text, xid)
  }

  #checkDeadlocks(waitsFor: ReadonlyMap<string, ReadonlySet<string>>): void {
    const { nowMs } = this.#queue
    const cycles = new Map<string, number>()
    for (const xid of waitsFor.keys()) {
      const cycle = cycleThrough(xid, waitsFor)
      if (cycle === undefined) continue
      const name = cycle.toSorted().join(' ')
      const sinceMs = this.#cycles.get(name) ?? nowMs
      cycles.set(name, sinceMs)
      this.#monitor.check(nowMs - sinceMs < longestDeadlockMs, 'no deadlock lasts', name, xid)
    }
    this.#cycles = cycles
  }
}

function isRowRequest(request: OpenRequest): request is RowRequest {
  const { message } = request
  return message.type === MessageType.BranchRegister && message.branchType === BranchType.AT
}

/** Transactions that hold rows of the request against it. */
function holdersOf(state: CoordinatorState, { message }: RowRequest): Set<string> {
  const { xid, resourceId, lockKey } = message
  const holders = new Set<string>()
  for (const { table, keys } of parseLockKeys(lockKey)) {
    for (const key of keys) {
      const lock = state.locks.get(resourceId, table, key)
      if (lock !== undefined && lock.xid !== xid) holders.add(lock.xid)
    }
  }
  return holders
}

function singleRowOf({ message }: RowRequest): string | undefined {
  const { resourceId, lockKey } = message
  return lockKey.includes(',') ? undefined : `${resourceId} ${lockKey}`
}

/** Whether the request wants to wait for its rows at all. */
function waits({ message }: RowRequest): boolean {
  const { lockWaitMs = 0 } = JSON.parse(message.applicationData) as { lockWaitMs?: number }
  return lockWaitMs > 0
}

/** The branch that has just registered took no lock, so its transaction had the row before. */
function hadRow(state: CoordinatorState, { message }: RowRequest): boolean {
  const last = state.transactions.get(message.xid)?.branches.at(-1)
  return last === undefined || last.locks.length === 0
}

function cycleThrough(
  xid: string,
  waitsFor: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string>()
  const open = [xid]
  for (const from of open) {
    for (const to of waitsFor.get(from) ?? []) {
      if (to === xid) return pathTo(from, cameFrom)
      if (cameFrom.has(to)) continue
      cameFrom.set(to, from)
      open.push(to)
    }
  }
  return undefined
}

function pathTo(last: string, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const path: string[] = []
  for (let at: string | undefined = last; at !== undefined; at = cameFrom.get(at)) path.push(at)
  return path
}
