/**
 * The coordinator's shell: gives the pure core its time, ids, journal and timers, and turns its
 * effects into actions. One of these runs in a process; sessions bring the requests.
 *
 *     request ─► command ─► journal ─► apply ─► answer
 *                                        └► effects ─► phase two calls, woken waiters, timers
 *
 * Everything that is answered is durable. When the disk is full, new work is refused while what
 * runs may still end; when a flush has failed, everything is refused and the owner is told.
 */
import {
  messageOf,
  Queue,
  type Clock,
  type Random,
  type Service,
  type SetteeError,
  type Timer,
} from '@settee/kit'
import { createReplica, type Journal, type Replica, type ReplicaStats } from '@settee/journal'
import type { BranchOutcome, Command, RegisterBranchCommand } from '../core/commands.ts'
import { findLockConflict, pendingWork, refusalOf, statusOf } from '../core/coordinator.ts'
import { IdSequence, instantOf } from '../core/id-sequence.ts'
import type { CoordinatorOptions } from '../core/limits.ts'
import { readLockOptions, type LockOptions } from '../core/lock-options.ts'
import { LockWaitQueue, type LockWaiter } from '../core/lock-wait.ts'
import { createCoordinatorMachine, type CoordinatorMachine } from '../core/machine.ts'
import { failedOutcome, PhaseTwo, type BranchCall } from '../core/phase-two.ts'
import { lockConflict, type LockConflict, type Refusal } from '../core/refusal.ts'
import type { CommandResult, Effect } from '../core/result.ts'
import type { CoordinatorState } from '../core/state.ts'
import { parseLockKeys } from '../protocol/lock-key.ts'
import { BranchType, GlobalStatus } from '../protocol/status.ts'
import { createCoordinatorTime } from './coordinator-time.ts'
import { SettleWaiters, type Reply } from './settle-waiters.ts'

/** A command without what the coordinator itself adds to it. */
export type BeginRequest = Pick<
  Extract<Command, { kind: 'begin' }>,
  'name' | 'timeoutMs' | 'applicationId' | 'transactionServiceGroup'
>
export type RegisterRequest = Pick<
  RegisterBranchCommand,
  'xid' | 'branchType' | 'resourceId' | 'clientId' | 'lockKeys' | 'applicationData'
>

export interface CoordinatorShellOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  /** Prefix of xids: `ip:port` under which clients reach this coordinator. */
  readonly address: () => string
  /** Makes a call of phase two; `done` is called once, also when nobody can be reached. */
  readonly callBranch: (call: BranchCall, done: (outcome: BranchOutcome) => void) => void
  /** The journal failed: nothing will be accepted any more, the process should end. */
  readonly onFailed: (error: SetteeError) => void
  readonly core?: CoordinatorOptions
  /** Longest wait of a transaction manager for the end of phase two, in ms. Default 10,000. */
  readonly settleWaitMs?: number
  readonly snapshotEveryBytes?: number
}

interface RegisterAttempt {
  readonly request: RegisterRequest
  readonly branchId: number
  readonly reply: (
    refusal: Refusal | null,
    error: SetteeError | undefined,
    branchId: number,
  ) => void
  readonly isCallerOpen: () => boolean
  readonly wait: LockOptions
}

/** Pause before what the journal had no room for is proposed again, in ms. */
const noRoomPauseMs = 100
/** Their error texts are cut off, so that this many always fit into one record. */
const maxOutcomesPerCommand = 1000

export class CoordinatorShell implements Service {
  readonly name = 'tx'
  readonly #options: CoordinatorShellOptions
  readonly #clock: Clock
  /** Set at the start. */
  #now: () => number
  readonly #machine: CoordinatorMachine
  readonly #replica: Replica<Command, CommandResult>
  readonly #phaseTwo: PhaseTwo
  readonly #lockWaits = new LockWaitQueue<RegisterAttempt>()
  readonly #wokenWaiters = new Queue<LockWaiter<RegisterAttempt>>()
  readonly #settleWaiters: SettleWaiters
  readonly #outcomes: BranchOutcome[] = []
  #ids = new IdSequence(0)
  #timer: Timer | undefined
  #timerDueAt = Infinity
  #version = 0
  #isRunning = false
  #isRetryingWaiters = false

  constructor(options: CoordinatorShellOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#now = () => options.clock.now()
    this.#machine = createCoordinatorMachine(options.core)
    this.#replica = createReplica<Command, CommandResult>({
      journal: options.journal,
      machine: this.#machine,
      clock: options.clock,
      random: options.random,
      ...(options.snapshotEveryBytes !== undefined && {
        snapshotEveryBytes: options.snapshotEveryBytes,
      }),
      onFailed: (error) => this.#fail(error),
    })
    this.#phaseTwo = new PhaseTwo(this.#machine.state, { random: options.random })
    this.#settleWaiters = new SettleWaiters({
      clock: options.clock,
      limitMs: options.settleWaitMs ?? 10_000,
      statusOf: (xid) => statusOf(this.state, xid),
    })
  }

  /** The committed state, to be looked at only. */
  get state(): CoordinatorState {
    return this.#machine.state
  }
  /** When phase two tries again. */
  get schedule(): PhaseTwo {
    return this.#phaseTwo
  }
  get lockWaiterCount(): number {
    return this.#lockWaits.size
  }
  /** Grows with every change of {@link state}. */
  get version(): number {
    return this.#version
  }
  stats(): ReplicaStats {
    return this.#replica.stats()
  }

  /** Recovers, then goes on with what was pending. */
  async start(): Promise<void> {
    await this.#replica.start()
    this.#ids = new IdSequence(this.state.lastId)
    this.#now = createCoordinatorTime(this.#clock, instantOf(this.state.lastId))
    this.#isRunning = true
    this.#phaseTwo.recover()
    for (const xid of pendingWork(this.state).ending) {
      this.#propose({ kind: 'resume', xid, now: this.#now(), reason: 'restart' }, ignore)
    }
    this.#pump()
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    this.#timer?.cancel()
    this.#settleWaiters.clear()
    await this.#replica.stop()
  }

  begin(
    request: BeginRequest,
    reply: (result: CommandResult | undefined, error: SetteeError | undefined, xid: string) => void,
  ): void {
    const now = this.#now()
    const transactionId = this.#ids.next(now)
    const xid = `${this.#options.address()}:${transactionId}`
    const { name, timeoutMs, applicationId, transactionServiceGroup } = request
    this.#propose(
      {
        kind: 'begin',
        xid,
        transactionId,
        name,
        timeoutMs,
        applicationId,
        transactionServiceGroup,
        now,
      },
      (error, result) => reply(result, error, xid),
      false,
    )
  }

  /**
   * Registers a branch. A request that may wait for its locks is answered when it has them, when
   * its time is up, or when waiting has become hopeless.
   */
  registerBranch(
    request: RegisterRequest,
    reply: RegisterAttempt['reply'],
    isCallerOpen: () => boolean,
  ): void {
    const now = this.#now()
    const attempt: RegisterAttempt = {
      request,
      branchId: this.#ids.next(now),
      reply,
      isCallerOpen,
      wait: waitOf(request),
    }
    if (this.#queueBehind(attempt, now)) return
    this.#tryRegister(attempt, undefined, now)
  }

  /** Who holds one of the rows against `xid`; null when all are free for it. */
  findLockConflict(xid: string, resourceId: string, lockKeys: string): LockConflict | null {
    return findLockConflict(this.state, { xid, resourceId, lockKeys })
  }

  statusOf(xid: string): GlobalStatus {
    return statusOf(this.state, xid)
  }

  reportBranch(
    report: Omit<Extract<Command, { kind: 'reportBranch' }>, 'kind' | 'now'>,
    reply: Reply,
  ): void {
    this.#propose({ kind: 'reportBranch', ...report, now: this.#now() }, reply)
  }

  globalReport(xid: string, status: GlobalStatus, reply: Reply): void {
    this.#propose({ kind: 'globalReport', xid, status, now: this.#now() }, reply)
  }

  /** Replies when phase two is through, has failed for the first time, or takes too long. */
  commit(xid: string, reply: Reply): void {
    this.#propose({ kind: 'commit', xid, now: this.#now() }, (error, result) =>
      this.#replyWhenSettled(xid, error, result, reply),
    )
  }

  /** As {@link commit}. @param reason in the words of the transaction manager; may be empty. */
  rollback(xid: string, reason: string, reply: Reply): void {
    this.#propose({ kind: 'rollback', xid, reason, now: this.#now() }, (error, result) =>
      this.#replyWhenSettled(xid, error, result, reply),
    )
  }

  /** A resource manager has connected: what waits for the resource is tried at once. */
  resourceAvailable(resourceId: string): void {
    if (!this.#isRunning) return
    this.#phaseTwo.resourceAvailable(resourceId)
    this.#pump()
  }

  /** The journal has failed: nobody waits for what cannot happen any more. */
  #fail(error: SetteeError): void {
    this.#isRunning = false
    this.#timer?.cancel()
    this.#settleWaiters.refuseAll(error)
    const { expired } = this.#lockWaits.expire(Number.MAX_SAFE_INTEGER)
    for (const { request } of expired) request.reply(null, error, request.branchId)
    this.#options.onFailed(error)
  }

  #propose(command: Command, reply: Reply, reserve = true): void {
    this.#replica.propose(
      command,
      (error, result) => {
        if (result !== undefined) {
          this.#version++
          // The answer leaves first: effects are what follows from it.
          reply(undefined, result)
          this.#carryOut(result.effects)
        } else {
          reply(error, undefined)
        }
      },
      { reserve },
    )
  }

  #carryOut(effects: readonly Effect[]): void {
    if (effects.length === 0) return
    const now = this.#now()
    this.#phaseTwo.handle(effects, now)
    for (const effect of effects) {
      if (effect.kind === 'locksReleased') {
        this.#retryWaiters(this.#lockWaits.released(effect.locks))
      } else if (effect.kind === 'holderRollsBack') {
        for (const waiter of this.#lockWaits.holderRollsBack(effect.locks)) {
          this.#refuseWaiter(waiter, now)
        }
      } else if (effect.kind === 'settled') {
        this.#settleWaiters.settle(effect.xid, effect.status)
      }
    }
    this.#pump()
  }

  // ---- phase two and time -----------------------------------------------------------------

  /** Does what is due and sets the timer for what is due next. */
  #pump(): void {
    if (!this.#isRunning) return
    const now = this.#now()
    for (const xid of this.#phaseTwo.takeTimeouts(now)) this.#timeOut(xid, now)
    if (this.#phaseTwo.nextDueAt <= now) {
      for (const call of this.#phaseTwo.takeCalls(now)) this.#call(call)
    }
    if (this.#lockWaits.nextDueAt <= now) {
      const { expired, next } = this.#lockWaits.expire(now)
      for (const waiter of expired) this.#refuseWaiter(waiter, now)
      this.#retryWaiters(next)
    }
    this.#setTimer(Math.min(this.#phaseTwo.nextDueAt, this.#lockWaits.nextDueAt), now)
  }

  #setTimer(dueAt: number, now: number): void {
    if (this.#timer !== undefined && this.#timerDueAt <= dueAt) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (dueAt === Infinity) return
    this.#timerDueAt = dueAt
    this.#timer = this.#clock.after(Math.max(dueAt - now, 1), () => {
      this.#timer = undefined
      this.#pump()
    })
  }

  #timeOut(xid: string, now: number): void {
    this.#propose({ kind: 'timeOut', xid, now }, (error) => {
      // Busy or full: its time does not come again by itself.
      if (error?.retryable === true) this.#phaseTwo.postponeTimeout(xid, now + noRoomPauseMs)
    })
  }

  #call(call: BranchCall): void {
    let isDone = false
    const done = (outcome: BranchOutcome): void => {
      if (isDone) return
      isDone = true
      this.#onOutcome(outcome)
    }
    try {
      this.#options.callBranch(call, done)
    } catch (error) {
      done(failedOutcome(call, messageOf(error)))
    }
  }

  /** Outcomes that arrive together become one command. */
  #onOutcome(outcome: BranchOutcome): void {
    this.#outcomes.push({ ...outcome, error: this.state.clip(outcome.error) })
    if (this.#outcomes.length === 1) queueMicrotask(this.#proposeOutcomes)
  }

  readonly #proposeOutcomes = (): void => {
    const outcomes = this.#outcomes.splice(0, maxOutcomesPerCommand)
    if (this.#outcomes.length > 0) queueMicrotask(this.#proposeOutcomes)
    if (!this.#isRunning) return
    this.#propose({ kind: 'branchesEnded', outcomes, now: this.#now() }, (error) => {
      // Busy or full: the branches stay in flight for the core, so they are told again.
      if (error?.retryable !== true) return
      this.#clock.after(noRoomPauseMs, () => {
        for (const outcome of outcomes) this.#onOutcome(outcome)
      })
    })
  }

  #replyWhenSettled(
    xid: string,
    error: SetteeError | undefined,
    result: CommandResult | undefined,
    reply: Reply,
  ): void {
    const status = result?.status
    const isUnderWay = status === GlobalStatus.Committing || status === GlobalStatus.Rollbacking
    if (isUnderWay) this.#settleWaiters.add(xid, reply)
    else reply(error, result)
  }

  // ---- branches that wait for locks -------------------------------------------------------

  #tryRegister(
    attempt: RegisterAttempt,
    waiter: LockWaiter<RegisterAttempt> | undefined,
    now: number,
  ): void {
    const { branchId, reply } = attempt
    const lockWaitedMs = waiter === undefined ? 0 : Math.max(now - waiter.since, 0)
    const command = commandOf(attempt, lockWaitedMs, now)
    // A conflict that is plain already needs no record: the caller hears of it at once.
    const early = refusalOf(this.state, command)
    if (early?.conflict != null) return this.#onConflict(attempt, waiter, early, now)
    this.#propose(
      command,
      (error, result) => {
        const refusal = result?.refusal ?? null
        if (refusal?.conflict != null) {
          this.#onConflict(attempt, waiter, refusal, this.#now())
          return
        }
        reply(refusal, error, branchId)
        if (waiter !== undefined) this.#retryWaiters(this.#lockWaits.leave(waiter))
      },
      false,
    )
  }

  #onConflict(
    attempt: RegisterAttempt,
    waiter: LockWaiter<RegisterAttempt> | undefined,
    refusal: Refusal,
    now: number,
  ): void {
    const conflict = refusal.conflict!
    const { wait } = attempt
    const isHopeless = !isWorthWaiting(refusal, wait)
    if (waiter !== undefined) {
      const isOver = isHopeless || now >= waiter.deadline || !attempt.isCallerOpen()
      if (!isOver) {
        this.#retryWaiters(this.#lockWaits.move(waiter, conflict.lock))
        this.#pump()
        return
      }
      attempt.reply(refusal, undefined, attempt.branchId)
      this.#retryWaiters(this.#lockWaits.leave(waiter))
      return
    }
    const { xid } = attempt.request
    const parked = isHopeless
      ? null
      : this.#lockWaits.park(attempt, conflict.lock, { xid, ...wait, now })
    if (parked === null) attempt.reply(refusal, undefined, attempt.branchId)
    else this.#pump()
  }

  /** Takes the place behind those who wait for one of the rows already; says whether it did. */
  #queueBehind(attempt: RegisterAttempt, now: number): boolean {
    const { request, wait } = attempt
    if (wait.lockWaitMs <= 0 || this.#lockWaits.size === 0) return false
    const refusal = refusalOf(this.state, commandOf(attempt, 0, now))
    // Such as a malformed lock key: the registration says so.
    if (refusal !== null && !isWorthWaiting(refusal, wait)) return false
    const { xid, resourceId } = request
    const rows = parseLockKeys(request.lockKeys, this.state.limits.maxLockKeysPerBranch)
    const row = this.#lockWaits.rowAhead({ xid, resourceId, rows }, ({ table, key }) => {
      return this.state.locks.get(resourceId, table, key)?.xid === xid
    })
    if (row === null || this.#lockWaits.park(attempt, row, { xid, ...wait, now }) === null) {
      return false
    }
    this.#pump()
    return true
  }

  /** One after the other: what one finds may wake the next, and queues are long. */
  #retryWaiters(waiters: readonly LockWaiter<RegisterAttempt>[]): void {
    for (const waiter of waiters) this.#wokenWaiters.push(waiter)
    if (this.#isRetryingWaiters) return
    this.#isRetryingWaiters = true
    const now = this.#now()
    for (;;) {
      const waiter = this.#wokenWaiters.shift()
      if (waiter === undefined) break
      if (waiter.request.isCallerOpen()) this.#tryRegister(waiter.request, waiter, now)
      else for (const next of this.#lockWaits.leave(waiter)) this.#wokenWaiters.push(next)
    }
    this.#isRetryingWaiters = false
  }

  #refuseWaiter(waiter: LockWaiter<RegisterAttempt>, now: number): void {
    const { request, branchId, reply } = waiter.request
    const conflict = this.findLockConflict(request.xid, request.resourceId, request.lockKeys)
    if (conflict === null) {
      // Freed in this very moment: then the caller may as well have the row.
      const wait = { ...waiter.request.wait, lockWaitMs: 0 }
      if (waiter.request.isCallerOpen()) {
        this.#tryRegister({ ...waiter.request, wait }, undefined, now)
      }
      return
    }
    const isHopeless = conflict.isHolderRollingBack && waiter.holdsRowLocks
    reply(
      lockConflict({ xid: request.xid, branchId, now }, conflict, isHopeless),
      undefined,
      branchId,
    )
  }
}

function commandOf(
  { request, branchId }: RegisterAttempt,
  lockWaitedMs: number,
  now: number,
): RegisterBranchCommand {
  return { kind: 'registerBranch', ...request, branchId, lockWaitedMs, now }
}

/** A holder that rolls back may need rows that the waiter has locked in its database. */
function isWorthWaiting({ conflict }: Refusal, { holdsRowLocks }: LockOptions): boolean {
  return conflict !== null && !(conflict.isHolderRollingBack && holdsRowLocks)
}

function waitOf(request: RegisterRequest): LockOptions {
  if (request.branchType !== BranchType.AT) return { lockWaitMs: 0, holdsRowLocks: false }
  return readLockOptions(request.applicationData)
}

function ignore(): void {}
