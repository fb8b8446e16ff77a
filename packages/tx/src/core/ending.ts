/**
 * How a transaction is told to end: commit or rollback by its manager, rollback by the timeout;
 * and how a person goes on with one that failed.
 *
 *     Begin ─ commit ──► AsyncCommitting (AT only; answered Committed at once) ─► Committed
 *           │            Committing ─► Committed | CommitRetrying ─► … | CommitFailed
 *           ├ rollback ► Rollbacking ─► Rollbacked | RollbackRetrying ─► … | RollbackFailed
 *           └ timeout ─► TimeoutRollbacking ─► TimeoutRollbacked | … | TimeoutRollbackFailed
 *
 * Original: DefaultCore and DefaultCoordinator. Differences: the first failure of an asynchronous
 * commit shows as CommitRetrying; a commit that comes after the timeout starts the rollback itself
 * instead of leaving it to the next scan; and what has finished is answered from the history.
 */
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  GlobalStatus,
  nameOf,
} from '../protocol/status.ts'
import type {
  CommitCommand,
  ForgetCommand,
  ResumeCommand,
  RollbackCommand,
  TimeOutCommand,
} from './commands.ts'
import { refuse, unknownTransaction, type Refusal } from './refusal.ts'
import { answered, refused, type CommandResult, type Effect } from './result.ts'
import {
  advance,
  dropIdleBranches,
  finish,
  onlyAtIsOpen,
  setDirection,
  type Step,
} from './settle.ts'
import type { CoordinatorState } from './state.ts'
import {
  isCommitting,
  isFailed,
  isSaga,
  isTimedOut,
  isTimeoutRollback,
  sagaBranchId,
  type Branch,
  type EndedBy,
  type RowLock,
  type Transaction,
} from './transaction.ts'

export function commit(state: CoordinatorState, command: CommitCommand): CommandResult {
  const { xid, now } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) return answered(finishedCommitAnswer(state, xid))
  if (transaction.status !== GlobalStatus.Begin) return answered(commitAnswer(transaction))
  if (isTimedOut(transaction, now)) {
    const reason = 'the commit came after the timeout'
    const effects = startTimeoutRollback(state, transaction, { now, reason })
    return answered(GlobalStatus.TimeoutRollbacking, effects)
  }
  const step: Step = { now, effects: [] }
  close(transaction, 'commit', step, '')
  if (isSaga(transaction)) transaction.sagaCall = sagaCallOf(transaction)
  setDirection(state, transaction, step, GlobalStatus.Committing)
  dropIdleBranches(state, transaction, step)
  if (onlyAtIsOpen(transaction)) state.setStatus(transaction, GlobalStatus.AsyncCommitting)
  const { status } = transaction
  state.note(transaction, 'commitRequested', { at: now, status })
  advance(state, transaction, step)
  return answered(commitAnswer(transaction), step.effects)
}

export function rollback(state: CoordinatorState, command: RollbackCommand): CommandResult {
  const { xid, now, reason } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) {
    return answered(state.endOf(xid)?.status ?? GlobalStatus.Finished)
  }
  if (transaction.status !== GlobalStatus.Begin) return answered(transaction.status)
  const step: Step = { now, effects: [] }
  close(transaction, 'rollback', step, state.clip(reason))
  const status = GlobalStatus.Rollbacking
  startRollback(state, transaction, step, { status, kind: 'rollbackRequested', reason })
  return answered(transaction.status, step.effects)
}

export function timeOut(state: CoordinatorState, command: TimeOutCommand): CommandResult {
  const { xid, now } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined || !isTimedOut(transaction, now)) {
    return answered(transaction?.status ?? GlobalStatus.Finished)
  }
  const effects = startTimeoutRollback(state, transaction, { now, reason: '' })
  return answered(transaction.status, effects)
}

/** Goes on with what a person wants to be tried again, or notes that the coordinator is back. */
export function resume(state: CoordinatorState, command: ResumeCommand): CommandResult {
  const refusal = refusalOfManual(state, command)
  if (refusal !== null) return refused(refusal)
  const { xid, now, reason } = command
  const transaction = state.transactions.get(xid) as Transaction
  const status = resumedStatus(transaction.status)
  const changed = status !== transaction.status
  if (changed) {
    state.setStatus(transaction, status)
    transaction.endedAt = null
    if (isSaga(transaction)) transaction.sagaCall ??= sagaCallOf(transaction)
  }
  state.note(transaction, 'resumed', { at: now, reason, ...(changed && { status }) })
  const step: Step = { now, effects: [] }
  advance(state, transaction, step)
  return answered(status, step.effects)
}

export function forget(state: CoordinatorState, command: ForgetCommand): CommandResult {
  const refusal = refusalOfManual(state, command)
  if (refusal !== null) return refused(refusal)
  const { xid, now, reason } = command
  const transaction = state.transactions.get(xid) as Transaction
  const { status } = transaction
  const step: Step = { now, effects: [] }
  finish(state, transaction, step, { status, reason })
  return answered(status, step.effects)
}

/** Why what a person asks for would be refused now; null when it would be done. */
export function refusalOfManual(
  state: CoordinatorState,
  command: ResumeCommand | ForgetCommand,
): Refusal | null {
  const { xid, now, kind } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) return unknownTransaction(xid, state.endOf(xid), now)
  const { status } = transaction
  if (kind === 'resume' || isFailed(status)) return null
  return refuse(
    ExceptionCode.GlobalTransactionStatusInvalid,
    `Could not forget global transaction xid = ${xid} status = ${nameOf(GlobalStatus, status)}`,
    'only one that has failed may be forgotten; others end by themselves',
  )
}

/**
 * The answer to a commit of a transaction that is not in Begin. What is left of AT is only
 * clean-up, so that is as good as committed, even while the clean-up fails. After a timeout the
 * manager hears so in whichever state the rollback is.
 */
function commitAnswer(transaction: Transaction): GlobalStatus {
  const { status } = transaction
  if (isCommitting(status) && onlyAtIsOpen(transaction)) return GlobalStatus.Committed
  return isTimeoutRollback(status) || status === GlobalStatus.TimeoutRollbackFailed
    ? GlobalStatus.TimeoutRollbacking
    : status
}

/**
 * A manager whose answer was lost asks again, so a committed transaction is answered Committed
 * where the original says Finished, which its clients report as a failure. One that was rolled back
 * must not be answered Rollbacked: Seata's clients take every status but Finished and the timeout
 * ones for success.
 */
function finishedCommitAnswer(state: CoordinatorState, xid: string): GlobalStatus {
  const status = state.endOf(xid)?.status
  return status === GlobalStatus.Committed || status === GlobalStatus.TimeoutRollbacked
    ? status
    : GlobalStatus.Finished
}

function close(transaction: Transaction, by: EndedBy, step: Step, reason: string): void {
  transaction.isActive = false
  transaction.ending = { by, at: step.now, reason }
}

function startTimeoutRollback(
  state: CoordinatorState,
  transaction: Transaction,
  cause: { now: number; reason: string },
): Effect[] {
  const step: Step = { now: cause.now, effects: [] }
  // It stays "active": a late branch then hears that the status is not Begin, as in the original
  // with a database store, and not that its manager has closed the transaction.
  transaction.ending = { by: 'timeout', at: cause.now, reason: cause.reason }
  const status = GlobalStatus.TimeoutRollbacking
  const reason = `not ended within ${transaction.timeoutMs} ms`
  startRollback(state, transaction, step, { status, kind: 'timedOut', reason })
  return step.effects
}

function startRollback(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  start: { status: GlobalStatus; kind: 'rollbackRequested' | 'timedOut'; reason: string },
): void {
  const { status, kind, reason } = start
  if (isSaga(transaction)) transaction.sagaCall = sagaCallOf(transaction)
  state.setStatus(transaction, status)
  state.note(transaction, kind, { at: step.now, status, reason })
  const locks: readonly RowLock[] = transaction.branches.flatMap((branch) => branch.locks)
  if (locks.length > 0) step.effects.push({ kind: 'holderRollsBack', locks })
  advance(state, transaction, step)
}

/** The whole saga is ended by one call to the application that began it. */
export function sagaCallOf(transaction: Transaction): Branch {
  const { applicationId, transactionServiceGroup } = transaction
  return {
    branchId: sagaBranchId,
    order: 0,
    type: BranchType.SAGA,
    resourceId: `${applicationId}#${transactionServiceGroup}`,
    clientId: '',
    // Each attempt carries the status of its moment instead.
    applicationData: '',
    status: BranchStatus.Registered,
    isEnded: false,
    locks: [],
    failureCount: 0,
    failingSince: null,
    lastError: null,
    statement: '',
    dirty: '',
    repair: null,
  }
}

/** In which status a failed transaction goes on; another one keeps its own. */
export function resumedStatus(status: GlobalStatus): GlobalStatus {
  if (status === GlobalStatus.CommitFailed) return GlobalStatus.CommitRetrying
  if (status === GlobalStatus.RollbackFailed) return GlobalStatus.RollbackRetrying
  return status === GlobalStatus.TimeoutRollbackFailed
    ? GlobalStatus.TimeoutRollbackRetrying
    : status
}
