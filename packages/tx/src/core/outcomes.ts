/**
 * What the attempts of phase two gave. Originals: DefaultCore.{doGlobalCommit, doGlobalRollback}
 * for branches, SagaCore for sagas.
 *
 * | answer                  | committing                        | rolling back          |
 * |-------------------------|-----------------------------------|-----------------------|
 * | the wanted end          | branch ends                       | branch ends           |
 * | …Failed_Unretryable     | CommitFailed (AT: another attempt)| RollbackFailed        |
 * | XAER_NOTA, long enough  | branch ends                       | branch ends           |
 * | anything else           | another attempt                   | another attempt       |
 */
import { BranchStatus, BranchType, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { BranchesEndedCommand, BranchOutcome } from './commands.ts'
import { answered, type CommandResult } from './result.ts'
import {
  advance,
  countFailure,
  endBranch,
  fail,
  finish,
  recordFailure,
  type BranchFailure,
  setDirection,
  type Step,
} from './settle.ts'
import type { CoordinatorState } from './state.ts'
import {
  findBranch,
  isCommitting,
  isRollingBack,
  isTimeoutRollback,
  type Branch,
  type Transaction,
} from './transaction.ts'

export function branchesEnded(
  state: CoordinatorState,
  command: BranchesEndedCommand,
): CommandResult {
  const step: Step = { now: command.now, effects: [] }
  let status: GlobalStatus = GlobalStatus.Finished
  for (const outcome of command.outcomes) status = branchEnded(state, outcome, step)
  return answered(status, step.effects)
}

function branchEnded(state: CoordinatorState, outcome: BranchOutcome, step: Step): GlobalStatus {
  const { xid, branchId } = outcome
  const transaction = state.transactions.get(xid)
  const branch = transaction && findBranch(transaction, branchId)
  const isAwaited = branch !== undefined && !branch.isEnded && isInPhaseTwo(transaction)
  if (transaction === undefined || !isAwaited) {
    // A second answer, or one that comes after a report has ended the branch: nothing to do.
    step.effects.push({ kind: 'attempted', xid, branchId, willRetry: false })
    return transaction?.status ?? GlobalStatus.Finished
  }
  const isSagaCall = branch === transaction.sagaCall
  if (isSagaCall) applyToSaga(state, transaction, outcome, step)
  else applyToBranch(state, transaction, { branch, outcome }, step)
  // One that waits for a person is called when the person says so, not when a delay is over.
  const willRetry = !branch.isEnded && isInPhaseTwo(state.transactions.get(xid))
  step.effects.push({ kind: 'attempted', xid, branchId, willRetry })
  advance(state, transaction, step, isSagaCall ? undefined : branch)
  return transaction.status
}

function isInPhaseTwo(transaction: Transaction | undefined): boolean {
  if (transaction === undefined) return false
  return isCommitting(transaction.status) || isRollingBack(transaction.status)
}

function applyToBranch(
  state: CoordinatorState,
  transaction: Transaction,
  attempt: { readonly branch: Branch; readonly outcome: BranchOutcome },
  step: Step,
): void {
  const { branch, outcome } = attempt
  const isCommit = isCommitting(transaction.status)
  const wanted = isCommit ? BranchStatus.PhaseTwo_Committed : BranchStatus.PhaseTwo_Rollbacked
  const { branchId } = branch
  if (outcome.status === wanted || isForgottenByXa(state, transaction, outcome.status, step.now)) {
    branch.status = wanted
    const kind = isCommit ? 'branchCommitted' : 'branchRolledBack'
    state.note(transaction, kind, { at: step.now, branchId })
    endBranch(state, transaction, branch, step)
    return
  }
  const error = outcome.error === '' ? nameOf(BranchStatus, outcome.status) : outcome.error
  if (!isHopeless(branch, outcome.status, isCommit)) {
    recordFailure(state, transaction, { branch, status: outcome.status, error }, step)
    return
  }
  failBranch(state, transaction, { branch, status: outcome.status, error }, step)
}

function failBranch(
  state: CoordinatorState,
  transaction: Transaction,
  failure: BranchFailure,
  step: Step,
): void {
  countFailure(state, failure, step.now)
  // A person chose by what the rows were then; now somebody has to look again.
  failure.branch.repair = null
  const { error } = failure
  const { branchId, resourceId } = failure.branch
  state.note(transaction, 'branchFailed', { at: step.now, branchId, reason: error })
  const reason = `${resourceId} cannot end branch ${branchId}; a person must settle it: ${error}`
  fail(state, transaction, step, { status: failedStatus(transaction.status), reason })
}

function failedStatus(status: GlobalStatus): GlobalStatus {
  if (isCommitting(status)) return GlobalStatus.CommitFailed
  return isTimeoutRollback(status)
    ? GlobalStatus.TimeoutRollbackFailed
    : GlobalStatus.RollbackFailed
}

/** AT data is committed in phase one, so a commit of AT cannot fail: only its clean-up can. */
function isHopeless(branch: Branch, status: BranchStatus, isCommit: boolean): boolean {
  return isCommit
    ? status === BranchStatus.PhaseTwo_CommitFailed_Unretryable && branch.type !== BranchType.AT
    : status === BranchStatus.PhaseTwo_RollbackFailed_Unretryable
}

/** An XA resource that does not know the branch, for so long that it must have ended it. */
function isForgottenByXa(
  state: CoordinatorState,
  transaction: Transaction,
  status: BranchStatus,
  now: number,
): boolean {
  const { timeoutMs, beganAt } = transaction
  const patienceMs = timeoutMs + Math.max(state.limits.xaerNotaRetryTimeoutMs, timeoutMs)
  return (
    (status === BranchStatus.PhaseTwo_CommitFailed_XAER_NOTA_Retryable ||
      status === BranchStatus.PhaseTwo_RollbackFailed_XAER_NOTA_Retryable) &&
    now - beganAt > patienceMs
  )
}

/** The engine may turn a saga round: forward instead of back, or back instead of forward. */
function applyToSaga(
  state: CoordinatorState,
  transaction: Transaction,
  outcome: BranchOutcome,
  step: Step,
): void {
  const branch = transaction.sagaCall as Branch
  const isCommit = isCommitting(transaction.status)
  const { status } = outcome
  const error = outcome.error === '' ? nameOf(BranchStatus, status) : outcome.error
  if (status === BranchStatus.PhaseTwo_Rollbacked) {
    const isTimeout = isTimeoutRollback(transaction.status)
    const end = isTimeout ? GlobalStatus.TimeoutRollbacked : GlobalStatus.Rollbacked
    finish(state, transaction, step, { status: end })
  } else if (isCommit && status === BranchStatus.PhaseTwo_Committed) {
    finish(state, transaction, step, { status: GlobalStatus.Committed })
  } else if (isCommit && status === BranchStatus.PhaseOne_Failed) {
    finish(state, transaction, step, { status: GlobalStatus.Finished, reason: error })
  } else if (isHopeless(branch, status, isCommit)) {
    failBranch(state, transaction, { branch, status, error }, step)
  } else {
    if (isCommit && status === BranchStatus.PhaseTwo_RollbackFailed_Retryable) {
      setDirection(state, transaction, step, GlobalStatus.Rollbacking)
    } else if (!isCommit && status === BranchStatus.PhaseTwo_CommitFailed_Retryable) {
      setDirection(state, transaction, step, GlobalStatus.Committing)
    }
    recordFailure(state, transaction, { branch, status, error }, step)
  }
}
