export type { GlobalBeginRequest, GlobalBeginResponse } from './begin.ts'
export type {
  BranchCommitRequest,
  BranchCommitResponse,
  BranchRollbackRequest,
  BranchRollbackResponse,
} from './branch-end.ts'
export type {
  BranchRegisterRequest,
  BranchRegisterResponse,
  GlobalLockQueryRequest,
  GlobalLockQueryResponse,
} from './branch-register.ts'
export type { BranchReportRequest, BranchReportResponse } from './branch-report.ts'
export { isVersionAtLeast, mergedReplyForm } from './client-version.ts'
export { fromWireOrdinal, toWireOrdinal } from './exception-code.ts'
export {
  clientFrameVersion,
  createFrameHeader,
  decodeFrameHeader,
  defaultMaxFrameBytes,
  encodeFrame,
  encodeHeartbeat,
  frameLength,
  FrameType,
  replyVersion,
  type FrameHeader,
  type HeartbeatFrame,
  type MessageFrame,
} from './frame.ts'
export type {
  GlobalCommitRequest,
  GlobalCommitResponse,
  GlobalReportRequest,
  GlobalReportResponse,
  GlobalRollbackRequest,
  GlobalRollbackResponse,
  GlobalStatusRequest,
  GlobalStatusResponse,
} from './global-end.ts'
export { defaultMaxLockRows, formatLockKeys, parseLockKeys, type TableLocks } from './lock-key.ts'
export {
  maxMergedMessages,
  type BatchResultMessage,
  type MergedMessage,
  type MergedWarpMessage,
  type MergeResultMessage,
} from './merged.ts'
export { MessageType } from './message-type.ts'
export { decodeMessage, encodeMessage, type Message } from './message.ts'
export type {
  RegisterRMRequest,
  RegisterRMResponse,
  RegisterTMRequest,
  RegisterTMResponse,
  UnregisterRMRequest,
  UnregisterRMResponse,
} from './register.ts'
export type { Result, TransactionResult } from './result.ts'
export type { RequestMessage, ResponseMessage, SingleMessage } from './single.ts'
export {
  BranchStatus,
  BranchType,
  ExceptionCode,
  GlobalStatus,
  nameOf,
  ResultCode,
} from './status.ts'
export type { UndoLogDeleteRequest } from './undo-log-delete.ts'
export { formatXid, maxXidLength, parseXid, type XidParts } from './xid.ts'
