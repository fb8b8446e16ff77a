/**
 * Why the coordinator says no: Seata's exception code and exact text, then what the original does
 * not say: who holds the row, who ended the transaction, when and why. Texts:
 * org.apache.seata.server.{coordinator.AbstractCore, transaction.at.ATCore}.
 */
import { BranchType, ExceptionCode, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { RegisterBranchCommand } from './commands.ts'
import type { RowLock, Transaction } from './transaction.ts'

/** Who stands in the way of a lock. */
export interface LockConflict {
  /** The row and its holder. */
  readonly lock: RowLock
  readonly holderName: string
  readonly holderApplication: string
  readonly isHolderRollingBack: boolean
}

export interface Refusal {
  readonly code: ExceptionCode
  /** The original's text, unchanged. */
  readonly text: string
  /** What helps a person; empty when the text says all. */
  readonly explanation: string
  /** Set when a row lock is the reason. */
  readonly conflict: LockConflict | null
}

/** The `msg` of a failed answer on the wire, in the original's wrapping. */
export function refusalMessage(refusal: Refusal): string {
  const { text, explanation } = refusal
  return `TransactionException[${explanation === '' ? text : `${text} (${explanation})`}]`
}

export function refuse(
  code: ExceptionCode,
  text: string,
  explanation = '',
  conflict: LockConflict | null = null,
): Refusal {
  return { code, text, explanation, conflict }
}

export function beginRefusal(xid: string, explanation: string): Refusal {
  return refuse(ExceptionCode.BeginFailed, `begin global request failed. xid=${xid}`, explanation)
}

/** @param finished the transaction in the history, when it is still remembered. */
export function unknownTransaction(
  xid: string,
  finished: Transaction | undefined,
  now: number,
): Refusal {
  return refuse(
    ExceptionCode.GlobalTransactionNotExist,
    `Could not found global transaction xid = ${xid}, may be has finished.`,
    finished === undefined ? '' : explainEnd(finished, now),
  )
}

export function lateBranch(transaction: Transaction, now: number): Refusal {
  const { xid, status } = transaction
  const start =
    `Could not register branch into global session ` +
    `xid = ${xid} status = ${nameOf(GlobalStatus, status)}`
  const explanation = explainEnd(transaction, now)
  return transaction.isActive
    ? refuse(
        ExceptionCode.GlobalTransactionStatusInvalid,
        `${start} while expecting ${nameOf(GlobalStatus, GlobalStatus.Begin)}`,
        explanation,
      )
    : refuse(
        ExceptionCode.GlobalTransactionNotActive,
        `${start}, cause by globalSession not active`,
        explanation,
      )
}

/** @param explanation which limit was exceeded, and what to do. */
export function branchNotStored(command: RegisterBranchCommand, explanation: string): Refusal {
  return refuse(
    ExceptionCode.FailedToAddBranch,
    `Failed to store branch xid = ${command.xid} branchId = ${command.branchId}`,
    explanation,
  )
}

export function unknownBranch(xid: string, branchId: number | bigint): Refusal {
  return refuse(
    ExceptionCode.BranchTransactionNotExist,
    `Could not found branch session xid = ${xid} branchId = ${branchId}`,
  )
}

/** @param failFast true when waiting cannot help, because the holder needs the caller's rows. */
export function lockConflict(
  command: Pick<RegisterBranchCommand, 'xid' | 'branchId' | 'now'>,
  conflict: LockConflict,
  failFast: boolean,
): Refusal {
  const { lock } = conflict
  const state = conflict.isHolderRollingBack ? ', which is rolling back' : ''
  return refuse(
    failFast ? ExceptionCode.LockKeyConflictFailFast : ExceptionCode.LockKeyConflict,
    `Global lock acquire failed xid = ${command.xid} branchId = ${command.branchId}`,
    `row ${lock.table}:${lock.key} of ${lock.resourceId} is held by xid = ${lock.xid} ` +
      `branchId = ${lock.branchId} (transaction ${conflict.holderName} of ` +
      `${conflict.holderApplication})${state}, for ${command.now - lock.since} ms`,
    conflict,
  )
}

const endedByText = {
  commit: 'the transaction manager committed it',
  rollback: 'the transaction manager rolled it back',
  timeout: 'the coordinator rolled it back because of its timeout',
  report: 'the saga engine reported its end',
} as const

function explainEnd(transaction: Transaction, now: number): string {
  const { ending, timeoutMs, beganAt } = transaction
  if (ending === null) return ''
  const limit = ending.by === 'timeout' ? ` of ${timeoutMs} ms` : ''
  const reason = ending.reason === '' ? '' : `: ${ending.reason}`
  return (
    `${endedByText[ending.by]}${limit} ${now - ending.at} ms before this request and ` +
    `${ending.at - beganAt} ms after it began${reason}; ` +
    'late requests come from work that outlived its caller: ' +
    'let the call time out before the transaction does'
  )
}

/** Whether branches of this type take global locks. */
export function takesLocks(type: BranchType): boolean {
  return type === BranchType.AT
}
