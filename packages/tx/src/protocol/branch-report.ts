/**
 * How phase one of a branch ended, RM to coordinator.
 * Originals: BranchReport{Request,Response}Codec.
 *
 *     13 BranchReport    | xid text16 | branchId i64 | branchStatus u8 | resourceId text16 |
 *                        | applicationData text32 | branchType u8 |
 *     14 BranchReportResult    | TX |
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
import { MessageType } from './message-type.ts'
import {
  readResultCode,
  readResultMessage,
  writeTransactionResult,
  type TransactionResult,
} from './result.ts'
import type { BranchStatus, BranchType } from './status.ts'

export interface BranchReportRequest {
  readonly type: typeof MessageType.BranchReport
  readonly xid: string
  readonly branchId: Long
  readonly branchStatus: BranchStatus
  readonly resourceId: string
  readonly applicationData: string
  readonly branchType: BranchType
}

export interface BranchReportResponse extends TransactionResult {
  readonly type: typeof MessageType.BranchReportResult
}

export function encodeBranchReportRequest(writer: ByteWriter, message: BranchReportRequest): void {
  writeText16(writer, message.xid)
  writer.i64(message.branchId)
  writer.u8(message.branchStatus)
  writeText16(writer, message.resourceId)
  writeText32(writer, message.applicationData)
  writer.u8(message.branchType)
}

export function decodeBranchReportRequest(reader: ByteReader): BranchReportRequest {
  return {
    type: MessageType.BranchReport,
    xid: readText16(reader),
    branchId: reader.i64(),
    branchStatus: readBranchStatus(reader),
    resourceId: readText16(reader),
    applicationData: readText32(reader),
    branchType: readBranchType(reader),
  }
}

export function encodeBranchReportResponse(
  writer: ByteWriter,
  message: BranchReportResponse,
): void {
  writeTransactionResult(writer, message)
}

export function decodeBranchReportResponse(reader: ByteReader): BranchReportResponse {
  const resultCode = readResultCode(reader)
  return {
    type: MessageType.BranchReportResult,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
  }
}
