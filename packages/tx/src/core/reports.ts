/**
 * What resource managers and saga engines report. A branch that failed in phase one has rolled back
 * by itself, so it is not driven in phase two: this is why branches report at all. Originals:
 * AbstractCore.branchReport and SagaCore.doGlobalReport.
 */
import { BranchStatus, ExceptionCode, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { GlobalReportCommand, ReportBranchCommand } from './commands.ts'
import { sagaCallOf } from './ending.ts'
import { isDirtyReport } from './repair.ts'
import { refuse, unknownBranch, unknownTransaction, type Refusal } from './refusal.ts'
import { answered, refused, type CommandResult } from './result.ts'
import { advance, fail, finish, setDirection, type Step } from './settle.ts'
import type { CoordinatorState } from './state.ts'
import {
  findBranch,
  isCommitting,
  isFailed,
  isRollingBack,
  isSaga,
  isTimeoutRollback,
  type Branch,
  type Transaction,
} from './transaction.ts'

export function reportBranch(state: CoordinatorState, command: ReportBranchCommand): CommandResult {
  const refusal = refusalOfReport(state, command)
  if (refusal !== null) return refused(refusal)
  const { xid, now, branchId, status } = command
  const transaction = state.transactions.get(xid) as Transaction
  const branch = findBranch(transaction, branchId) as Branch
  branch.status = status
  if (isDirtyReport(status, command.applicationData)) branch.dirty = command.applicationData
  else if (command.applicationData !== '') branch.applicationData = command.applicationData
  const reason = nameOf(BranchStatus, status)
  state.note(transaction, 'branchReported', { at: now, branchId, reason })
  const step: Step = { now, effects: [] }
  advance(state, transaction, step)
  return answered(transaction.status, step.effects)
}

/** What would be answered to the report now; null when it would succeed. */
export function refusalOfReport(
  state: CoordinatorState,
  command: ReportBranchCommand,
): Refusal | null {
  const { xid, branchId, status, applicationData } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) {
    return unknownTransaction(xid, state.endOf(xid), command.now)
  }
  const branch = findBranch(transaction, branchId)
  if (branch === undefined || branch.isEnded || branch === transaction.sagaCall) {
    return unknownBranch(xid, branchId)
  }
  const name = isDirtyReport(status, applicationData)
    ? 'maxDirtyLength'
    : 'maxApplicationDataLength'
  const limit = state.limits[name]
  if (applicationData.length <= limit) return null
  return refuse(
    ExceptionCode.BranchReportFailed,
    `Failed to store branch xid = ${xid} branchId = ${branchId}`,
    `applicationData has ${applicationData.length} characters; ${name} allows ${limit}`,
  )
}

/** Only sagas end by report; the original's answer for an unknown one is the report itself. */
export function globalReport(state: CoordinatorState, command: GlobalReportCommand): CommandResult {
  const { xid, now, status } = command
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) return answered(status)
  if (!isSaga(transaction)) return answered(transaction.status)
  const step: Step = { now, effects: [] }
  const direction = directionOf(transaction.status, status)
  if (direction === GlobalStatus.Begin) return answered(direction)
  transaction.ending ??= { by: 'report', at: now, reason: nameOf(GlobalStatus, status) }
  if (status === GlobalStatus.Committed) {
    finish(state, transaction, step, { status })
  } else if (status === GlobalStatus.Rollbacked || status === GlobalStatus.Finished) {
    const isTimeout = isTimeoutRollback(transaction.status)
    const end = isTimeout ? GlobalStatus.TimeoutRollbacked : GlobalStatus.Rollbacked
    finish(state, transaction, step, { status: end })
  } else if (isFailed(status)) {
    fail(state, transaction, step, { status, reason: 'reported by the saga engine' })
  } else {
    redirect(state, transaction, step, direction)
  }
  return answered(transaction.status, step.effects)
}

function redirect(
  state: CoordinatorState,
  transaction: Transaction,
  step: Step,
  status: GlobalStatus,
): void {
  if (status !== transaction.status) {
    setDirection(state, transaction, step, status)
    transaction.endedAt = null
    const reason = 'reported by the saga engine'
    state.note(transaction, 'resumed', { at: step.now, status, reason })
  }
  transaction.sagaCall ??= sagaCallOf(transaction)
  advance(state, transaction, step)
}

/** The status that a report asks for; an unknown outcome goes back, as in the original. */
function directionOf(current: GlobalStatus, reported: GlobalStatus): GlobalStatus {
  if (isCommitting(reported)) return GlobalStatus.CommitRetrying
  if (isRollingBack(reported) || reported === GlobalStatus.UnKnown) {
    return isTimeoutRollback(current) || isTimeoutRollback(reported)
      ? GlobalStatus.TimeoutRollbackRetrying
      : GlobalStatus.RollbackRetrying
  }
  return isEndStatus(reported) ? reported : current
}

function isEndStatus(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.Committed ||
    status === GlobalStatus.Rollbacked ||
    status === GlobalStatus.Finished ||
    isFailed(status)
  )
}
