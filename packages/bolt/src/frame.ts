/**
 * Bolt frames: where one ends, and what its header says.
 * (originals: RpcCommandDecoder.java and RpcCommandDecoderV2.java of SOFABolt; big-endian)
 *
 * ```
 * v1        0      1     2        4     5           9      10
 *           proto  type  cmdcode  ver2  request id  codec  timeout or status ...
 * v2        0      1     2     3        5     6           10     11      12
 *           proto  ver1  type  cmdcode  ver2  request id  codec  switch  timeout or status ...
 *
 * request   ... timeout:4  class length:2  header length:2  content length:4
 * response  ... status:2   class length:2  header length:2  content length:4
 * both      class name, header map, content; then crc:4 if ver1 is 2 and bit 0 of switch is set
 * ```
 *
 * The fixed part has 22 and 20 bytes in v1, 24 and 22 in v2. The two short lengths are signed in
 * Java, so sections beyond 32,767 bytes do not exist. `ver2` is 1 and no peer looks at it.
 */
import { assert } from '@settee/kit'
import { wireError } from '@settee/wire'
import { i16At, i32At } from './big-endian.ts'
import { frameCrc } from './crc.ts'
import {
  boltV1,
  boltV2,
  boltV2Crc,
  boltV2Revision1,
  crcSwitch,
  type BoltDialect,
} from './dialect.ts'
import { boltError } from './errors.ts'
import { internedText } from './text.ts'

/** The type byte of a frame. */
export const frameType = { response: 0, request: 1, oneway: 2 } as const

/** The command code of a frame. */
export const commandCode = { heartbeat: 0, request: 1, response: 2 } as const

/** Longest class name and header map in bytes: Java reads their lengths as signed shorts. */
export const maxSectionBytes = 0x7fff

/** Bytes of the checksum behind a v2 frame. */
const crcBytes = 4

/** Default limit of a frame in bytes: 8 MiB of content and the largest header. */
export const defaultMaxFrameBytes: number = 8 * 2 ** 20 + 24 + 2 * maxSectionBytes + crcBytes

/**
 * Length in bytes, checksum included, of the frame that begins at `offset`, of which `available`
 * bytes are there; 0 while these are too few to know it. For the frame splitter of `wire`.
 *
 * Throws SETTEE_WIRE_BAD_FRAME or SETTEE_WIRE_FRAME_TOO_LARGE as soon as the bytes show it, before
 * anything is allocated; framing is lost then, and the connection must be closed.
 */
export function frameLength(
  bytes: Buffer,
  offset: number,
  available: number,
  maxFrameBytes: number = defaultMaxFrameBytes,
): number {
  if (available === 0) return 0
  const version = bytes[offset]!
  if (version !== 1 && version !== 2) throw badByte(version, 'proto', '1 or 2')
  const shift = version - 1
  if (available < 4 + shift) return 0
  const type = bytes[offset + 1 + shift]!
  checkCommand(bytes, offset, type, i16At(bytes, offset + 2 + shift))
  const lengthsAt = 10 + 2 * shift + (type === frameType.response ? 2 : 4)
  const fixedBytes = lengthsAt + 8
  if (available < fixedBytes) return 0
  const classBytes = i16At(bytes, offset + lengthsAt)
  const headerBytes = i16At(bytes, offset + lengthsAt + 2)
  const contentBytes = i32At(bytes, offset + lengthsAt + 4)
  if (classBytes < 0 || headerBytes < 0 || contentBytes < 0) {
    throw wireError(
      'SETTEE_WIRE_BAD_FRAME',
      `a Bolt frame with negative lengths: class ${classBytes}, header ${headerBytes}, ` +
        `content ${contentBytes} bytes`,
    )
  }
  const hasCrc = version === 2 && carriesCrc(bytes[offset + 1]!, bytes[offset + 11]!)
  const length = fixedBytes + classBytes + headerBytes + contentBytes + (hasCrc ? crcBytes : 0)
  if (length > maxFrameBytes) {
    throw wireError(
      'SETTEE_WIRE_FRAME_TOO_LARGE',
      `a Bolt frame of ${length} bytes exceeds the limit of ${maxFrameBytes} bytes; ` +
        'send less or raise maxFrameBytes',
    )
  }
  return length
}

/**
 * The header of one frame, decoded in place. One object serves a whole connection: {@link load}
 * points it at the next frame, and nothing is allocated. The sections are ranges of {@link bytes}:
 * the class name up to `headerStart`, the header map up to `contentStart`, the content up to
 * `contentEnd`. Only {@link load} writes the fields. Copy what outlives the handling of the frame.
 */
export class BoltFrame {
  /** The chunk in which the frame lies. */
  bytes: Buffer = Buffer.alloc(0)
  /** 1 or 2: the `proto` byte. */
  version = 0
  /** The `ver1` byte of v2, 1 or 2; 0 in v1. */
  revision = 0
  /** See {@link frameType}. */
  type = 0
  /** See {@link commandCode}. */
  commandCode = 0
  /** Signed 32 bits, to be echoed as they are. */
  requestId = 0
  /** Serializer id of the content, see `codecId`. */
  codec = 0
  /** The switch byte of v2; 0 in v1. */
  switches = 0
  /** How long the caller waits, in ms; 0 or less is no limit. 0 in a response. */
  timeoutMs = 0
  /** See `responseStatus`. 0 in a request. */
  status = 0
  classStart = 0
  headerStart = 0
  contentStart = 0
  contentEnd = 0

  /**
   * Decodes the header of the frame `bytes[start, end)`, whose length {@link frameLength} has
   * found. Throws SETTEE_BOLT_BAD_CRC when the frame carries a checksum that is not its own; the
   * connection must be closed then, because its lengths cannot be trusted either.
   */
  load(bytes: Buffer, start: number, end: number): void {
    const version = bytes[start]!
    const shift = version - 1
    this.bytes = bytes
    this.version = version
    this.revision = version === 2 ? bytes[start + 1]! : 0
    this.type = bytes[start + 1 + shift]!
    this.commandCode = i16At(bytes, start + 2 + shift)
    this.requestId = i32At(bytes, start + 5 + shift)
    this.codec = bytes[start + 9 + shift]!
    this.switches = version === 2 ? bytes[start + 11]! : 0
    let at = start + 10 + 2 * shift
    if (this.type === frameType.response) {
      this.timeoutMs = 0
      this.status = i16At(bytes, at)
      at += 2
    } else {
      this.timeoutMs = i32At(bytes, at)
      this.status = 0
      at += 4
    }
    this.classStart = at + 8
    this.headerStart = this.classStart + i16At(bytes, at)
    this.contentStart = this.headerStart + i16At(bytes, at + 2)
    this.contentEnd = this.contentStart + i32At(bytes, at + 4)
    const hasCrc = carriesCrc(this.revision, this.switches)
    assert(this.contentEnd + (hasCrc ? crcBytes : 0) === end, 'load takes one whole frame')
    if (hasCrc) checkCrc(bytes, start, this.contentEnd)
  }

  /** The dialect in which to answer. */
  get dialect(): BoltDialect {
    if (this.version === 1) return boltV1
    if (this.revision === 1) return boltV2Revision1
    return carriesCrc(this.revision, this.switches) ? boltV2Crc : boltV2
  }

  /** Whether this is a heartbeat or the answer to one. */
  get isHeartbeat(): boolean {
    return this.commandCode === commandCode.heartbeat
  }

  /** Whether the caller waits for an answer. */
  get expectsAnswer(): boolean {
    return this.type === frameType.request
  }

  /** The name in the class section; the same string object while the same names come. */
  get className(): string {
    return internedText(this.bytes, this.classStart, this.headerStart)
  }
}

function carriesCrc(revision: number, switches: number): boolean {
  return revision === 2 && (switches & crcSwitch) !== 0
}

function checkCrc(bytes: Buffer, start: number, end: number): void {
  const announced = i32At(bytes, end) >>> 0
  const actual = frameCrc(bytes, start, end)
  if (announced === actual) return
  throw boltError(
    'SETTEE_BOLT_BAD_CRC',
    `a Bolt frame of ${end - start} bytes has the CRC32 0x${actual.toString(16)} but announces ` +
      `0x${announced.toString(16)}: it was changed on the way, so its connection is closed`,
  )
}

/** Refuses what no peer sends, so that garbage is found at its first bytes. */
function checkCommand(bytes: Buffer, offset: number, type: number, code: number): void {
  if (bytes[offset] === 2) {
    const revision = bytes[offset + 1]!
    if (revision !== 1 && revision !== 2) throw badByte(revision, 'ver1', '1 or 2')
  }
  if (type > frameType.oneway) throw badByte(type, 'type', '0, 1 or 2')
  const expected = type === frameType.response ? commandCode.response : commandCode.request
  if (code !== expected && code !== commandCode.heartbeat) {
    throw badByte(code, 'cmdcode', `0 or, with type ${type}, ${expected}`)
  }
}

function badByte(value: number, field: string, expected: string): Error {
  return wireError(
    'SETTEE_WIRE_BAD_FRAME',
    `${field} is ${value} where a Bolt frame has ${expected}; ` +
      'does the peer speak another protocol?',
  )
}
