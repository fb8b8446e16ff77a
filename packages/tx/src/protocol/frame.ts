/**
 * The frame around every message, versions 1 and 2. Originals: ProtocolDecoderV1, ProtocolEncoderV1
 * and HeadMapSerializer in org.apache.seata.core.rpc.netty.v1.
 *
 *      0      2   3         7           9      10     11          12         16
 *     | da da | v | full    | head      | type | codec | compressor | request | head map | body
 *     |       |   | size i32 | size i16 | u8   | u8    | u8         | id i32  |          |
 *
 *     full size: the whole frame; head size: up to the body, 16 without a head map
 *     head map, repeated: | size i16 | key utf-8 | size i16 | value utf-8 |, size -1 is null
 *
 * Heartbeats end behind the request id. Version 0 (clients up to 0.7.1) has no length field and is
 * not supported.
 */
import { wireError, type ByteReader, type ByteWriter } from '@settee/wire'
import { txError } from '../errors.ts'
import { encodeMessage, type Message } from './message.ts'

/** What a frame is; a body's own type is its MessageType. */
export const FrameType = {
  RequestSync: 0,
  Response: 1,
  RequestOneway: 2,
  HeartbeatRequest: 3,
  HeartbeatResponse: 4,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

/** The limit of Seata's own peers, in bytes: they close the connection on a larger frame. */
export const defaultMaxFrameBytes: number = 8 * 2 ** 20

/** Version of the frames that a client sends: every coordinator understands it. */
export const clientFrameVersion = 1

/** One object serves a whole connection: {@link decodeFrameHeader} fills it anew. */
export interface FrameHeader {
  version: number
  frameType: FrameType
  requestId: number
  /** Undefined when the frame has none, which is the rule. */
  headMap: ReadonlyMap<string, string | null> | undefined
}

export interface HeartbeatFrame {
  readonly version: number
  readonly frameType: typeof FrameType.HeartbeatRequest | typeof FrameType.HeartbeatResponse
  readonly requestId: number
}

export interface MessageFrame {
  readonly version: number
  readonly frameType:
    | typeof FrameType.RequestSync
    | typeof FrameType.RequestOneway
    | typeof FrameType.Response
  readonly requestId: number
  readonly message: Message
}

const headerBytes = 16
const magic = 0xdada
const seataCodec = 1
const noCompressor = 0

export function createFrameHeader(): FrameHeader {
  return { version: 0, frameType: FrameType.RequestSync, requestId: 0, headMap: undefined }
}

/** Version of the frame that answers one of `version`: what both sides know. */
export function replyVersion(version: number): number {
  return version < 2 ? version : 2
}

/**
 * Length in bytes of the frame that starts at `offset`, of which `available` bytes are there; 0 as
 * long as these are too few to tell.
 * @throws SETTEE_WIRE_BAD_FRAME, SETTEE_WIRE_FRAME_TOO_LARGE. Framing is lost then.
 */
export function frameLength(
  bytes: Buffer,
  offset: number,
  available: number,
  maxFrameBytes: number,
): number {
  if (available < 7) return 0
  const at = offset
  if (bytes[at] !== magic >>> 8 || bytes[at + 1] !== (magic & 0xff)) {
    const start = bytes.toString('hex', at, at + 2)
    throw badFrame(`the frame starts with ${start} instead of dada: the peer speaks no Seata`)
  }
  if (bytes[at + 2] === 0) {
    throw badFrame('frames of version 0 are not supported: update the client to 0.8 or newer')
  }
  const length =
    (bytes[at + 3]! << 24) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!
  if (length < headerBytes) {
    throw badFrame(`the frame says it has ${length} bytes, but its header alone has ${headerBytes}`)
  }
  if (length > maxFrameBytes) throw tooLarge(length, maxFrameBytes)
  return length
}

/**
 * Fills `header` and leaves `reader`, which spans one frame, at the body. When it throws
 * SETTEE_TX_BAD_MESSAGE, version and request id are filled and framing is intact.
 * @throws SETTEE_WIRE_BAD_FRAME, SETTEE_WIRE_TRUNCATED, SETTEE_TX_BAD_MESSAGE.
 */
export function decodeFrameHeader(reader: ByteReader, header: FrameHeader): void {
  const start = reader.offset
  const end = start + reader.remaining
  reader.skip(2)
  header.version = reader.u8()
  const fullBytes = reader.i32()
  const headBytes = reader.i16()
  const frameType = reader.u8()
  const codec = reader.u8()
  const compressor = reader.u8()
  header.requestId = reader.i32()
  header.headMap = undefined
  if (fullBytes !== end - start || headBytes < headerBytes || headBytes > fullBytes) {
    throw badFrame(
      `a frame of ${end - start} bytes says it has ${fullBytes}, of which ${headBytes} are head`,
    )
  }
  header.frameType = checkFrameType(frameType)
  if (headBytes > headerBytes) {
    reader.enter(start + headerBytes, start + headBytes)
    header.headMap = readHeadMap(reader)
    reader.enter(start + headBytes, end)
  }
  // A heartbeat has no body, so it does not matter how that would be written.
  if (header.frameType < FrameType.HeartbeatRequest) checkBodyForm(codec, compressor)
}

/**
 * Writes a whole frame. A plain encoder for `connection.send`.
 * @throws SETTEE_TX_BAD_MESSAGE, SETTEE_WIRE_FRAME_TOO_LARGE; the caller takes back the bytes.
 */
export function encodeFrame(writer: ByteWriter, frame: MessageFrame): void {
  const start = writer.length
  writeHeader(writer, frame)
  encodeMessage(writer, frame.message, frame.version)
  const length = writer.length - start
  if (length > defaultMaxFrameBytes) throw tooLarge(length, defaultMaxFrameBytes)
  writer.patchU32(start + 3, length)
}

/** Writes a heartbeat, which is a header alone. */
export function encodeHeartbeat(writer: ByteWriter, frame: HeartbeatFrame): void {
  writeHeader(writer, frame)
}

/** The header of a frame without head map and body, in four words. */
function writeHeader(writer: ByteWriter, frame: HeartbeatFrame | MessageFrame): void {
  // | da da | version | full size, first byte |
  writer.u32((magic << 16) | (frame.version << 8))
  // | full size, last three bytes | head size, first byte |
  writer.u32(headerBytes << 8)
  // | head size, last byte | frame type | codec | compressor |
  writer.u32((headerBytes << 24) | (frame.frameType << 16) | (seataCodec << 8) | noCompressor)
  writer.u32(frame.requestId)
}

function checkFrameType(frameType: number): FrameType {
  if (frameType <= FrameType.HeartbeatResponse) return frameType as FrameType
  throw txError('SETTEE_TX_BAD_MESSAGE', `frame type ${frameType} is unknown`)
}

function checkBodyForm(codec: number, compressor: number): void {
  if (codec !== seataCodec) {
    throw txError(
      'SETTEE_TX_BAD_MESSAGE',
      `serializer ${codec} is not supported; set transport.serialization=seata at the peer`,
    )
  }
  if (compressor !== noCompressor) {
    throw txError(
      'SETTEE_TX_BAD_MESSAGE',
      `compressor ${compressor} is not supported; set transport.compressor=none at the peer`,
    )
  }
}

/** The 16-bit head size bounds the number of entries. */
function readHeadMap(reader: ByteReader): Map<string, string | null> {
  const map = new Map<string, string | null>()
  while (reader.remaining > 0) {
    const key = readNullableText(reader)
    const value = readNullableText(reader)
    if (key !== null) map.set(key, value)
  }
  return map
}

function readNullableText(reader: ByteReader): string | null {
  const size = reader.i16()
  return size < 0 ? null : reader.utf8(size)
}

function badFrame(message: string): Error {
  return wireError('SETTEE_WIRE_BAD_FRAME', message)
}

function tooLarge(length: number, maxFrameBytes: number): Error {
  return wireError(
    'SETTEE_WIRE_FRAME_TOO_LARGE',
    `a frame of ${length} bytes is over the limit of ${maxFrameBytes} bytes`,
  )
}
