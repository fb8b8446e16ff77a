/**
 * Rows that cannot be rolled back because somebody changed them outside of global transactions: the
 * resource manager reports what it found, the transaction stops, a person chooses, and the
 * resource manager restores what was chosen.
 *
 *     RM ── BranchReport {"dirty":{…}} ──► kept with the branch, shown to people
 *     RM ── RollbackFailed_Unretryable ──► RollbackFailed, rows stay locked
 *     person ── repairBranch ────────────► RollbackRetrying
 *     RM ◄─ BranchRollback {"repair":{"choice":"before"}} ── Rollbacked ──► the next branch …
 *
 * What is reported is opaque here: only the resource manager and the console read it.
 */
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  GlobalStatus,
  nameOf,
} from '../protocol/status.ts'
import type { RepairBranchCommand } from './commands.ts'
import { resumedStatus } from './ending.ts'
import { refuse, unknownBranch, unknownTransaction, type Refusal } from './refusal.ts'
import { answered, refused, type CommandResult } from './result.ts'
import { advance, type Step } from './settle.ts'
import type { CoordinatorState } from './state.ts'
import {
  findBranch,
  needsPhaseTwo,
  type Branch,
  type Repair,
  type Transaction,
} from './transaction.ts'

export function repairBranch(state: CoordinatorState, command: RepairBranchCommand): CommandResult {
  const refusal = refusalOfRepair(state, command)
  if (refusal !== null) return refused(refusal)
  const { xid, branchId, choice, by, note, now } = command
  const transaction = state.transactions.get(xid) as Transaction
  const branch = findBranch(transaction, branchId) as Branch
  branch.repair = { choice, by: state.clip(by) }
  const status = resumedStatus(transaction.status)
  state.setStatus(transaction, status)
  transaction.endedAt = null
  const reason = `${by} repairs the rows of branch ${branchId} to "${choice}"`
  state.note(transaction, 'resumed', {
    at: now,
    branchId,
    status,
    reason: note === '' ? reason : `${reason}: ${note}`,
  })
  const step: Step = { now, effects: [] }
  advance(state, transaction, step)
  return answered(status, step.effects)
}

/** Why a repair would be refused now; null when it would be ordered. */
export function refusalOfRepair(
  state: CoordinatorState,
  { xid, branchId, now }: RepairBranchCommand,
): Refusal | null {
  const transaction = state.transactions.get(xid)
  if (transaction === undefined) return unknownTransaction(xid, state.endOf(xid), now)
  const branch = findBranch(transaction, branchId)
  if (branch === undefined || branch.isEnded || branch === transaction.sagaCall) {
    return unknownBranch(xid, branchId)
  }
  const { status } = transaction
  const start =
    `Could not repair branch xid = ${xid} branchId = ${branchId} ` +
    `status = ${nameOf(GlobalStatus, status)}`
  const invalid = (why: string): Refusal =>
    refuse(ExceptionCode.GlobalTransactionStatusInvalid, start, why)
  if (branch.type !== BranchType.AT) return invalid('only AT branches have rows to repair')
  if (branch !== transaction.branches.findLast(needsPhaseTwo)) {
    return invalid('a later branch must be rolled back before')
  }
  return isRepairable(transaction, branch)
    ? null
    : invalid('only a rollback that has failed may be repaired')
}

/** Not one that is merely on its way: it may end by itself, and must not meet a second order. */
export function isRepairable({ status, branches }: Transaction, branch: Branch): boolean {
  const isStopped =
    status === GlobalStatus.RollbackFailed || status === GlobalStatus.TimeoutRollbackFailed
  return isStopped && branch.type === BranchType.AT && branch === branches.findLast(needsPhaseTwo)
}

/** Whether a report tells of rows that the resource manager may not restore. */
export function isDirtyReport(status: BranchStatus, applicationData: string): boolean {
  return (
    status === BranchStatus.PhaseTwo_RollbackFailed_Unretryable &&
    applicationData.startsWith('{"dirty":')
  )
}

/** applicationData of the order to roll back that carries a person's choice. */
export function encodeRepair({ choice }: Repair): string {
  return JSON.stringify({ repair: { choice } })
}
