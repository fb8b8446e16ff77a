/**
 * The type codes that open every body. Source: org.apache.seata.core.protocol.MessageType; the
 * heartbeat (120) has no body and is a frame type instead.
 */
export const MessageType = {
  GlobalBegin: 1,
  GlobalBeginResult: 2,
  BranchCommit: 3,
  BranchCommitResult: 4,
  BranchRollback: 5,
  BranchRollbackResult: 6,
  GlobalCommit: 7,
  GlobalCommitResult: 8,
  GlobalRollback: 9,
  GlobalRollbackResult: 10,
  BranchRegister: 11,
  BranchRegisterResult: 12,
  BranchReport: 13,
  BranchReportResult: 14,
  GlobalStatus: 15,
  GlobalStatusResult: 16,
  GlobalReport: 17,
  GlobalReportResult: 18,
  GlobalLockQuery: 21,
  GlobalLockQueryResult: 22,
  MergedWarp: 59,
  MergeResult: 60,
  RegisterTM: 101,
  RegisterTMResult: 102,
  RegisterRM: 103,
  RegisterRMResult: 104,
  UnregisterRM: 105,
  UnregisterRMResult: 106,
  UndoLogDelete: 111,
  BatchResult: 121,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]
