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
  type Clock,
  type Random,
  type Service,
  type SetteeError,
  type Timer,
} from '@settee/kit'
import { createReplica, type Journal, type Replica, type ReplicaStats } from '@settee/journal'
import type {
  BeginCommand,
  BranchOutcome,
  Command,
  RegisterBranchCommand,
} from '../core/commands.ts'
import { BeginRate } from '../core/begin-rate.ts'
import { findLockConflict, pendingWork, refusalOf, statusOf } from '../core/coordinator.ts'
import { IdSequence, instantOf } from '../core/id-sequence.ts'
import type { CoordinatorOptions } from '../core/limits.ts'
import type { LockQueue, LockQueueOptions } from '../core/lock-queue.ts'
import { createCoordinatorMachine, type CoordinatorMachine } from '../core/machine.ts'
import {
  failedOutcome,
  PhaseTwo,
  type BranchCall,
  type PhaseTwoOptions,
} from '../core/phase-two.ts'
import type { LockConflict } from '../core/refusal.ts'
import { Registrar, type Registration, type RegisterRequest } from '../core/registrar.ts'
import { refused, type CommandResult, type Effect } from '../core/result.ts'
import type { CoordinatorState } from '../core/state.ts'
import { GlobalStatus } from '../protocol/status.ts'
import { createCoordinatorTime } from './coordinator-time.ts'
import { SettleWaiters, type Reply } from './settle-waiters.ts'

/** A command without what the coordinator itself adds to it. */
export type BeginRequest = Pick<
  Extract<Command, { kind: 'begin' }>,
  'name' | 'timeoutMs' | 'applicationId' | 'transactionServiceGroup'
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
  readonly phaseTwo?: PhaseTwoOptions
  readonly lockQueue?: LockQueueOptions
  /** Transactions that may begin within a second. Default 100,000. */
  readonly maxBeginsPerSecond?: number
  /** Longest wait of a transaction manager for the end of phase two, in ms. Default 10,000. */
  readonly settleWaitMs?: number
  readonly snapshotEveryBytes?: number
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
  readonly #registrar: Registrar
  readonly #beginRate: BeginRate
  readonly #settleWaiters: SettleWaiters
  readonly #outcomes: BranchOutcome[] = []
  #ids = new IdSequence(0)
  #timer: Timer | undefined
  #timerDueAt = Infinity
  #version = 0
  #isRunning = false

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
    this.#phaseTwo = new PhaseTwo(this.#machine.state, options.phaseTwo)
    const ports = {
      now: () => this.#now(),
      propose: (command: RegisterBranchCommand, done: Reply) => this.#propose(command, done, false),
      onWait: () => this.#pump(),
    }
    this.#registrar = new Registrar(this.#machine.state, ports, options.lockQueue)
    this.#beginRate = new BeginRate(options.maxBeginsPerSecond ?? 100_000)
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
    return this.#registrar.waiterCount
  }
  /** Registrations that wait for rows, to be looked at only. */
  get lockQueue(): LockQueue<Registration> {
    return this.#registrar.queue
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
    const command: BeginCommand = {
      kind: 'begin',
      xid,
      transactionId,
      name,
      timeoutMs,
      applicationId,
      transactionServiceGroup,
      now,
    }
    // What is refused anyhow needs no record: who asks too much must not fill the journal.
    const refusal = refusalOf(this.state, command) ?? this.#beginRate.refusalOf(xid, now)
    if (refusal !== null) return reply(refused(refusal), undefined, xid)
    this.#propose(command, (error, result) => reply(result, error, xid), false)
  }

  /**
   * Registers a branch. A request that may wait for its locks is answered when it has them, when
   * its time is up, or when waiting has become hopeless.
   */
  registerBranch(
    request: RegisterRequest,
    reply: Registration['reply'],
    isCallerOpen: () => boolean,
  ): void {
    const branchId = this.#ids.next(this.#now())
    this.#registrar.register({ request, branchId, reply, isCallerOpen })
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

  /** A person's order: see the command. The refusal says why a branch is not to be repaired. */
  repairBranch(
    order: Omit<Extract<Command, { kind: 'repairBranch' }>, 'kind' | 'now'>,
    reply: Reply,
  ): void {
    this.#propose({ kind: 'repairBranch', ...order, now: this.#now() }, reply)
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
    this.#registrar.refuseAll(error)
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
    this.#registrar.handle(effects)
    for (const effect of effects) {
      if (effect.kind === 'settled') this.#settleWaiters.settle(effect.xid, effect.status)
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
    if (this.#registrar.nextDueAt <= now) this.#registrar.expire(now)
    this.#setTimer(Math.min(this.#phaseTwo.nextDueAt, this.#registrar.nextDueAt), now)
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
}

function ignore(): void {}
