/**
 * Drives phase two: which branch is to be called next, and when. Pure and ephemeral: it is rebuilt
 * from the state after recovery, and everything that must last goes through commands.
 *
 *     effects of a command ─► handle ─► takeCalls ─► (shell sends) ─► branchesEnded ─► effects …
 *                                 └──► takeTimeouts ─► timeOut command
 *
 * One call at a time for each branch. AT commits of a transaction go all at once; everything else
 * goes strictly one by one, in order of registration for commit and against it for rollback. A
 * branch whose attempt failed is tried again after a growing delay, or at once when a resource
 * manager for its resource connects. What is due next is found by an index, never by a scan. A
 * resource that fails for all is asked by one branch at a time (resource-gate.ts), so that it costs
 * others nothing.
 */
import type { BackoffOptions } from '@settee/kit'
import { BranchStatus, BranchType, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { BranchOutcome } from './commands.ts'
import { pendingWork } from './coordinator.ts'
import { DueIndex } from './due-index.ts'
import { encodeRepair } from './repair.ts'
import {
  jitteredBackoffMs,
  ResourceGates,
  type GatedAttempt,
  type ResourceGate,
  type ResourceGateOptions,
} from './resource-gate.ts'
import type { Effect } from './result.ts'
import type { CoordinatorState } from './state.ts'
import {
  findBranch,
  isCommitting,
  isRollingBack,
  needsPhaseTwo,
  type Branch,
  type Transaction,
} from './transaction.ts'

/** One call to a resource manager. */
export interface BranchCall {
  readonly xid: string
  /** -1 for the call that ends a saga. */
  readonly branchId: number
  readonly direction: 'commit' | 'rollback'
  readonly branchType: BranchType
  readonly resourceId: string
  readonly clientId: string
  readonly applicationData: string
}

export interface PhaseTwoOptions extends ResourceGateOptions {
  /** Delay before the second attempt and its upper limit, in ms. Default 1,000 and 60,000. */
  readonly retry?: BackoffOptions
  /** Calls that wait for an answer at the same time. Default 10,000. */
  readonly maxCallsInFlight?: number
}

/** A branch that is being called, or that waits for its next attempt. */
interface Attempt extends GatedAttempt {
  readonly xid: string
  readonly branchId: number
  isInFlight: boolean
  /** A resource manager has connected since the call was made: a failure need not wait. */
  isRetriedAtOnce: boolean
  readonly gate: ResourceGate<Attempt>
}

export class PhaseTwo {
  readonly #state: CoordinatorState
  readonly #retry: BackoffOptions
  readonly #maxCallsInFlight: number
  /** Transactions that may have a call to make, the oldest first. */
  readonly #ready = new Set<string>()
  /** By xid and branch id; a branch without an attempt may be called. */
  readonly #attempts = new Map<string, Map<number, Attempt>>()
  readonly #gates: ResourceGates<Attempt>
  readonly #retries = new DueIndex<Attempt>()
  readonly #timeouts = new DueIndex<string>()
  #inFlightCount = 0

  constructor(state: CoordinatorState, options: PhaseTwoOptions = {}) {
    this.#state = state
    this.#gates = new ResourceGates(options)
    this.#retry = options.retry ?? { minMs: 1_000, maxMs: 60_000 }
    this.#maxCallsInFlight = options.maxCallsInFlight ?? 10_000
  }

  /** Takes up what is pending: timeouts run on, what is ending is driven at once. */
  recover(): void {
    const { timeouts, ending } = pendingWork(this.#state)
    for (const { xid, timesOutAt } of timeouts) this.#timeouts.set(xid, timesOutAt)
    for (const xid of ending) this.#ready.add(xid)
  }

  /** Takes in what a command changed. @param now wall time in ms. */
  handle(effects: readonly Effect[], now: number): void {
    for (const effect of effects) {
      if (effect.kind === 'begun') this.#timeouts.set(effect.xid, effect.timesOutAt)
      else if (effect.kind === 'drive') this.#drive(effect.xid)
      else if (effect.kind === 'settled') this.#timeouts.delete(effect.xid)
      else if (effect.kind === 'attempted') this.#attempted(effect, now)
    }
  }

  /** Instant in ms at which there is something to take; 0 at once, Infinity never. */
  get nextDueAt(): number {
    if (this.#ready.size > 0 && this.#inFlightCount < this.#maxCallsInFlight) return 0
    return Math.min(this.#retries.nextDueAt, this.#timeouts.nextDueAt, this.#gates.nextDueAt)
  }

  /** Calls to make now; each is in flight until its outcome comes back as a command. */
  takeCalls(now: number): BranchCall[] {
    for (const attempt of this.#retries.takeAllDue(now)) this.#retryNow(attempt)
    for (const attempt of this.#gates.takeDue(now)) this.#retryNow(attempt)
    const calls: BranchCall[] = []
    for (const xid of this.#ready) {
      if (this.#inFlightCount >= this.#maxCallsInFlight) break
      const transaction = this.#state.transactions.get(xid)
      const isDone = transaction === undefined || this.#takeCallsOf(transaction, calls)
      if (isDone) this.#ready.delete(xid)
    }
    return calls
  }

  /** Transactions past their timeout: each is to become a timeOut command. */
  takeTimeouts(now: number): string[] {
    return this.#timeouts.takeAllDue(now)
  }

  /** The timeOut command found no room: the transaction is taken again then. */
  postponeTimeout(xid: string, untilMs: number): void {
    this.#timeouts.set(xid, untilMs)
  }

  /** A resource manager for `resourceId` has connected: what waits for it is tried at once. */
  resourceAvailable(resourceId: string): void {
    for (const gate of this.#gates.of(resourceId)) {
      for (const attempt of gate.attempts) {
        if (attempt.isInFlight) {
          attempt.isRetriedAtOnce = true
        } else if (gate.openSince === null && !gate.waiting.has(attempt)) {
          this.#retryNow(attempt)
        }
      }
      this.#gates.askAgain(gate)
    }
  }

  /** Wall time in ms of the next attempt of a branch; null when none is scheduled. */
  nextAttemptAt(xid: string, branchId: number): number | null {
    const attempt = this.#attempts.get(xid)?.get(branchId)
    if (attempt === undefined || attempt.isInFlight) return null
    return this.#retries.dueAt(attempt) ?? attempt.gate.askedAgainAt
  }

  /** Since when the resource of a branch fails for all, in ms; null when it does not. */
  breakerOpenSince(xid: string, branchId: number): number | null {
    return this.#attempts.get(xid)?.get(branchId)?.gate.openSince ?? null
  }

  #drive(xid: string): void {
    this.#timeouts.delete(xid)
    this.#ready.add(xid)
  }

  /** False when the limit of calls in flight cut it short. */
  #takeCallsOf(transaction: Transaction, calls: BranchCall[]): boolean {
    const { xid } = transaction
    for (const branch of nextBranches(transaction)) {
      const { branchId } = branch
      let attempts = this.#attempts.get(xid)
      if (attempts?.has(branchId) === true) continue
      if (this.#inFlightCount >= this.#maxCallsInFlight) return false
      if (attempts === undefined) this.#attempts.set(xid, (attempts = new Map()))
      const gate = this.#gates.open(branch)
      const attempt = { xid, branchId, isInFlight: false, isRetriedAtOnce: false, gate }
      attempts.set(branchId, attempt)
      gate.attempts.add(attempt)
      if (!gate.enter(attempt, branch.failureCount === 0)) continue
      attempt.isInFlight = true
      this.#inFlightCount++
      calls.push(callOf(transaction, branch))
    }
    return true
  }

  #attempted(effect: Extract<Effect, { kind: 'attempted' }>, now: number): void {
    const { xid, branchId, willRetry } = effect
    const attempt = this.#attempts.get(xid)?.get(branchId)
    if (attempt === undefined || !attempt.isInFlight) return
    attempt.isInFlight = false
    this.#inFlightCount--
    const transaction = this.#state.transactions.get(xid)
    const branch = transaction && findBranch(transaction, branchId)
    for (const waiting of this.#gates.leave(attempt.gate, attempt, { isOk: !willRetry, now })) {
      this.#retryNow(waiting)
    }
    if (!willRetry || branch === undefined) {
      this.#forget(attempt)
      return
    }
    if (attempt.isRetriedAtOnce) {
      this.#retryNow(attempt)
      return
    }
    this.#retries.set(attempt, now + retryDelayMs(branch, xid, this.#retry))
  }

  /** The wait is over: the branch may be called again, if it still needs it. */
  #retryNow(attempt: Attempt): void {
    this.#retries.delete(attempt)
    this.#forget(attempt)
    this.#ready.add(attempt.xid)
  }

  #forget(attempt: Attempt): void {
    const { xid, branchId, gate } = attempt
    const attempts = this.#attempts.get(xid)
    attempts?.delete(branchId)
    if (attempts?.size === 0) this.#attempts.delete(xid)
    this.#gates.forget(gate, attempt)
  }
}

/** The jitter comes from the branch and the number of the attempt: the same at every replay. */
function retryDelayMs(branch: Branch, xid: string, retry: BackoffOptions): number {
  const failures = Math.max(branch.failureCount, 1)
  return jitteredBackoffMs(`${xid}/${branch.branchId}`, failures, retry)
}

/** The branches that may be called now, in order, whether or not a call is in flight. */
export function nextBranches(transaction: Transaction): readonly Branch[] {
  const { status, branches, sagaCall } = transaction
  if (isCommitting(status)) {
    if (sagaCall !== null) return [sagaCall]
    const open = branches.filter(needsPhaseTwo)
    const first = open.find((branch) => branch.type !== BranchType.AT)
    return first === undefined ? open : [first]
  }
  if (!isRollingBack(status)) return []
  if (sagaCall !== null) return [sagaCall]
  const last = branches.findLast(needsPhaseTwo)
  return last === undefined ? [] : [last]
}

function callOf(transaction: Transaction, branch: Branch): BranchCall {
  return {
    xid: transaction.xid,
    branchId: branch.branchId,
    direction: isCommitting(transaction.status) ? 'commit' : 'rollback',
    branchType: branch.type,
    resourceId: branch.resourceId,
    clientId: branch.clientId,
    applicationData: applicationDataFor(transaction, branch),
  }
}

function applicationDataFor(transaction: Transaction, branch: Branch): string {
  if (branch === transaction.sagaCall) return nameOf(GlobalStatus, transaction.status)
  return branch.repair === null ? branch.applicationData : encodeRepair(branch.repair)
}

/** The outcome of a call that got no answer: not connected, timed out, or an error answer. */
export function failedOutcome(call: BranchCall, error: string): BranchOutcome {
  const status =
    call.direction === 'commit'
      ? BranchStatus.PhaseTwo_CommitFailed_Retryable
      : BranchStatus.PhaseTwo_RollbackFailed_Retryable
  return { xid: call.xid, branchId: call.branchId, status, error }
}
