/**
 * The header map of a frame: small strings that travel beside the content.
 * (original: SimpleMapSerializer.java of SOFARPC)
 *
 * ```
 * repeat:  key length:4  key  value length:4  value      UTF-8; length -1 is null, 0 is ''
 * ```
 *
 * Entries with a null are skipped, and of two with the same key the last one counts.
 */
import type { ByteWriter } from '@settee/wire'
import { i32At } from './big-endian.ts'
import { boltError } from './errors.ts'
import { maxSectionBytes, type BoltFrame } from './frame.ts'
import { internedText, utf8Text } from './text.ts'

/** A header key that was encoded once, to be written and looked up without a string. */
export interface HeaderKey {
  readonly name: string
  /** The key as it lies in the map: its length in 4 bytes, then UTF-8. */
  readonly encoded: Buffer
}

export function createHeaderKey(name: string): HeaderKey {
  const sizeBytes = Buffer.byteLength(name)
  const encoded = Buffer.alloc(4 + sizeBytes)
  encoded.writeInt32BE(sizeBytes)
  encoded.write(name, 4)
  return { name, encoded }
}

/** The whole map; throws SETTEE_BOLT_BAD_HEADER_MAP. A Map, so `__proto__` is a key like others. */
export function decodeHeaders(frame: BoltFrame): Map<string, string> {
  return decodeMap(frame.bytes, frame.headerStart, frame.contentStart)
}

/** Appends one entry. */
export function encodeHeader(writer: ByteWriter, key: HeaderKey, value: string): void {
  writer.raw(key.encoded)
  const lengthAt = writer.length
  writer.u32(0)
  writer.patchU32(lengthAt, writer.utf8(value))
}

/**
 * Checks a written map, which begins at `start` of the writer and ends it, and returns its size in
 * bytes. Throws SETTEE_BOLT_HEADER_TOO_LARGE, which names the largest entry.
 */
export function checkHeaders(writer: ByteWriter, start: number): number {
  const sizeBytes = writer.length - start
  if (sizeBytes <= maxSectionBytes) return sizeBytes
  const map = decodeMap(writer.bytes(start), 0, sizeBytes)
  const [name, value] = [...map].reduce((largest, entry) =>
    entry[0].length + entry[1].length > largest[0].length + largest[1].length ? entry : largest,
  )
  throw boltError(
    'SETTEE_BOLT_HEADER_TOO_LARGE',
    `the headers of a call take ${sizeBytes} bytes, but Bolt allows ${maxSectionBytes}; the ` +
      `largest is ${name.slice(0, 100)} with ${value.length} characters: send it in the ` +
      'arguments instead',
    { details: { sizeBytes, largestKey: name } },
  )
}

/** Offset behind the field (a key or a value) that begins at `at`; never beyond `end`. */
export function fieldEnd(bytes: Buffer, at: number, end: number): number {
  const leftBytes = end - at - 4
  if (leftBytes < 0) throw brokenMap(leftBytes, 'cut off')
  const size = i32At(bytes, at)
  if (size >= 0 && size <= leftBytes) return at + 4 + size
  if (size === -1) return at + 4
  throw brokenMap(leftBytes, String(size))
}

/** Whether a field that {@link fieldEnd} has accepted is null: then its length is negative. */
export function isNull(bytes: Buffer, at: number): boolean {
  return bytes[at]! >= 0x80
}

function decodeMap(bytes: Buffer, start: number, end: number): Map<string, string> {
  const headers = new Map<string, string>()
  for (let keyAt = start; keyAt < end;) {
    const valueAt = fieldEnd(bytes, keyAt, end)
    const nextAt = fieldEnd(bytes, valueAt, end)
    if (!isNull(bytes, keyAt) && !isNull(bytes, valueAt)) {
      headers.set(internedText(bytes, keyAt + 4, valueAt), utf8Text(bytes, valueAt + 4, nextAt))
    }
    keyAt = nextAt
  }
  return headers
}

function brokenMap(leftBytes: number, length: string): Error {
  return boltError(
    'SETTEE_BOLT_BAD_HEADER_MAP',
    `the header section is no header map: it has ${leftBytes} bytes where a field with the ` +
      `length ${length} begins`,
  )
}
