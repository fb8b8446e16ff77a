/**
 * Reads big-endian fields in place from a received chunk.
 *
 * One reader serves a whole connection: {@link ByteReader.enter} points it at the next frame. Every
 * field is checked against the end of the frame before it is read or allocated, so a length that
 * lies costs a typed error, never memory.
 */
import type { Long } from './byte-writer.ts'
import { wireError } from './errors.ts'
import type { FastBuffer } from './fast-buffer.ts'

const two32 = 2 ** 32

export class ByteReader {
  #bytes: FastBuffer
  #view: DataView
  #offset = 0
  #end = 0

  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.#bytes = asBuffer(bytes)
    this.#view = viewOf(this.#bytes)
    this.#end = bytes.length
  }

  /** The chunk that holds the frame; offsets of {@link enter} and {@link offset} count in it. */
  get chunk(): Buffer {
    return this.#bytes
  }

  /** Offset of the next field in the chunk. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes left up to the end of the frame. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** Points the reader at a new chunk. */
  load(bytes: Uint8Array): void {
    this.#bytes = asBuffer(bytes)
    this.#view = viewOf(this.#bytes)
    this.#offset = 0
    this.#end = bytes.length
  }

  /** Restricts reading to the bytes `[start, end)` of the chunk. */
  enter(start: number, end: number): void {
    if (start < 0 || end > this.#bytes.length || start > end) {
      throw wireError('SETTEE_WIRE_TRUNCATED', `no bytes ${start} to ${end} in this chunk`)
    }
    this.#offset = start
    this.#end = end
  }

  u8(): number {
    const at = this.#advance(1)
    return this.#view.getUint8(at)
  }

  i8(): number {
    const at = this.#advance(1)
    return this.#view.getInt8(at)
  }

  u16(): number {
    const at = this.#advance(2)
    return this.#view.getUint16(at)
  }

  i16(): number {
    const at = this.#advance(2)
    return this.#view.getInt16(at)
  }

  u32(): number {
    const at = this.#advance(4)
    return this.#view.getUint32(at)
  }

  i32(): number {
    const at = this.#advance(4)
    return this.#view.getInt32(at)
  }

  /** A number when the value is a safe integer, a bigint otherwise. */
  i64(): Long {
    const at = this.#advance(8)
    const high = this.#view.getInt32(at)
    if (high >= -0x20_0000 && high < 0x20_0000) {
      const value = high * two32 + this.#view.getUint32(at + 4)
      if (Number.isSafeInteger(value)) return value
    }
    return this.#view.getBigInt64(at)
  }

  /** A view into the chunk: copy it if it outlives the handling of the frame. */
  raw(size: number): Buffer {
    const at = this.#advance(size)
    return this.#bytes.subarray(at, at + size)
  }

  utf8(size: number): string {
    const at = this.#advance(size)
    return this.#bytes.utf8Slice(at, at + size)
  }

  skip(size: number): void {
    this.#advance(size)
  }

  #advance(size: number): number {
    const at = this.#offset
    if (size < 0 || size > this.#end - at) {
      throw wireError(
        'SETTEE_WIRE_TRUNCATED',
        `a field of ${size} bytes at offset ${at} reaches beyond the frame, ` +
          `which has ${this.#end - at} bytes left`,
      )
    }
    this.#offset = at + size
    return at
  }
}

function asBuffer(bytes: Uint8Array): FastBuffer {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer as FastBuffer
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
