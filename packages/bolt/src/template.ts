/**
 * Frame templates: everything about a frame that is the same for every call, encoded once.
 *
 * ```
 * fixed part | class name | static header entries      <- the template, copied per call
 *                                                 | dynamic header entries | content | crc
 * ```
 *
 * A client keeps one template per method, a server one per kind of answer; see `FrameEncoder`.
 */
import { ByteWriter } from '@settee/wire'
import type { ContentCodec } from './content-codec.ts'
import { boltV1, type BoltDialect } from './dialect.ts'
import { boltError } from './errors.ts'
import { commandCode, frameType, maxSectionBytes } from './frame.ts'
import { checkHeaders, createHeaderKey, encodeHeader } from './header-map.ts'

interface FrameTemplate {
  /** Encodes the content. */
  readonly codec: ContentCodec
  readonly dialect: BoltDialect
  /** The fixed part with zeros for what varies, the class name and the static header entries. */
  readonly bytes: Buffer
  /** Offset of the request id in {@link bytes}. */
  readonly requestIdAt: number
  /** Offset of the header length, with the content length behind it. */
  readonly headerLengthAt: number
  /** Offset of the header map. */
  readonly headerAt: number
}

export interface RequestTemplate extends FrameTemplate {
  /** Offset of the timeout. */
  readonly timeoutAt: number
}

export interface ResponseTemplate extends FrameTemplate {
  /** Offset of the status. */
  readonly statusAt: number
}

export interface ResponseTemplateOptions {
  /** Encodes the content; its id goes into the frame. */
  readonly codec: ContentCodec
  /** Name in the class section. */
  readonly className: string
  /** Header entries that every frame carries, in this order. Default none. */
  readonly headers?: Iterable<readonly [name: string, value: string]>
  /** Default `boltV1`. */
  readonly dialect?: BoltDialect
}

export interface RequestTemplateOptions extends ResponseTemplateOptions {
  /** Whether nobody waits for an answer. Default false. */
  readonly oneway?: boolean
}

/** Throws SETTEE_BOLT_CLASS_NAME_TOO_LONG and SETTEE_BOLT_HEADER_TOO_LARGE. */
export function createRequestTemplate(options: RequestTemplateOptions): RequestTemplate {
  const { dialect = boltV1, codec } = options
  const writer = new ByteWriter()
  const type = options.oneway === true ? frameType.oneway : frameType.request
  encodeCommand(writer, dialect, type, commandCode.request, codec.id)
  const timeoutAt = writer.length
  writer.u32(0)
  return { timeoutAt, ...encodeSections(writer, dialect, options) }
}

/** Throws SETTEE_BOLT_CLASS_NAME_TOO_LONG and SETTEE_BOLT_HEADER_TOO_LARGE. */
export function createResponseTemplate(options: ResponseTemplateOptions): ResponseTemplate {
  const { dialect = boltV1, codec } = options
  const writer = new ByteWriter()
  encodeCommand(writer, dialect, frameType.response, commandCode.response, codec.id)
  const statusAt = writer.length
  writer.u16(0)
  return { statusAt, ...encodeSections(writer, dialect, options) }
}

/** Writes the fixed part up to the timeout or status, with request id 0. */
export function encodeCommand(
  writer: ByteWriter,
  dialect: BoltDialect,
  type: number,
  command: number,
  codec: number,
): void {
  writer.u8(dialect.version)
  if (dialect.version === 2) writer.u8(dialect.revision)
  writer.u8(type)
  writer.u16(command)
  writer.u8(commandVersion)
  writer.u32(0)
  writer.u8(codec)
  if (dialect.version === 2) writer.u8(dialect.switches)
}

/** Offset of the request id in a frame. */
export function requestIdOffset(dialect: BoltDialect): number {
  return dialect.version === 1 ? 5 : 6
}

/** The `ver2` byte. */
const commandVersion = 1

/** Writes the lengths, the class name and the static header entries behind the command. */
function encodeSections(
  writer: ByteWriter,
  dialect: BoltDialect,
  { codec, className, headers = [] }: ResponseTemplateOptions,
): FrameTemplate {
  const lengthsAt = writer.length
  writer.u16(0)
  writer.u16(0)
  writer.u32(0)
  const classBytes = writer.utf8(className)
  if (classBytes > maxSectionBytes) {
    throw boltError(
      'SETTEE_BOLT_CLASS_NAME_TOO_LONG',
      `a class name of ${classBytes} bytes exceeds the ${maxSectionBytes} that Bolt allows`,
    )
  }
  writer.patchU16(lengthsAt, classBytes)
  const headerAt = writer.length
  for (const [name, value] of headers) encodeHeader(writer, createHeaderKey(name), value)
  checkHeaders(writer, headerAt)
  return {
    codec,
    dialect,
    bytes: Buffer.from(writer.bytes()),
    requestIdAt: requestIdOffset(dialect),
    headerLengthAt: lengthsAt + 2,
    headerAt,
  }
}
