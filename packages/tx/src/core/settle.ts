/**
 * The steps by which a transaction comes to its end, shared by all commands that move it: branches
 * end, locks go, the status becomes final, and the transaction enters the history or, when it
 * failed, waits for a person.
 */
import { BranchType, GlobalStatus, type BranchStatus } from '../protocol/status.ts'
import { noLocks } from './lock-table.ts'
import type { Effect } from './result.ts'
import type { CoordinatorState } from './state.ts'
import {
  isCommitting,
  isRollingBack,
  isSaga,
  isTimeoutRollback,
  needsPhaseTwo,
  type Branch,
  type Transaction,
} from './transaction.ts'

/** One command's time, and the effects it has collected so far. */
export interface Step {
  readonly now: number
  readonly effects: Effect[]
}

/**
 * Ends the branches that need no call and the transaction when none is left; otherwise phase two
 * goes on with what is open.
 * @param called the branch whose call has come back, if that is all that has changed: the others
 *   need no second look, and there may be thousands of them.
 */
export function advance(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  called?: Branch,
): void {
  const isCommit = isCommitting(transaction.status)
  if (isCommit) {
    dropIdleBranches(state, transaction, step, called === undefined ? undefined : [called])
  } else if (isRollingBack(transaction.status)) {
    dropIdleTail(state, transaction, step)
  } else {
    return
  }
  if (transaction.sagaCall === null && transaction.openCount === 0) {
    finish(state, transaction, step, { status: finalStatus(transaction.status) })
    return
  }
  if (transaction.status === GlobalStatus.Committing && onlyAtIsOpen(transaction)) {
    state.setStatus(transaction, GlobalStatus.AsyncCommitting)
    step.effects.push({
      kind: 'settled',
      xid: transaction.xid,
      status: GlobalStatus.Committed,
    })
  }
  // AT branches are called all at once: what is open was called with this one.
  if (isCommit && called?.type === BranchType.AT) return
  step.effects.push({ kind: 'drive', xid: transaction.xid })
}

/**
 * Sets the status that says where phase two goes. Towards commit the rows become free at once: what
 * AT wrote is committed in the databases already, so nobody needs to wait for phase two.
 */
export function setDirection(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  status: GlobalStatus,
): void {
  state.setStatus(transaction, status)
  if (isCommitting(status)) releaseLocks(state, transaction.branches, step)
}

/** AT branches have committed in phase one; only their undo logs are left to be deleted. */
export function onlyAtIsOpen(transaction: Transaction): boolean {
  if (isSaga(transaction)) return false
  return transaction.branches.every((branch) => branch.isEnded || branch.type === BranchType.AT)
}

function finalStatus(status: GlobalStatus): GlobalStatus {
  if (isCommitting(status)) return GlobalStatus.Committed
  return isTimeoutRollback(status) ? GlobalStatus.TimeoutRollbacked : GlobalStatus.Rollbacked
}

/** Ends the branches that need no call, in any order: for commit, where no lock is left. */
export function dropIdleBranches(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  branches: readonly Branch[] = transaction.branches,
): void {
  for (const branch of branches) {
    if (!branch.isEnded && !needsPhaseTwo(branch)) endBranch(state, transaction, branch, step)
  }
}

/**
 * From the last branch backwards, and no further than the first that must be rolled back: a branch
 * that needs nothing may own the lock of a row that a later branch has yet to restore.
 */
function dropIdleTail(state: CoordinatorState, transaction: Transaction, step: Step): void {
  for (let i = transaction.branches.length - 1; i >= 0; i--) {
    const branch = transaction.branches[i] as Branch
    if (branch.isEnded) continue
    if (needsPhaseTwo(branch)) return
    endBranch(state, transaction, branch, step)
  }
}

/** Phase two needs nothing more of `branch`. */
export function endBranch(
  state: CoordinatorState,
  transaction: Transaction,
  branch: Branch,
  step: Step,
): void {
  branch.isEnded = true
  transaction.openCount--
  releaseLocks(state, [branch], step)
}

/** Frees the rows of `branches` and says so once. */
function releaseLocks(state: CoordinatorState, branches: readonly Branch[], step: Step): void {
  const released = branches.flatMap(({ locks }) => locks)
  if (released.length === 0) return
  state.locks.release(released)
  for (const branch of branches) branch.locks = noLocks
  step.effects.push({ kind: 'locksReleased', locks: released })
}

/** The transaction is over: its locks go and it enters the history. */
export function finish(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  end: { readonly status: GlobalStatus; readonly reason?: string },
): void {
  const { status, reason = '' } = end
  state.setStatus(transaction, status)
  releaseLocks(state, transaction.branches, step)
  for (const branch of transaction.branches) {
    branch.isEnded = true
    branch.applicationData = ''
    branch.dirty = ''
  }
  transaction.openCount = 0
  transaction.sagaCall = null
  transaction.isActive = false
  transaction.endedAt = step.now
  if (status === GlobalStatus.Committed) state.committedTotal++
  else if (isRolledBack(status)) state.rolledBackTotal++
  state.note(transaction, 'ended', { at: step.now, status, reason })
  state.archive(transaction)
  step.effects.push({ kind: 'settled', xid: transaction.xid, status })
}

function isRolledBack(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.Rollbacked ||
    status === GlobalStatus.TimeoutRollbacked ||
    status === GlobalStatus.Finished
  )
}

/**
 * A branch cannot be ended by retrying: the transaction stops with its locks kept, so that nobody
 * builds on rows in doubt, until a person resumes or forgets it.
 */
export function fail(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  failure: { readonly status: GlobalStatus; readonly reason: string },
): void {
  const { status, reason } = failure
  state.setStatus(transaction, status)
  transaction.endedAt = step.now
  state.note(transaction, 'ended', { at: step.now, status, reason })
  step.effects.push({ kind: 'settled', xid: transaction.xid, status })
}

/** An attempt of phase two that failed. */
export interface BranchFailure {
  readonly branch: Branch
  /** Status of the branch after it. */
  readonly status: BranchStatus
  readonly error: string
}

/** What every failed attempt leaves in its branch. */
export function countFailure(state: CoordinatorState, failure: BranchFailure, now: number): void {
  const { branch } = failure
  branch.status = failure.status
  branch.failureCount++
  branch.failingSince ??= now
  branch.lastError = state.clip(failure.error)
}

/** Remembers a failed attempt; the first one changes the status and lets the manager go. */
export function recordFailure(
  state: CoordinatorState,
  transaction: Transaction,
  failure: BranchFailure,
  step: Step,
): void {
  countFailure(state, failure, step.now)
  const { branch, error } = failure
  const status = retryStatus(transaction.status)
  const isFirst = status !== transaction.status
  if (isFirst) state.setStatus(transaction, status)
  state.note(transaction, 'branchRetry', {
    at: step.now,
    branchId: branch.branchId,
    reason: error,
    ...(isFirst && { status }),
  })
  if (isFirst) step.effects.push({ kind: 'settled', xid: transaction.xid, status })
}

function retryStatus(status: GlobalStatus): GlobalStatus {
  if (isCommitting(status)) return GlobalStatus.CommitRetrying
  if (status === GlobalStatus.Rollbacking) return GlobalStatus.RollbackRetrying
  if (status === GlobalStatus.TimeoutRollbacking) return GlobalStatus.TimeoutRollbackRetrying
  return status
}
