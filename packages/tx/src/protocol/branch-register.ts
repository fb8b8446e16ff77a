/**
 * Registration of a branch with its global locks, and the question whether rows are free, RM to
 * coordinator. Originals: BranchRegister{Request,Response}Codec, GlobalLockQuery{...}Codec.
 *
 *     11 BranchRegister    21 GlobalLockQuery
 *      | xid text16 | branchType u8 | resourceId text16 | lockKey text32 | applicationData text32 |
 *     12 BranchRegisterResult     | TX | branchId i64 |
 *     22 GlobalLockQueryResult    | TX | lockable i16, 1 is true |
 */
import type { ByteReader, ByteWriter, Long } from '@settee/wire'
import { readBranchType, readText16, readText32, writeText16, writeText32 } from './fields.ts'
import { MessageType } from './message-type.ts'
import {
  readResultCode,
  readResultMessage,
  writeTransactionResult,
  type TransactionResult,
} from './result.ts'
import type { BranchType } from './status.ts'

type RegisterType = typeof MessageType.BranchRegister | typeof MessageType.GlobalLockQuery

interface RegisterRequest<Type> {
  readonly type: Type
  readonly xid: string
  readonly branchType: BranchType
  readonly resourceId: string
  /** `table:pk1,pk2;table2:pk`, see lock-key.ts. */
  readonly lockKey: string
  readonly applicationData: string
}
export type BranchRegisterRequest = RegisterRequest<typeof MessageType.BranchRegister>
/** Only xid, resourceId and lockKey matter. */
export type GlobalLockQueryRequest = RegisterRequest<typeof MessageType.GlobalLockQuery>

export interface BranchRegisterResponse extends TransactionResult {
  readonly type: typeof MessageType.BranchRegisterResult
  /** 0 when the registration failed. */
  readonly branchId: Long
}

export interface GlobalLockQueryResponse extends TransactionResult {
  readonly type: typeof MessageType.GlobalLockQueryResult
  readonly lockable: boolean
}

export function encodeBranchRegisterRequest(
  writer: ByteWriter,
  message: RegisterRequest<RegisterType>,
): void {
  writeText16(writer, message.xid)
  writer.u8(message.branchType)
  writeText16(writer, message.resourceId)
  writeText32(writer, message.lockKey)
  writeText32(writer, message.applicationData)
}

export function decodeBranchRegisterRequest<Type extends RegisterType>(
  reader: ByteReader,
  type: Type,
): RegisterRequest<Type> {
  return {
    type,
    xid: readText16(reader),
    branchType: readBranchType(reader),
    resourceId: readText16(reader),
    lockKey: readText32(reader),
    applicationData: readText32(reader),
  }
}

export function encodeBranchRegisterResponse(
  writer: ByteWriter,
  message: BranchRegisterResponse,
): void {
  writeTransactionResult(writer, message)
  writer.i64(message.branchId)
}

export function decodeBranchRegisterResponse(reader: ByteReader): BranchRegisterResponse {
  const resultCode = readResultCode(reader)
  return {
    type: MessageType.BranchRegisterResult,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
    branchId: reader.i64(),
  }
}

export function encodeGlobalLockQueryResponse(
  writer: ByteWriter,
  message: GlobalLockQueryResponse,
): void {
  writeTransactionResult(writer, message)
  writer.u16(message.lockable ? 1 : 0)
}

export function decodeGlobalLockQueryResponse(reader: ByteReader): GlobalLockQueryResponse {
  const resultCode = readResultCode(reader)
  return {
    type: MessageType.GlobalLockQueryResult,
    resultCode,
    msg: readResultMessage(reader, resultCode),
    exceptionCode: reader.u8(),
    lockable: reader.i16() === 1,
  }
}
