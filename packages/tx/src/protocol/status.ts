/**
 * The numbers of Seata's protocol that carry meaning: statuses by code, branch types and exception
 * codes by ordinal. Sources: org.apache.seata.core.model.{GlobalStatus, BranchStatus, BranchType}
 * and org.apache.seata.core.exception.TransactionExceptionCode (2.x).
 */

export const GlobalStatus = {
  UnKnown: 0,
  Begin: 1,
  Committing: 2,
  CommitRetrying: 3,
  Rollbacking: 4,
  RollbackRetrying: 5,
  TimeoutRollbacking: 6,
  TimeoutRollbackRetrying: 7,
  AsyncCommitting: 8,
  Committed: 9,
  CommitFailed: 10,
  Rollbacked: 11,
  RollbackFailed: 12,
  TimeoutRollbacked: 13,
  TimeoutRollbackFailed: 14,
  Finished: 15,
  CommitRetryTimeout: 16,
  RollbackRetryTimeout: 17,
  Deleting: 18,
  StopCommitOrCommitRetry: 19,
  StopRollbackOrRollbackRetry: 20,
} as const
export type GlobalStatus = (typeof GlobalStatus)[keyof typeof GlobalStatus]

export const BranchStatus = {
  Unknown: 0,
  Registered: 1,
  PhaseOne_Done: 2,
  PhaseOne_Failed: 3,
  PhaseOne_Timeout: 4,
  PhaseTwo_Committed: 5,
  PhaseTwo_CommitFailed_Retryable: 6,
  PhaseTwo_CommitFailed_Unretryable: 7,
  PhaseTwo_Rollbacked: 8,
  PhaseTwo_RollbackFailed_Retryable: 9,
  PhaseTwo_RollbackFailed_Unretryable: 10,
  PhaseTwo_CommitFailed_XAER_NOTA_Retryable: 11,
  PhaseTwo_RollbackFailed_XAER_NOTA_Retryable: 12,
  PhaseOne_RDONLY: 13,
  STOP_RETRY: 14,
} as const
export type BranchStatus = (typeof BranchStatus)[keyof typeof BranchStatus]

export const BranchType = { AT: 0, TCC: 1, SAGA: 2, XA: 3, SAGA_ANNOTATION: 4 } as const
export type BranchType = (typeof BranchType)[keyof typeof BranchType]

export const ResultCode = { Failed: 0, Success: 1 } as const
export type ResultCode = (typeof ResultCode)[keyof typeof ResultCode]

/**
 * Ordinals of 2.x. Ordinal 19 was inserted in 2.0: for clients before it, 19 is
 * LockKeyConflictFailFast and everything behind shifts by one.
 */
export const ExceptionCode = {
  Unknown: 0,
  BeginFailed: 1,
  LockKeyConflict: 2,
  IO: 3,
  BranchRollbackFailed_Retriable: 4,
  BranchRollbackFailed_Unretriable: 5,
  BranchRegisterFailed: 6,
  BranchReportFailed: 7,
  LockableCheckFailed: 8,
  BranchTransactionNotExist: 9,
  GlobalTransactionNotExist: 10,
  GlobalTransactionNotActive: 11,
  GlobalTransactionStatusInvalid: 12,
  FailedToSendBranchCommitRequest: 13,
  FailedToSendBranchRollbackRequest: 14,
  FailedToAddBranch: 15,
  FailedLockGlobalTranscation: 16,
  FailedWriteSession: 17,
  FailedStore: 18,
  NotRaftLeader: 19,
  LockKeyConflictFailFast: 20,
  TransactionTimeout: 21,
  CommitHeuristic: 22,
  Broken: 23,
} as const
export type ExceptionCode = (typeof ExceptionCode)[keyof typeof ExceptionCode]

/** The name of a value in one of the tables above, such as `AsyncCommitting`; `#n` if unknown. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  for (const [name, number] of Object.entries(table)) if (number === value) return name
  return `#${value}`
}
