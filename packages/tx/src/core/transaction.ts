/**
 * A global transaction and its branches as the coordinator keeps them. Plain objects that only the
 * coordinator's transitions change; everything here is durable. Originals: GlobalSession and
 * BranchSession of org.apache.seata.server.session.
 */
import { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import type { TimelineEntry } from './timeline.ts'

/** One row of one database. */
export interface LockRow {
  readonly resourceId: string
  readonly table: string
  readonly key: string
}

/** One row under a global lock. */
export interface RowLock extends LockRow {
  readonly xid: string
  readonly branchId: number
  /** Wall time in ms at which it was taken. */
  readonly since: number
}

export interface Branch {
  readonly branchId: number
  /** 1 is the first that registered. Rollback goes by this number, never by time. */
  readonly order: number
  readonly type: BranchType
  readonly resourceId: string
  /** `application:ip:port` of the process that registered it. */
  readonly clientId: string
  /** What the registrant wants back in phase two; emptied when the transaction has finished. */
  applicationData: string
  status: BranchStatus
  /** Phase two needs nothing more of it. */
  isEnded: boolean
  /** Rows that this branch was the first of its transaction to lock. */
  locks: readonly RowLock[]
  /** Attempts of phase two that failed. */
  failureCount: number
  /** Wall time of the first failed attempt in ms; null when none failed. */
  failingSince: number | null
  lastError: string | null
  /** The statement that made the changes, as far as the registrant told it; '' if not. */
  readonly statement: string
  /** What a resource manager reported of rows that it may not restore, as JSON; '' if nothing. */
  dirty: string
  /** How a person wants these rows to be; null when nobody has said. */
  repair: Repair | null
}

/** The rows as they were before the transaction, as it left them, or as they are now. */
export const repairChoices = ['before', 'after', 'now'] as const
export type RepairChoice = (typeof repairChoices)[number]

export interface Repair {
  readonly choice: RepairChoice
  /** Who decided it. */
  readonly by: string
}

/** Who decided that a transaction ends. */
export type EndedBy = 'commit' | 'rollback' | 'timeout' | 'report'

export interface Ending {
  readonly by: EndedBy
  /** Wall time in ms. */
  readonly at: number
  readonly reason: string
}

export interface Transaction {
  /** `address:transactionId`. */
  readonly xid: string
  readonly transactionId: number
  readonly name: string
  readonly applicationId: string
  readonly transactionServiceGroup: string
  readonly timeoutMs: number
  /** Wall time in ms. */
  readonly beganAt: number
  status: GlobalStatus
  /** False once a transaction manager has asked for the end: no branch may come any more. */
  isActive: boolean
  /** The first decision to end it; null in Begin. */
  ending: Ending | null
  /** Wall time in ms; null until it has ended, well or not. */
  endedAt: number | null
  /** All that registered, in order, also those that have ended. */
  readonly branches: Branch[]
  /** How many branches have not ended. */
  openCount: number
  /** Saga: the one call that ends the whole transaction; null in other modes and before the end. */
  sagaCall: Branch | null
  readonly timeline: TimelineEntry[]
}

/** What is remembered longest of a finished transaction: how it ended. */
export type EndRecord = Pick<
  Transaction,
  'xid' | 'applicationId' | 'timeoutMs' | 'beganAt' | 'status' | 'ending' | 'endedAt'
>

/** The branch id that stands for a whole saga. */
export const sagaBranchId = -1

/** Transactions whose name starts so are sagas even before their first branch. */
const sagaNamePrefix = '$Saga_'

export function isSaga(transaction: Transaction): boolean {
  const first = transaction.branches[0]
  if (first !== undefined) return first.type === BranchType.SAGA
  return transaction.name.startsWith(sagaNamePrefix)
}

/** Begun, not asked to end, and past its timeout. */
export function isTimedOut(transaction: Transaction, now: number): boolean {
  return (
    transaction.status === GlobalStatus.Begin && now - transaction.beganAt > transaction.timeoutMs
  )
}

/** Phase two goes towards commit. */
export function isCommitting(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.Committing ||
    status === GlobalStatus.CommitRetrying ||
    status === GlobalStatus.AsyncCommitting
  )
}

/** Phase two goes towards rollback. */
export function isRollingBack(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.Rollbacking ||
    status === GlobalStatus.RollbackRetrying ||
    isTimeoutRollback(status)
  )
}

/** Phase two goes towards rollback because of the timeout. */
export function isTimeoutRollback(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.TimeoutRollbacking || status === GlobalStatus.TimeoutRollbackRetrying
  )
}

/** Phase two has failed at least once and goes on. */
export function isRetrying(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.CommitRetrying ||
    status === GlobalStatus.RollbackRetrying ||
    status === GlobalStatus.TimeoutRollbackRetrying
  )
}

/** Ended in a way that a person must look at; what it locks stays locked until then. */
export function isFailed(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.CommitFailed ||
    status === GlobalStatus.RollbackFailed ||
    status === GlobalStatus.TimeoutRollbackFailed
  )
}

/**
 * Whether phase two has a call to make for the branch. A branch that failed in phase one has
 * already rolled back in its own database, and a read-only XA branch has nothing to end.
 */
export function needsPhaseTwo(branch: Branch): boolean {
  if (branch.isEnded || branch.status === BranchStatus.PhaseOne_Failed) return false
  return !(branch.status === BranchStatus.PhaseOne_RDONLY && branch.type === BranchType.XA)
}

/** The application in a client id, which is `application:ip:port`; '' of the call of a saga. */
export function applicationOf({ clientId }: Pick<Branch, 'clientId'>): string {
  const match = beforeIpv4.exec(clientId) ?? beforeIpv6.exec(clientId)
  return match?.[1] ?? clientId
}

// Names may contain colons as well.
const beforeIpv4 = /^(.*):(?:\d+\.){3}\d+:\d+$/
const beforeIpv6 = /^(.*?):[\da-f]*:[\da-f:]*(?:%\w+)?:\d+$/i

export function findBranch(transaction: Transaction, branchId: number): Branch | undefined {
  if (branchId === sagaBranchId) return transaction.sagaCall ?? undefined
  return transaction.branches.find((branch) => branch.branchId === branchId)
}

/** How many rows the transaction has under global locks. */
export function lockCountOf(transaction: Transaction): number {
  let count = 0
  for (const branch of transaction.branches) count += branch.locks.length
  return count
}
