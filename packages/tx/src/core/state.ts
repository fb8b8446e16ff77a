/**
 * The durable state of the coordinator: transactions that have not finished, the bounded history of
 * those that have, the ends of more of them, and the lock table. Only the transitions in this
 * folder change it; the shell and the read model look.
 */
import { Queue } from '@settee/kit'
import type { GlobalStatus } from '../protocol/status.ts'
import { resolveLimits, type CoordinatorLimits, type CoordinatorOptions } from './limits.ts'
import { LockTable } from './lock-table.ts'
import { appendEntry, type TimelineKind } from './timeline.ts'
import type { EndRecord, Transaction } from './transaction.ts'

export class CoordinatorState {
  readonly limits: CoordinatorLimits
  /** Not finished, by xid: begun, in phase two, or failed and not yet settled by a person. */
  readonly transactions: Map<string, Transaction> = new Map()
  readonly locks: LockTable = new LockTable()
  /** Highest id of a transaction or branch that was ever given, to refused ones too. */
  lastId = 0
  /** Since the journal began. */
  committedTotal = 0
  /** Since the journal began. */
  rolledBackTotal = 0
  readonly #history = new Map<string, Transaction>()
  readonly #historyOrder = new Queue<string>()
  readonly #ends = new Map<string, EndRecord>()
  readonly #endOrder = new Queue<string>()
  /** Indexed by status. */
  readonly #countByStatus: number[] = []

  constructor(options: CoordinatorOptions = {}) {
    this.limits = resolveLimits(options)
  }

  /** A finished transaction that is still remembered. */
  finished(xid: string): Transaction | undefined {
    return this.#history.get(xid)
  }

  /** Finished transactions, the one that finished first first. */
  history(): Iterable<Transaction> {
    return this.#history.values()
  }

  /** How a finished transaction ended; remembered for longer than the transaction itself. */
  endOf(xid: string): EndRecord | undefined {
    return this.#history.get(xid) ?? this.#ends.get(xid)
  }

  /** The ends of transactions that the history has forgotten, the oldest first. */
  ends(): Iterable<EndRecord> {
    return this.#ends.values()
  }

  /** How many unfinished transactions have the status. */
  countOf(status: GlobalStatus): number {
    return this.#countByStatus[status] ?? 0
  }

  add(transaction: Transaction): void {
    this.transactions.set(transaction.xid, transaction)
    this.#count(transaction.status, 1)
  }

  setStatus(transaction: Transaction, status: GlobalStatus): void {
    this.#count(transaction.status, -1)
    transaction.status = status
    this.#count(status, 1)
  }

  /** Moves a transaction to the history, which forgets its oldest when it is full. */
  archive(transaction: Transaction): void {
    this.transactions.delete(transaction.xid)
    this.#count(transaction.status, -1)
    this.remember(transaction)
  }

  /** Puts a finished transaction at the end of the history. */
  remember(transaction: Transaction): void {
    this.#history.set(transaction.xid, transaction)
    this.#historyOrder.push(transaction.xid)
    while (this.#historyOrder.length > this.limits.maxFinishedTransactions) {
      const oldest = this.#historyOrder.shift() as string
      this.rememberEnd(this.#history.get(oldest) as Transaction)
      this.#history.delete(oldest)
    }
  }

  /** Puts an end behind the others, the oldest of which is forgotten when there are too many. */
  rememberEnd(end: EndRecord): void {
    const { xid, applicationId, timeoutMs, beganAt, status, ending, endedAt } = end
    this.#ends.set(xid, { xid, applicationId, timeoutMs, beganAt, status, ending, endedAt })
    this.#endOrder.push(xid)
    while (this.#endOrder.length > this.limits.maxRememberedEnds) {
      this.#ends.delete(this.#endOrder.shift() as string)
    }
  }

  /** Writes the timeline; `status` when the entry changed it. */
  note(
    transaction: Transaction,
    kind: TimelineKind,
    entry: { at: number; branchId?: number; status?: GlobalStatus; reason?: string },
  ): void {
    const { at, branchId = null, status = null, reason = '' } = entry
    appendEntry(
      transaction.timeline,
      { at, kind, branchId, status, reason: this.clip(reason) },
      this.limits.maxTimelineEntries,
    )
  }

  /** Cuts a text for people off at the limit. */
  clip(text: string): string {
    const { maxReasonLength } = this.limits
    return text.length <= maxReasonLength ? text : `${text.slice(0, maxReasonLength)}…`
  }

  clear(): void {
    this.transactions.clear()
    this.locks.clear()
    this.lastId = 0
    this.committedTotal = 0
    this.rolledBackTotal = 0
    this.#history.clear()
    this.#historyOrder.clear()
    this.#ends.clear()
    this.#endOrder.clear()
    this.#countByStatus.length = 0
  }

  #count(status: GlobalStatus, by: number): void {
    this.#countByStatus[status] = this.countOf(status) + by
  }
}
