/**
 * Decisions and questions about a whole global transaction, TM to coordinator. Originals:
 * AbstractGlobalEnd{Request,Response}Codec and GlobalReport{Request,Response}Codec.
 *
 *      7 GlobalCommit    9 GlobalRollback    15 GlobalStatus
 *                               | xid text16 | extraData text16 |
 *     17 GlobalReport (saga)    | xid text16 | extraData text16 | globalStatus i8, -1 is null |
 *      8, 10, 16, 18 results    | TX | globalStatus u8 |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { readGlobalStatus, readNullableGlobalStatus, readText16, writeText16 } from './fields.ts'
import { MessageType } from './message-type.ts'
import {
  readResultCode,
  readResultMessage,
  writeTransactionResult,
  type TransactionResult,
} from './result.ts'
import type { GlobalStatus } from './status.ts'

type EndType =
  | typeof MessageType.GlobalCommit
  | typeof MessageType.GlobalRollback
  | typeof MessageType.GlobalStatus
type EndResultType =
  | typeof MessageType.GlobalCommitResult
  | typeof MessageType.GlobalRollbackResult
  | typeof MessageType.GlobalStatusResult
  | typeof MessageType.GlobalReportResult

interface GlobalEndRequest<Type> {
  readonly type: Type
  readonly xid: string
  readonly extraData: string
}
export type GlobalCommitRequest = GlobalEndRequest<typeof MessageType.GlobalCommit>
export type GlobalRollbackRequest = GlobalEndRequest<typeof MessageType.GlobalRollback>
export type GlobalStatusRequest = GlobalEndRequest<typeof MessageType.GlobalStatus>

export interface GlobalReportRequest extends GlobalEndRequest<typeof MessageType.GlobalReport> {
  readonly globalStatus: GlobalStatus | null
}

interface GlobalEndResponse<Type> extends TransactionResult {
  readonly type: Type
  readonly globalStatus: GlobalStatus
}
export type GlobalCommitResponse = GlobalEndResponse<typeof MessageType.GlobalCommitResult>
export type GlobalRollbackResponse = GlobalEndResponse<typeof MessageType.GlobalRollbackResult>
export type GlobalStatusResponse = GlobalEndResponse<typeof MessageType.GlobalStatusResult>
export type GlobalReportResponse = GlobalEndResponse<typeof MessageType.GlobalReportResult>

export function encodeGlobalEndRequest(
  writer: ByteWriter,
  message: GlobalEndRequest<EndType>,
): void {
  writeText16(writer, message.xid)
  writeText16(writer, message.extraData)
}

export function decodeGlobalEndRequest<Type extends EndType>(
  reader: ByteReader,
  type: Type,
): GlobalEndRequest<Type> {
  return { type, xid: readText16(reader), extraData: readText16(reader) }
}

export function encodeGlobalReportRequest(writer: ByteWriter, message: GlobalReportRequest): void {
  writeText16(writer, message.xid)
  writeText16(writer, message.extraData)
  writer.u8(message.globalStatus ?? 0xff)
}

export function decodeGlobalReportRequest(reader: ByteReader): GlobalReportRequest {
  return {
    type: MessageType.GlobalReport,
    xid: readText16(reader),
    extraData: readText16(reader),
    globalStatus: readNullableGlobalStatus(reader),
  }
}

export function encodeGlobalEndResponse(
  writer: ByteWriter,
  message: GlobalEndResponse<EndResultType>,
): void {
  writeTransactionResult(writer, message)
  writer.u8(message.globalStatus)
}

export function decodeGlobalEndResponse<Type extends EndResultType>(
  reader: ByteReader,
  type: Type,
): GlobalEndResponse<Type> {
  const resultCode = readResultCode(reader)
  return {
    type,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
    globalStatus: readGlobalStatus(reader),
  }
}
