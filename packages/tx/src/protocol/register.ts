/**
 * Who a connection is. Originals: AbstractIdentify{Request,Response}Codec, Register{TM,RM}...Codec.
 *
 *     101 RegisterTM    | version text16 | applicationId text16 | transactionServiceGroup text16 |
 *                       | extraData text16 |
 *     103 RegisterRM    105 UnregisterRM
 *                       | as RegisterTM | resourceIds text32 |
 *     102, 104 results in frames of version 1, and 106 always
 *                       | identified u8 | version text16 |
 *     102, 104 results in frames of version 2
 *                       | RES | identified u8 | version text16 |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { readText16, readText32, writeText16, writeText32 } from './fields.ts'
import { MessageType } from './message-type.ts'
import { readResultCode, readResultMessage, writeResult, type Result } from './result.ts'
import { ResultCode } from './status.ts'

type ResourceType = typeof MessageType.RegisterRM | typeof MessageType.UnregisterRM
type IdentifyResultType =
  | typeof MessageType.RegisterTMResult
  | typeof MessageType.RegisterRMResult
  | typeof MessageType.UnregisterRMResult

interface IdentifyRequest<Type> {
  readonly type: Type
  /** Version of the client, such as `2.6.0`: decides the reply forms it understands. */
  readonly version: string
  readonly applicationId: string
  readonly transactionServiceGroup: string
  /** A TM sends lines of `key=value` here, among them its signature. */
  readonly extraData: string
}
export type RegisterTMRequest = IdentifyRequest<typeof MessageType.RegisterTM>

interface ResourceRequest<Type> extends IdentifyRequest<Type> {
  /** Joined by commas. */
  readonly resourceIds: string
}
export type RegisterRMRequest = ResourceRequest<typeof MessageType.RegisterRM>
export type UnregisterRMRequest = ResourceRequest<typeof MessageType.UnregisterRM>

interface IdentifyResponse<Type> extends Result {
  readonly type: Type
  readonly identified: boolean
  /** Version of the coordinator. */
  readonly version: string
}
export type RegisterTMResponse = IdentifyResponse<typeof MessageType.RegisterTMResult>
export type RegisterRMResponse = IdentifyResponse<typeof MessageType.RegisterRMResult>
export type UnregisterRMResponse = IdentifyResponse<typeof MessageType.UnregisterRMResult>

export function encodeRegisterTMRequest(
  writer: ByteWriter,
  message: IdentifyRequest<unknown>,
): void {
  writeText16(writer, message.version)
  writeText16(writer, message.applicationId)
  writeText16(writer, message.transactionServiceGroup)
  writeText16(writer, message.extraData)
}

export function decodeRegisterTMRequest(reader: ByteReader): RegisterTMRequest {
  return {
    type: MessageType.RegisterTM,
    version: readText16(reader),
    applicationId: readText16(reader),
    transactionServiceGroup: readText16(reader),
    extraData: readText16(reader),
  }
}

export function encodeResourceRequest(
  writer: ByteWriter,
  message: ResourceRequest<ResourceType>,
): void {
  encodeRegisterTMRequest(writer, message)
  writeText32(writer, message.resourceIds)
}

export function decodeResourceRequest<Type extends ResourceType>(
  reader: ByteReader,
  type: Type,
): ResourceRequest<Type> {
  return {
    type,
    version: readText16(reader),
    applicationId: readText16(reader),
    transactionServiceGroup: readText16(reader),
    extraData: readText16(reader),
    resourceIds: readText32(reader),
  }
}

export function encodeIdentifyResponse(
  writer: ByteWriter,
  message: IdentifyResponse<IdentifyResultType>,
  frameVersion: number,
): void {
  if (carriesResult(message.type, frameVersion)) writeResult(writer, message)
  writer.u8(message.identified ? 1 : 0)
  writeText16(writer, message.version)
}

/** Without the prefix the result code says what `identified` says. */
export function decodeIdentifyResponse<Type extends IdentifyResultType>(
  reader: ByteReader,
  type: Type,
  frameVersion: number,
): IdentifyResponse<Type> {
  const hasResult = carriesResult(type, frameVersion)
  const sentCode = hasResult ? readResultCode(reader) : ResultCode.Success
  const msg = readResultMessage(reader, sentCode)
  const identified = reader.u8() === 1
  const resultCode = identified || hasResult ? sentCode : ResultCode.Failed
  return { type, resultCode, msg, identified, version: readText16(reader) }
}

function carriesResult(type: IdentifyResultType, frameVersion: number): boolean {
  return frameVersion >= 2 && type !== MessageType.UnregisterRMResult
}
