/**
 * Begin of a global transaction, TM to coordinator. Originals: GlobalBegin{Request,Response}Codec.
 *
 *      1 GlobalBegin        | timeoutMs i32 | transactionName text16 |
 *      2 GlobalBeginResult  | TX | xid text16 | extraData text16 |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { readText16, writeText16 } from './fields.ts'
import { MessageType } from './message-type.ts'
import {
  readResultCode,
  readResultMessage,
  writeTransactionResult,
  type TransactionResult,
} from './result.ts'

export interface GlobalBeginRequest {
  readonly type: typeof MessageType.GlobalBegin
  readonly timeoutMs: number
  readonly transactionName: string
}

export interface GlobalBeginResponse extends TransactionResult {
  readonly type: typeof MessageType.GlobalBeginResult
  readonly xid: string
  readonly extraData: string
}

export function encodeGlobalBeginRequest(writer: ByteWriter, message: GlobalBeginRequest): void {
  writer.u32(message.timeoutMs)
  writeText16(writer, message.transactionName)
}

export function decodeGlobalBeginRequest(reader: ByteReader): GlobalBeginRequest {
  return {
    type: MessageType.GlobalBegin,
    timeoutMs: reader.i32(),
    transactionName: readText16(reader),
  }
}

export function encodeGlobalBeginResponse(writer: ByteWriter, message: GlobalBeginResponse): void {
  writeTransactionResult(writer, message)
  writeText16(writer, message.xid)
  writeText16(writer, message.extraData)
}

export function decodeGlobalBeginResponse(reader: ByteReader): GlobalBeginResponse {
  const resultCode = readResultCode(reader)
  return {
    type: MessageType.GlobalBeginResult,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
    xid: readText16(reader),
    extraData: readText16(reader),
  }
}
