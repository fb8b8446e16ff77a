/**
 * What people see of the coordinator: lists, one transaction in full, counts. Pure functions of the
 * state; what only phase two knows (when the next attempt is) comes in as a port. The shapes are
 * those of the control plane's HTTP API: times in ms, ids as decimal strings, statuses by name.
 */
import { MinHeap } from '@settee/kit'
import { BranchStatus, BranchType, GlobalStatus, nameOf } from '../protocol/status.ts'
import { readDirtyRows, type DirtyRowsView } from './dirty-rows.ts'
import { nextBranches } from './phase-two.ts'
import { isRepairable } from './repair.ts'
import type { CoordinatorState } from './state.ts'
import type { TimelineEntry, TimelineKind } from './timeline.ts'
import {
  applicationOf,
  isFailed,
  isRetrying,
  lockCountOf,
  type Branch,
  type Transaction,
} from './transaction.ts'

/** The groups by which the list is filtered. */
export type TransactionState = 'active' | 'retrying' | 'committed' | 'rolledBack' | 'failed'

export interface TransactionSummary {
  readonly xid: string
  readonly name: string
  readonly application: string
  readonly state: TransactionState
  readonly status: string
  readonly beganAt: number
  readonly endedAt: number | null
  readonly timeoutMs: number
  readonly branchCount: number
  readonly lockCount: number
  /** What phase two waits for, in one sentence; null when it waits for nothing. */
  readonly waitingFor: string | null
  /** The application that must answer; null when it waits for nothing. */
  readonly waitingTarget: string | null
  /** When phase two first failed to reach it, in ms; null when it waits for nothing. */
  readonly waitingSince: number | null
}

export interface BranchView {
  readonly branchId: string
  readonly order: number
  readonly type: keyof typeof BranchType
  readonly resourceId: string
  readonly clientId: string
  readonly status: string
  /** Attempts of phase two that failed. */
  readonly attemptCount: number
  readonly nextAttemptAt: number | null
  readonly lastError: string | null
  /** The statement that made the changes, shortened and without values; '' when not told. */
  readonly statement: string
  /** Why a person must decide how its rows shall be; null when nobody must, or it is not told. */
  readonly dirty: DirtyRowsView | null
  /** Whether it may be repaired now: the rollback stopped at it. */
  readonly isRepairable: boolean
}

export interface LockView {
  readonly resourceId: string
  readonly table: string
  readonly key: string
  readonly branchId: string
  /** Wall time in ms at which it was taken. */
  readonly since: number
}

export interface TimelineView {
  readonly at: number
  readonly kind: TimelineKind
  readonly branchId: string | null
  /** An application, the `application:ip:port` of a branch, or `coordinator`. */
  readonly actor: string
  readonly status: string | null
  readonly reason: string
}

export interface TransactionDetail extends TransactionSummary {
  readonly branches: readonly BranchView[]
  readonly locks: readonly LockView[]
  readonly timeline: readonly TimelineView[]
}

export interface TransactionPage {
  readonly items: readonly TransactionSummary[]
  /** Pass as `before` to get older ones; null at the end. */
  readonly next: string | null
  readonly historyLimit: number
}

export interface TransactionCounts {
  /** In Begin, or in phase two and without a failed attempt. */
  readonly activeCount: number
  readonly retryingCount: number
  readonly failedCount: number
  readonly committedTotal: number
  readonly rolledBackTotal: number
  readonly lockCount: number
  readonly lockWaiterCount: number
}

export interface TransactionQuery {
  readonly state?: TransactionState
  /** A part of the xid, the name or the application. */
  readonly text?: string
  /** Default 50, at most 500. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly before?: string
}

/** When phase two tries again; {@link PhaseTwo} is one. */
export interface RetrySchedule {
  nextAttemptAt(xid: string, branchId: number): number | null
  /** Since when its resource fails for all, in ms; null when it does not. */
  breakerOpenSince(xid: string, branchId: number): number | null
}

const noSchedule: RetrySchedule = { nextAttemptAt: () => null, breakerOpenSince: () => null }

const defaultPageSize = 50
const maxPageSize = 500

/** A page of transactions, the youngest first, finished ones included. */
export function listTransactions(
  state: CoordinatorState,
  query: TransactionQuery = {},
  schedule: RetrySchedule = noSchedule,
): TransactionPage {
  const limit = Math.min(Math.max(query.limit ?? defaultPageSize, 1), maxPageSize)
  // A heap of the youngest `limit + 1` so far: one pass, whatever the number of transactions.
  const youngest = new MinHeap<Transaction>()
  for (const source of [state.transactions.values(), state.history()]) {
    for (const transaction of source) {
      if (!matches(transaction, query)) continue
      youngest.push(transaction.transactionId, transaction)
      if (youngest.length > limit + 1) youngest.pop()
    }
  }
  const found: Transaction[] = []
  for (let one = youngest.pop(); one !== undefined; one = youngest.pop()) found.push(one)
  const page = found.toReversed().slice(0, limit)
  return {
    items: page.map((transaction) => summarize(transaction, schedule)),
    next: found.length > limit ? String((page.at(-1) as Transaction).transactionId) : null,
    historyLimit: state.limits.maxFinishedTransactions,
  }
}

/** Everything about one transaction; null when it is unknown or no longer remembered. */
export function describeTransaction(
  state: CoordinatorState,
  xid: string,
  schedule: RetrySchedule,
): TransactionDetail | null {
  const transaction = state.transactions.get(xid) ?? state.finished(xid)
  if (transaction === undefined) return null
  return {
    ...summarize(transaction, schedule),
    branches: transaction.branches.map((branch) => viewBranch(transaction, branch, schedule)),
    locks: transaction.branches.flatMap((branch) =>
      branch.locks.map(({ resourceId, table, key, branchId, since }) => ({
        resourceId,
        table,
        key,
        branchId: String(branchId),
        since,
      })),
    ),
    timeline: transaction.timeline.map((entry) => viewEntry(transaction, entry)),
  }
}

function viewEntry(transaction: Transaction, entry: TimelineEntry): TimelineView {
  const { at, kind, branchId, status, reason } = entry
  return {
    at,
    kind,
    branchId: branchId === null ? null : String(branchId),
    actor: actorOf(transaction, entry),
    status: status === null ? null : nameOf(GlobalStatus, status),
    reason,
  }
}

/** Who did it: the manager begins and asks for the end, resource managers do what branches do. */
function actorOf(transaction: Transaction, { kind, branchId }: TimelineEntry): string {
  switch (kind) {
    case 'begun':
    case 'commitRequested':
    case 'rollbackRequested':
      return transaction.applicationId
    case 'branchRegistered':
    case 'branchReported':
    case 'branchCommitted':
    case 'branchRolledBack':
    case 'branchFailed': {
      const branch = transaction.branches.find((one) => one.branchId === branchId)
      return branch?.clientId ?? transaction.applicationId
    }
    default:
      return 'coordinator'
  }
}

/**
 * Counts for the overview.
 * @param since totals at the start of this process; those of the state go back to its first start.
 */
export function countTransactions(
  state: CoordinatorState,
  lockWaiterCount: number,
  since: { readonly committedTotal: number; readonly rolledBackTotal: number },
): TransactionCounts {
  let retryingCount = 0
  let failedCount = 0
  for (const status of Object.values(GlobalStatus)) {
    if (isRetrying(status)) retryingCount += state.countOf(status)
    else if (isFailed(status)) failedCount += state.countOf(status)
  }
  return {
    activeCount: state.transactions.size - retryingCount - failedCount,
    retryingCount,
    failedCount,
    committedTotal: state.committedTotal - since.committedTotal,
    rolledBackTotal: state.rolledBackTotal - since.rolledBackTotal,
    lockCount: state.locks.size,
    lockWaiterCount,
  }
}

function matches(transaction: Transaction, query: TransactionQuery): boolean {
  const { state, text = '', before } = query
  if (before !== undefined && transaction.transactionId >= Number(before)) return false
  if (state !== undefined && stateOf(transaction.status) !== state) return false
  const { xid, name, applicationId } = transaction
  return xid.includes(text) || name.includes(text) || applicationId.includes(text)
}

function stateOf(status: GlobalStatus): TransactionState {
  if (isRetrying(status)) return 'retrying'
  if (isFailed(status)) return 'failed'
  if (status === GlobalStatus.Committed) return 'committed'
  return status === GlobalStatus.Rollbacked ||
    status === GlobalStatus.TimeoutRollbacked ||
    status === GlobalStatus.Finished
    ? 'rolledBack'
    : 'active'
}

function summarize(transaction: Transaction, schedule: RetrySchedule): TransactionSummary {
  return {
    xid: transaction.xid,
    name: transaction.name,
    application: transaction.applicationId,
    state: stateOf(transaction.status),
    status: nameOf(GlobalStatus, transaction.status),
    beganAt: transaction.beganAt,
    endedAt: transaction.endedAt,
    timeoutMs: transaction.timeoutMs,
    branchCount: transaction.branches.length,
    lockCount: lockCountOf(transaction),
    ...describeWait(transaction, schedule),
  }
}

/** The first branch that phase two must end and could not, or may not try because others failed. */
function describeWait(
  transaction: Transaction,
  schedule: RetrySchedule,
): Pick<TransactionSummary, 'waitingFor' | 'waitingTarget' | 'waitingSince'> {
  const { xid, applicationId } = transaction
  const next = nextBranches(transaction)
  const branch =
    next.find(({ failureCount }) => failureCount > 0) ??
    next.find(({ branchId }) => schedule.breakerOpenSince(xid, branchId) !== null)
  const openSince = branch && schedule.breakerOpenSince(xid, branch.branchId)
  const since = branch?.failingSince ?? openSince ?? null
  if (branch === undefined || since === null) {
    return { waitingFor: null, waitingTarget: null, waitingSince: null }
  }
  const target = applicationOf(branch) || applicationId
  const nextAt = schedule.nextAttemptAt(xid, branch.branchId)
  const parts = [
    `waiting for ${target} RM (resource ${branch.resourceId}) since ${formatTime(since)}`,
    `attempt ${branch.failureCount + 1}`,
    nextAt === null ? '' : `next try at ${formatTime(nextAt)}`,
    openSince == null ? '' : 'breaker open: one attempt at a time for all who wait for it',
    branch.lastError === null ? '' : `last error: ${branch.lastError}`,
  ]
  return {
    waitingFor: parts.filter((part) => part !== '').join(', '),
    waitingTarget: target,
    waitingSince: since,
  }
}

/** Formats a recorded time; no clock is read. */
function formatTime(at: number): string {
  return new Date(at).toISOString()
}

function viewBranch(transaction: Transaction, branch: Branch, schedule: RetrySchedule): BranchView {
  return {
    branchId: String(branch.branchId),
    order: branch.order,
    type: nameOf(BranchType, branch.type) as keyof typeof BranchType,
    resourceId: branch.resourceId,
    clientId: branch.clientId,
    status: nameOf(BranchStatus, branch.status),
    attemptCount: branch.failureCount,
    nextAttemptAt: schedule.nextAttemptAt(transaction.xid, branch.branchId),
    lastError: branch.lastError,
    statement: branch.statement,
    dirty: readDirtyRows(branch.dirty),
    isRepairable: isRepairable(transaction, branch),
  }
}
