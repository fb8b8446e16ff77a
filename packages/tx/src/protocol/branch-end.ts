/**
 * Phase two of a branch, coordinator to RM. Originals: AbstractBranchEnd{Request,Response}Codec.
 *
 *      3 BranchCommit    5 BranchRollback
 *        | xid text16 | branchId i64 | branchType u8 | resourceId text16 | applicationData text32 |
 *      4, 6 results
 *        | TX | xid text16 | branchId i64 | branchStatus u8 |
 */
import type { ByteReader, ByteWriter, Long } from '@settee/wire'
import {
  readBranchStatus,
  readBranchType,
  readText16,
  readText32,
  writeText16,
  writeText32,
} from './fields.ts'
import type { MessageType } from './message-type.ts'
import {
  readResultCode,
  readResultMessage,
  writeTransactionResult,
  type TransactionResult,
} from './result.ts'
import type { BranchStatus, BranchType } from './status.ts'

type EndType = typeof MessageType.BranchCommit | typeof MessageType.BranchRollback
type EndResultType = typeof MessageType.BranchCommitResult | typeof MessageType.BranchRollbackResult

interface BranchEndRequest<Type> {
  readonly type: Type
  readonly xid: string
  readonly branchId: Long
  readonly branchType: BranchType
  readonly resourceId: string
  readonly applicationData: string
}
export type BranchCommitRequest = BranchEndRequest<typeof MessageType.BranchCommit>
export type BranchRollbackRequest = BranchEndRequest<typeof MessageType.BranchRollback>

interface BranchEndResponse<Type> extends TransactionResult {
  readonly type: Type
  readonly xid: string
  readonly branchId: Long
  readonly branchStatus: BranchStatus
}
export type BranchCommitResponse = BranchEndResponse<typeof MessageType.BranchCommitResult>
export type BranchRollbackResponse = BranchEndResponse<typeof MessageType.BranchRollbackResult>

export function encodeBranchEndRequest(
  writer: ByteWriter,
  message: BranchEndRequest<EndType>,
): void {
  writeText16(writer, message.xid)
  writer.i64(message.branchId)
  writer.u8(message.branchType)
  writeText16(writer, message.resourceId)
  writeText32(writer, message.applicationData)
}

export function decodeBranchEndRequest<Type extends EndType>(
  reader: ByteReader,
  type: Type,
): BranchEndRequest<Type> {
  return {
    type,
    xid: readText16(reader),
    branchId: reader.i64(),
    branchType: readBranchType(reader),
    resourceId: readText16(reader),
    applicationData: readText32(reader),
  }
}

export function encodeBranchEndResponse(
  writer: ByteWriter,
  message: BranchEndResponse<EndResultType>,
): void {
  writeTransactionResult(writer, message)
  writeText16(writer, message.xid)
  writer.i64(message.branchId)
  writer.u8(message.branchStatus)
}

export function decodeBranchEndResponse<Type extends EndResultType>(
  reader: ByteReader,
  type: Type,
): BranchEndResponse<Type> {
  const resultCode = readResultCode(reader)
  return {
    type,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
    xid: readText16(reader),
    branchId: reader.i64(),
    branchStatus: readBranchStatus(reader),
  }
}
