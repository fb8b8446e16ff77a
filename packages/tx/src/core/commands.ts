/**
 * Everything that changes the coordinator's durable state: a closed union. Commands are journaled
 * and applied in order on every node, so each carries its own time and ids; nothing is asked of a
 * clock while one is applied. Reads (status, lock query) are no commands.
 */
import type { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import type { RepairChoice } from './transaction.ts'

interface Timed {
  /** Wall time in ms at which the command was proposed. */
  readonly now: number
}

interface OnTransaction extends Timed {
  readonly xid: string
}

export interface BeginCommand extends OnTransaction {
  readonly kind: 'begin'
  readonly transactionId: number
  readonly name: string
  readonly timeoutMs: number
  readonly applicationId: string
  readonly transactionServiceGroup: string
}

export interface RegisterBranchCommand extends OnTransaction {
  readonly kind: 'registerBranch'
  readonly branchId: number
  readonly branchType: BranchType
  readonly resourceId: string
  readonly clientId: string
  /** `table:pk1,pk2;table2:pk`; only AT branches lock. */
  readonly lockKeys: string
  readonly applicationData: string
  /** How long the request has waited for a lock, in ms; 0 when it did not. */
  readonly lockWaitedMs: number
}

export interface ReportBranchCommand extends OnTransaction {
  readonly kind: 'reportBranch'
  readonly branchId: number
  readonly status: BranchStatus
  /** Replaces what the branch registered with (TCC updates its context so); empty keeps it. */
  readonly applicationData: string
}

export interface CommitCommand extends OnTransaction {
  readonly kind: 'commit'
}

export interface RollbackCommand extends OnTransaction {
  readonly kind: 'rollback'
  /** Why, in the words of the one who asks; may be empty. */
  readonly reason: string
}

/** The coordinator found the transaction past its timeout. */
export interface TimeOutCommand extends OnTransaction {
  readonly kind: 'timeOut'
}

/** The engine of a saga says how far it is. */
export interface GlobalReportCommand extends OnTransaction {
  readonly kind: 'globalReport'
  readonly status: GlobalStatus
}

/** How one attempt of phase two on one branch went. */
export interface BranchOutcome {
  readonly xid: string
  /** -1 for the one call that ends a saga. */
  readonly branchId: number
  readonly status: BranchStatus
  /** What went wrong; empty when nothing did. */
  readonly error: string
}

/** The outcomes of attempts, of one transaction or of many: phase two goes in batches. */
export interface BranchesEndedCommand extends Timed {
  readonly kind: 'branchesEnded'
  readonly outcomes: readonly BranchOutcome[]
}

/**
 * Goes on with phase two: after a restart of the coordinator (recorded for people, changes
 * nothing) or because a person wants a failed transaction to be tried again.
 */
export interface ResumeCommand extends OnTransaction {
  readonly kind: 'resume'
  readonly reason: string
}

/** A person has settled a failed transaction by hand: its locks go, the history keeps it. */
export interface ForgetCommand extends OnTransaction {
  readonly kind: 'forget'
  readonly reason: string
}

/**
 * A person has decided what becomes of rows that were changed outside of global transactions since
 * a branch wrote them: the resource manager is told so, and the rollback goes on.
 */
export interface RepairBranchCommand extends OnTransaction {
  readonly kind: 'repairBranch'
  readonly branchId: number
  readonly choice: RepairChoice
  /** Who decided it. */
  readonly by: string
  /** Why; may be empty. */
  readonly note: string
}

export type Command =
  | BeginCommand
  | RegisterBranchCommand
  | ReportBranchCommand
  | CommitCommand
  | RollbackCommand
  | TimeOutCommand
  | GlobalReportCommand
  | BranchesEndedCommand
  | ResumeCommand
  | ForgetCommand
  | RepairBranchCommand
