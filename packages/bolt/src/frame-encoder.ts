/**
 * Writes frames from templates straight into the write arena of a connection:
 *
 * ```
 * encoder.beginRequest(writer, template, requestId, timeoutMs)
 * encoder.header(deadlineKey, '2998')        // any number of times
 * encoder.finish(value)                      // through the template's content codec
 * ```
 *
 * One encoder serves a connection; nothing is allocated per frame but what the codec allocates.
 * When a method throws, the begun frame is of no use: whoever owns the arena takes it back, as
 * `Connection.send` does, and the next `begin...` starts afresh.
 */
import { assert } from '@settee/kit'
import type { ByteWriter } from '@settee/wire'
import { frameCrc } from './crc.ts'
import { crcSwitch } from './dialect.ts'
import { boltError } from './errors.ts'
import { defaultMaxFrameBytes } from './frame.ts'
import { checkHeaders, encodeHeader, type HeaderKey } from './header-map.ts'
import type { RequestTemplate, ResponseTemplate } from './template.ts'

export interface FrameEncoderOptions {
  /**
   * Largest frame written, in bytes; should not exceed what the peer accepts, because a larger one
   * makes it close the connection. Default `defaultMaxFrameBytes`.
   */
  readonly maxFrameBytes?: number
}

/** Longest timeout that the field can hold, in ms (24 days). */
const longestTimeoutMs = 2 ** 31 - 1

export class FrameEncoder {
  readonly #maxFrameBytes: number
  #writer: ByteWriter | undefined
  #template: RequestTemplate | ResponseTemplate | undefined
  #start = 0

  constructor(options: FrameEncoderOptions = {}) {
    this.#maxFrameBytes = options.maxFrameBytes ?? defaultMaxFrameBytes
  }

  /**
   * @param requestId 32 bits, signed or not; the answer carries the same bits.
   * @param timeoutMs how long the caller waits, in ms; 0 is no limit.
   */
  beginRequest(
    writer: ByteWriter,
    template: RequestTemplate,
    requestId: number,
    timeoutMs: number,
  ): void {
    const start = this.#begin(writer, template, requestId)
    writer.patchU32(start + template.timeoutAt, Math.min(timeoutMs, longestTimeoutMs))
  }

  /** @param status see `responseStatus`. */
  beginResponse(
    writer: ByteWriter,
    template: ResponseTemplate,
    requestId: number,
    status: number,
  ): void {
    const start = this.#begin(writer, template, requestId)
    writer.patchU16(start + template.statusAt, status)
  }

  /** Appends a header entry to the begun frame. */
  header(key: HeaderKey, value: string): void {
    encodeHeader(this.#begun(), key, value)
  }

  /**
   * Ends the frame with `value` as its content. Throws SETTEE_BOLT_UNENCODABLE_VALUE,
   * SETTEE_BOLT_HEADER_TOO_LARGE and SETTEE_BOLT_MESSAGE_TOO_LARGE.
   */
  finish(value: unknown): void {
    const writer = this.#begun()
    const { codec, dialect, headerAt, headerLengthAt } = this.#template!
    const start = this.#start
    writer.patchU16(start + headerLengthAt, checkHeaders(writer, start + headerAt))
    const contentAt = writer.length
    codec.encode(writer, value)
    writer.patchU32(start + headerLengthAt + 2, writer.length - contentAt)
    if ((dialect.switches & crcSwitch) !== 0) {
      const frame = writer.bytes(start)
      writer.u32(frameCrc(frame, 0, frame.length))
    }
    this.#checkSize(writer.length - start)
    this.#writer = undefined
  }

  #begin(
    writer: ByteWriter,
    template: RequestTemplate | ResponseTemplate,
    requestId: number,
  ): number {
    const start = writer.length
    writer.raw(template.bytes)
    writer.patchU32(start + template.requestIdAt, requestId)
    this.#writer = writer
    this.#template = template
    this.#start = start
    return start
  }

  #begun(): ByteWriter {
    assert(this.#writer !== undefined, 'a frame must be begun first')
    return this.#writer
  }

  #checkSize(frameBytes: number): void {
    if (frameBytes <= this.#maxFrameBytes) return
    throw boltError(
      'SETTEE_BOLT_MESSAGE_TOO_LARGE',
      `a message of ${frameBytes} bytes exceeds the limit of ${this.#maxFrameBytes} bytes; ` +
        'send it in parts or raise maxFrameBytes on both sides',
    )
  }
}
