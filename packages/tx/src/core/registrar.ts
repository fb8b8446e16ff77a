/**
 * Registers branches, and lets those wait whose rows are held. The owner brings the journal and the
 * time; what waits is ephemeral.
 *
 *     register ─► rows free, nobody ahead ─► propose ─► reply
 *              └► wait: deadlock? ─► the youngest of it is refused at once
 *                       └► locksReleased, or somebody leaves ─► propose ─► reply, or wait on
 *                       └► deadline ─► refused, with who holds the row
 *                       └► holderRollsBack ─► refused, if it holds row locks of its database
 *                       └► its own transaction ends ─► refused as late
 *
 * A request that does not wait has no place in a queue: it is refused while somebody is ahead.
 */
import { Queue, type SetteeError } from '@settee/kit'
import { parseLockKeys } from '../protocol/lock-key.ts'
import type { RegisterBranchCommand } from './commands.ts'
import { refusalOf } from './coordinator.ts'
import { findWaitCycle, youngestOf, type WaitCycle, type WaitEdge } from './deadlock.ts'
import { readLockOptions, type LockOptions } from './lock-options.ts'
import {
  eachRow,
  LockQueue,
  type LockQueueOptions,
  type LockRequest,
  type LockWaiter,
} from './lock-queue.ts'
import {
  deadlockRefusal,
  queuedRow,
  takesLocks,
  type DeadlockLink,
  type Refusal,
} from './refusal.ts'
import type { CommandResult, Effect } from './result.ts'
import type { CoordinatorState } from './state.ts'
import { isFailed, type RowLock } from './transaction.ts'

/** A registration without what the coordinator itself adds to it. */
export type RegisterRequest = Pick<
  RegisterBranchCommand,
  'xid' | 'branchType' | 'resourceId' | 'clientId' | 'lockKeys' | 'applicationData'
>

export interface Registration {
  readonly request: RegisterRequest
  readonly branchId: number
  /** Called once: a refusal, a failure of the store, or neither. */
  readonly reply: (
    refusal: Refusal | null,
    error: SetteeError | undefined,
    branchId: number,
  ) => void
  /** Whether anybody still waits for the reply. */
  readonly isCallerOpen: () => boolean
}

export interface RegistrarPorts {
  /** Wall time in ms. */
  readonly now: () => number
  /** Journals and applies a command; one of the arguments of `done` is given. */
  readonly propose: (
    command: RegisterBranchCommand,
    done: (error: SetteeError | undefined, result: CommandResult | undefined) => void,
  ) => void
  /** Somebody waits: `nextDueAt` may have changed. */
  readonly onWait: () => void
}

/** A registration with what it says about waiting. */
export interface Attempt extends Registration {
  readonly wait: LockOptions
}

const maxCyclesAtOnce = 100

export class Registrar {
  readonly #state: CoordinatorState
  readonly #ports: RegistrarPorts
  readonly #queue: LockQueue<Attempt>
  readonly #woken = new Queue<LockWaiter<Attempt>>()
  #isTryingWoken = false

  constructor(state: CoordinatorState, ports: RegistrarPorts, options: LockQueueOptions = {}) {
    this.#state = state
    this.#ports = ports
    this.#queue = new LockQueue(state, options)
  }

  /** Requests that wait for rows. */
  get waiterCount(): number {
    return this.#queue.size
  }
  /** In the order of arrival, to be looked at only. */
  get queue(): LockQueue<Attempt> {
    return this.#queue
  }
  /** Instant in ms at which {@link expire} has something to do. */
  get nextDueAt(): number {
    return this.#queue.nextDueAt
  }

  register(registration: Registration): void {
    this.#start({ ...registration, wait: waitOf(registration.request) })
  }

  /** Takes in what a command changed. */
  handle(effects: readonly Effect[]): void {
    if (this.#queue.size === 0) return
    for (const effect of effects) {
      if (effect.kind === 'locksReleased') this.#tryAll(this.#queue.wake(effect.locks))
      else if (effect.kind === 'holderRollsBack') this.#refuseHopeless(effect.locks)
      else if (effect.kind === 'drive') this.#refuseLate(effect.xid)
      else if (effect.kind === 'settled') this.#onSettled(effect.xid)
    }
  }

  /** Refuses those whose time is up. @param now wall time in ms. */
  expire(now: number): void {
    for (const waiter of this.#queue.takeExpired(now)) {
      const attempt = waiter.request
      this.#tryAll(this.#queue.leave(waiter))
      // Its row may have become free in this very moment: then it may as well have it.
      const wait = { ...attempt.wait, lockWaitMs: 0 }
      if (attempt.isCallerOpen()) this.#start({ ...attempt, wait })
    }
  }

  /** Nobody waits for what cannot happen any more. */
  refuseAll(error: SetteeError): void {
    for (const { request } of this.#queue.clear()) request.reply(null, error, request.branchId)
  }

  #start(attempt: Attempt): void {
    const now = this.#ports.now()
    const refusal = this.#refusalOf(attempt, now)
    if (refusal === null) this.#propose(attempt, null, now)
    else this.#waitOrRefuse(attempt, refusal, now)
  }

  /** Why it must wait; null when it is to be proposed, if only to be refused on the timeline. */
  #refusalOf(attempt: Attempt, now: number): Refusal | null {
    const command = commandOf(attempt, 0, now)
    const refusal = refusalOf(this.#state, command)
    // A conflict that is plain already needs no record: the caller hears of it at once.
    if (refusal !== null) return refusal.conflict === null ? null : refusal
    if (this.#queue.size === 0 || !takesLocks(attempt.request.branchType)) return null
    const obstacle = this.#queue.obstacleOf(this.#needsOf(attempt))
    if (obstacle?.kind !== 'queued') return null
    const { row, ahead } = obstacle
    return queuedRow(command, row, { ...this.#describe(ahead.xid), since: ahead.since })
  }

  #waitOrRefuse(attempt: Attempt, refusal: Refusal, now: number): void {
    const { wait, reply, branchId } = attempt
    const waiter = isWorthWaiting(refusal, wait)
      ? this.#queue.park(attempt, this.#needsOf(attempt), { ...wait, now })
      : null
    if (waiter === null) return reply(refusal, undefined, branchId)
    this.#resolveDeadlocks(waiter.xid, now, [waiter])
    this.#tryAll(this.#queue.wakeOne(waiter))
    this.#ports.onWait()
  }

  #propose(attempt: Attempt, waiter: LockWaiter<Attempt> | null, now: number): void {
    const { reply, branchId } = attempt
    const lockWaitedMs = waiter === null ? 0 : Math.max(now - waiter.since, 0)
    this.#ports.propose(commandOf(attempt, lockWaitedMs, now), (error, result) => {
      const refusal = result?.refusal ?? null
      if (refusal !== null && refusal.conflict !== null) {
        if (waiter === null) this.#waitOrRefuse(attempt, refusal, this.#ports.now())
        else this.#waitOn(waiter, refusal)
        return
      }
      reply(refusal, error, branchId)
      if (this.#queue.size > 0) this.#onAnswered(attempt, waiter, result?.refusal === null)
    })
  }

  #onAnswered(attempt: Attempt, waiter: LockWaiter<Attempt> | null, isGranted: boolean): void {
    if (isGranted && takesLocks(attempt.request.branchType)) {
      this.#tryAll(this.#queue.granted(waiter ?? this.#needsOf(attempt), attempt.branchId))
    }
    if (waiter !== null) this.#tryAll(this.#queue.leave(waiter))
    // Others wait for it from now on: that closes a cycle if it waits with another branch.
    if (isGranted) this.#resolveDeadlocks(attempt.request.xid, this.#ports.now())
  }

  /** It tried, and somebody was quicker. */
  #waitOn(waiter: LockWaiter<Attempt>, refusal: Refusal): void {
    const attempt = waiter.request
    const now = this.#ports.now()
    const isWaiting =
      isWorthWaiting(refusal, attempt.wait) && now < waiter.deadline && attempt.isCallerOpen()
    if (isWaiting) {
      this.#tryAll(this.#queue.waitOn(waiter))
      this.#resolveDeadlocks(waiter.xid, now, [waiter])
      this.#ports.onWait()
      return
    }
    attempt.reply(refusal, undefined, attempt.branchId)
    this.#tryAll(this.#queue.leave(waiter))
  }

  /** One after the other: what one finds may wake the next, and queues are long. */
  #tryAll(waiters: readonly LockWaiter<Attempt>[]): void {
    for (const waiter of waiters) this.#woken.push(waiter)
    if (this.#isTryingWoken) return
    this.#isTryingWoken = true
    const now = this.#ports.now()
    for (let waiter = this.#woken.shift(); waiter !== undefined; waiter = this.#woken.shift()) {
      if (!this.#queue.has(waiter)) continue
      if (waiter.request.isCallerOpen()) this.#try(waiter, now)
      else for (const next of this.#queue.leave(waiter)) this.#woken.push(next)
    }
    this.#isTryingWoken = false
  }

  #try(waiter: LockWaiter<Attempt>, now: number): void {
    const refusal = refusalOf(this.#state, commandOf(waiter.request, 0, now))
    if (refusal !== null && refusal.conflict !== null) this.#waitOn(waiter, refusal)
    else this.#propose(waiter.request, waiter, now)
  }

  /** The holder of these rows needs them in its database: who has locked them there must go. */
  #refuseHopeless(locks: readonly RowLock[]): void {
    for (const waiter of this.#queue.waitersFor(locks)) {
      if (!waiter.holdsRowLocks || waiter.isTrying) continue
      const { request: attempt } = waiter
      this.#tryAll(this.#queue.leave(waiter))
      this.#start({ ...attempt, wait: { ...attempt.wait, lockWaitMs: 0 } })
    }
  }

  /** A transaction ends: its own registrations come too late, and hear so now. */
  #refuseLate(xid: string): void {
    for (const waiter of this.#queue.waitersOf(xid)) {
      if (waiter.isTrying) continue
      waiter.isTrying = true
      this.#tryAll([waiter])
    }
  }

  #onSettled(xid: string): void {
    this.#refuseLate(xid)
    const transaction = this.#state.transactions.get(xid)
    if (transaction === undefined || !isFailed(transaction.status)) return
    // Who waits for it waits long: at other rows everybody may pass from now on.
    const locks = transaction.branches.flatMap((branch) => branch.locks)
    for (const waiter of this.#queue.waitersFor(locks)) {
      this.#tryAll(this.#queue.wake(eachRow(waiter)))
    }
  }

  /** @param newcomers waiters of `xid`, if that they wait is all that has changed. */
  #resolveDeadlocks(xid: string, now: number, newcomers?: readonly LockWaiter<Attempt>[]): void {
    // Each turn opens a cycle; what is left after so many ends when its time is up.
    for (let turn = 0; turn < maxCyclesAtOnce; turn++) {
      const cycle = findWaitCycle(this.#state, this.#queue, xid, newcomers)
      if (cycle === null) return
      if (this.#giveWay(cycle)) continue
      const { waiter } = youngestOf(this.#state, cycle)
      const links = cycle.map((edge) => this.#describeEdge(edge))
      const refusal = deadlockRefusal(commandOf(waiter.request, 0, now), links)
      this.#tryAll(this.#queue.leave(waiter))
      waiter.request.reply(refusal, undefined, waiter.request.branchId)
    }
  }

  /** Opens a cycle that goes through a place in a queue; false when there is none. */
  #giveWay(cycle: WaitCycle<Attempt>): boolean {
    for (const { waiter, obstacle } of cycle) {
      if (obstacle.kind !== 'queued') continue
      this.#queue.letPass(waiter, obstacle.ahead)
      this.#tryAll(this.#queue.wakeOne(waiter))
      return true
    }
    return false
  }

  #describeEdge({ waiter, obstacle, to }: WaitEdge<Attempt>): DeadlockLink {
    const row = obstacle.kind === 'held' ? obstacle.lock : obstacle.row
    return { ...this.#describe(waiter.xid), row, holder: to }
  }

  #describe(xid: string): { xid: string; name: string; applicationId: string } {
    const { name = '', applicationId = '' } = this.#state.transactions.get(xid) ?? {}
    return { xid, name, applicationId }
  }

  #needsOf({ request }: Attempt): LockRequest {
    const { xid, resourceId, lockKeys } = request
    return {
      xid,
      resourceId,
      rows: parseLockKeys(lockKeys, this.#state.limits.maxLockKeysPerBranch),
    }
  }
}

function commandOf(
  { request, branchId }: Registration,
  lockWaitedMs: number,
  now: number,
): RegisterBranchCommand {
  return { kind: 'registerBranch', ...request, branchId, lockWaitedMs, now }
}

/** A holder that rolls back may need rows that the waiter has locked in its database. */
function isWorthWaiting({ conflict }: Refusal, { holdsRowLocks }: LockOptions): boolean {
  return !(conflict !== null && conflict.isHolderRollingBack && holdsRowLocks)
}

function waitOf(request: RegisterRequest): LockOptions {
  if (!takesLocks(request.branchType)) return { lockWaitMs: 0, holdsRowLocks: false }
  return readLockOptions(request.applicationData)
}
