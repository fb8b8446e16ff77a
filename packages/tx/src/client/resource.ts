/**
 * What stands between a database and the coordinator on the application's side.
 *
 * A {@link Resource} is one database under global transactions: it is told how a branch ends. It
 * registers its branches through the {@link BranchPort}, which speaks to the coordinator. Original:
 * io.seata.core.model.{Resource, ResourceManagerInbound, ResourceManagerOutbound}.
 */
import type { Long } from '@settee/wire'
import type { BranchStatus, BranchType } from '../protocol/status.ts'
import type { RepairChoice } from './repair-choice.ts'

export interface BranchRegistration {
  readonly xid: string
  readonly branchType: BranchType
  readonly resourceId: string
  /** `table:pk1,pk2;table2:pk`; parts of a composite key are joined by `_`. */
  readonly lockKeys: string
  /** Longest wait for a global lock that another transaction holds, in ms; 0 refuses at once. */
  readonly lockWaitMs: number
  /**
   * True when the caller holds row locks of the database meanwhile: then a holder that is rolling
   * back refuses at once, because it needs those rows.
   */
  readonly holdsRowLocks: boolean
  /** What it changes, without values, for whoever waits for its rows. Default not told. */
  readonly statement?: string
}

export interface BranchPort {
  /**
   * Registers a branch and takes its global locks.
   * @returns the branch id.
   * @throws SETTEE_TX_LOCK_CONFLICT when another transaction holds a row for longer than
   *   `lockWaitMs`, SETTEE_TX_BRANCH_REFUSED when the transaction is unknown or not in Begin.
   */
  registerBranch(registration: BranchRegistration): Promise<Long>
  /** Tells the coordinator how phase one of a branch ended. */
  reportBranch(
    xid: string,
    branch: {
      readonly branchId: Long
      readonly branchType: BranchType
      readonly resourceId: string
      readonly status: BranchStatus
      /** Default none. */
      readonly applicationData?: string
    },
  ): Promise<void>
  /** Whether no other global transaction than `xid` holds one of `lockKeys`. */
  isLockable(xid: string, resourceId: string, lockKeys: string): Promise<boolean>
}

export interface Resource {
  readonly resourceId: string
  readonly branchType: BranchType
  /** Phase two, commit. Idempotent. Resolves with the status to report; rejects to be retried. */
  commitBranch(xid: string, branchId: Long): Promise<BranchStatus>
  /**
   * Phase two, rollback. Idempotent. Resolves with the status to report; rejects to be retried.
   * @param choice what a person decided after the branch was found dirty.
   */
  rollbackBranch(xid: string, branchId: Long, choice?: RepairChoice): Promise<BranchStatus>
  /** Deletes defence rows older than `saveDays` days; what could still undo something stays. */
  deleteUndoLogs(saveDays: number): Promise<void>
  /** Finishes what is under way, such as queued undo deletions. */
  close(): Promise<void>
}
