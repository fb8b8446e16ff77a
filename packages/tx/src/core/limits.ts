/**
 * The limits of the coordinator's core: named, with a unit and a default. What exceeds one is
 * refused with a typed refusal that names the limit; nothing is cut off silently but the texts of
 * reasons and errors, which are for people.
 */

export interface CoordinatorOptions {
  /** Transactions that have begun and not been moved to the history. Default 100,000. */
  readonly maxActiveTransactions?: number
  /** Default 10,000. */
  readonly maxBranchesPerTransaction?: number
  /** Rows that one branch may lock. Default 500,000. */
  readonly maxLockKeysPerBranch?: number
  /** Size of a branch's applicationData in UTF-16 units. Default 64,000, as the original's. */
  readonly maxApplicationDataLength?: number
  /** Length of names and ids in UTF-16 units. Default 2,000. */
  readonly maxNameLength?: number
  /** Longest timeout of a transaction, in ms. Default 24 h. */
  readonly maxTimeoutMs?: number
  /** Reasons and error texts are cut off here, in UTF-16 units. Default 1,000. */
  readonly maxReasonLength?: number
  /** Finished transactions that are remembered. Default 2,000. */
  readonly maxFinishedTransactions?: number
  /**
   * Ends (who, when and why) that are remembered beyond these, about 250 B each. Default 20,000.
   */
  readonly maxRememberedEnds?: number
  /**
   * Size of what a resource manager may report of rows that it cannot restore, for each branch in
   * UTF-16 units. Default 1 Mi.
   */
  readonly maxDirtyLength?: number
  /** Timeline entries of one transaction. Default 64, at least 3. */
  readonly maxTimelineEntries?: number
  /**
   * How long an XA resource may answer XAER_NOTA (it does not know the branch) after the
   * transaction's timeout until the branch counts as ended, in ms. Default 60,000.
   */
  readonly xaerNotaRetryTimeoutMs?: number
}

export type CoordinatorLimits = Required<CoordinatorOptions>

const defaults: CoordinatorLimits = {
  maxActiveTransactions: 100_000,
  maxBranchesPerTransaction: 10_000,
  maxLockKeysPerBranch: 500_000,
  maxApplicationDataLength: 64_000,
  maxNameLength: 2_000,
  maxTimeoutMs: 24 * 3_600_000,
  maxReasonLength: 1_000,
  maxFinishedTransactions: 2_000,
  maxRememberedEnds: 20_000,
  maxDirtyLength: 2 ** 20,
  maxTimelineEntries: 64,
  xaerNotaRetryTimeoutMs: 60_000,
}

/** Fills in the defaults. */
export function resolveLimits(options: CoordinatorOptions = {}): CoordinatorLimits {
  return { ...defaults, ...options }
}
