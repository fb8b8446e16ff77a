/**
 * Why the coordinator says no: Seata's exception code and exact text, then what the original does
 * not say: who holds the row, who ended the transaction, when and why. Texts:
 * org.apache.seata.server.{coordinator.AbstractCore, transaction.at.ATCore}.
 */
import { unreachable } from '@settee/kit'
import { BranchType, ExceptionCode, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { RegisterBranchCommand } from './commands.ts'
import type { EndRecord, Ending, LockRow, RowLock, Transaction } from './transaction.ts'

/** Who stands in the way of a lock. */
export interface LockConflict {
  /** The row and its holder. */
  readonly lock: RowLock
  readonly holderName: string
  /** The application that began the holder. */
  readonly holderApplication: string
  /** The application that changed the row for it. */
  readonly holderService: string
  /** How it changed the row, as far as that is known; '' if not. */
  readonly holderStatement: string
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

/** @param end how it ended, when that is still remembered. */
export function unknownTransaction(xid: string, end: EndRecord | undefined, now: number): Refusal {
  return refuse(
    ExceptionCode.GlobalTransactionNotExist,
    `Could not found global transaction xid = ${xid}, may be has finished.`,
    end === undefined ? '' : explainEnd(end, now),
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
  const { lock, holderService, holderStatement } = conflict
  const state = conflict.isHolderRollingBack ? ', which is rolling back' : ''
  const statement = holderStatement === '' ? '' : ` with "${holderStatement}"`
  return refuse(
    failFast ? ExceptionCode.LockKeyConflictFailFast : ExceptionCode.LockKeyConflict,
    `Global lock acquire failed xid = ${command.xid} branchId = ${command.branchId}`,
    `row ${lock.table}:${lock.key} of ${lock.resourceId} is held by xid = ${lock.xid} ` +
      `branchId = ${lock.branchId} (transaction ${conflict.holderName} of ` +
      `${conflict.holderApplication})${state}, locked by ${holderService}${statement}, ` +
      `for ${command.now - lock.since} ms`,
    conflict,
  )
}

/** For who does not wait, while somebody waits for the row who came before. */
export function queuedRow(
  command: Pick<RegisterBranchCommand, 'xid' | 'branchId' | 'now'>,
  row: LockRow,
  ahead: {
    readonly xid: string
    readonly name: string
    readonly applicationId: string
    readonly since: number
  },
): Refusal {
  return refuse(
    ExceptionCode.LockKeyConflict,
    `Global lock acquire failed xid = ${command.xid} branchId = ${command.branchId}`,
    `row ${row.table}:${row.key} of ${row.resourceId} is next for xid = ${ahead.xid} ` +
      `(transaction ${ahead.name} of ${ahead.applicationId}), which has waited ` +
      `${command.now - ahead.since} ms`,
  )
}

/** A transaction that waits for a row of the next one of a cycle. */
export interface DeadlockLink {
  readonly xid: string
  readonly name: string
  readonly applicationId: string
  readonly row: LockRow
  /** Xid of the transaction that holds the row. */
  readonly holder: string
}

/** Members of a cycle that are named. */
const maxNamedLinks = 8

/** For the youngest of transactions that wait for each other. Its client must not try again. */
export function deadlockRefusal(
  command: Pick<RegisterBranchCommand, 'xid' | 'branchId'>,
  links: readonly DeadlockLink[],
): Refusal {
  const named = links
    .slice(0, maxNamedLinks)
    .map(
      ({ xid, name, applicationId, row, holder }) =>
        `xid = ${xid} (transaction ${name} of ${applicationId}) waits for row ` +
        `${row.table}:${row.key} of ${row.resourceId}, held by xid = ${holder}`,
    )
  return refuse(
    ExceptionCode.LockKeyConflictFailFast,
    `Global lock acquire failed xid = ${command.xid} branchId = ${command.branchId}`,
    `deadlock: ${named.join('; ')}${links.length > maxNamedLinks ? '; …' : ''}; ` +
      `xid = ${command.xid} is the youngest: roll it back and begin it anew`,
  )
}

/** Who ended the transaction, when and why: for those who come too late. */
function explainEnd(transaction: EndRecord, now: number): string {
  const { ending, beganAt } = transaction
  if (ending === null) return ''
  const reason = ending.reason === '' ? '' : `: ${ending.reason}`
  return (
    `${whoEnded(transaction, ending)} ${now - ending.at} ms before this request and ` +
    `${ending.at - beganAt} ms after it began${reason}; ` +
    'late requests come from work that outlived its caller: ' +
    'let the call time out before the transaction does'
  )
}

function whoEnded({ applicationId, timeoutMs }: EndRecord, { by }: Ending): string {
  switch (by) {
    case 'commit':
      return `the transaction manager ${applicationId} committed it`
    case 'rollback':
      return `the transaction manager ${applicationId} rolled it back`
    case 'timeout':
      return `the coordinator rolled it back because of its timeout of ${timeoutMs} ms`
    case 'report':
      return `the saga engine of ${applicationId} reported its end`
    default:
      return unreachable(by)
  }
}

/** Whether branches of this type take global locks. */
export function takesLocks(type: BranchType): boolean {
  return type === BranchType.AT
}
