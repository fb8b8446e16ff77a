/**
 * The bytes of a record and of a segment's header. All numbers are big-endian.
 *
 *   segment   0        8                16      20               28       32          4096
 *             | magic  | sequence (u64) | salt  | size (u64)     | crc32c | zeros ... | records ...
 *
 *   record    0        4        8              14       16
 *             | crc32c | length | index (u48)  | behind | payload (length bytes)
 *
 * - crc32c of a record covers everything behind it and starts from the segment's random salt, so
 *   that bytes of another segment, or a payload that looks like a record, never pass for a record.
 * - behind is index minus the index that was durable when the record was written, 65,535 if it is
 *   more than that. A valid record thereby proves which records before it were acknowledged, which
 *   tells a torn tail (nobody was promised anything) from damage (somebody was).
 * - The header has a page of its own: writing records never rewrites it.
 */
import { crc32c } from './crc32c.ts'

export const segmentHeaderBytes = 4096
export const recordHeaderBytes = 16

/** Largest value of `behind`: it then proves nothing. */
const farBehind = 0xffff
const magic = 0x53_54_4a_4c // STJL
const formatVersion = 1
const two32 = 2 ** 32

/** What a segment's header says. */
export interface SegmentHeader {
  /** Segments are numbered in the order in which they are filled. */
  readonly sequence: number
  readonly salt: number
  readonly sizeBytes: number
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint32(4, formatVersion)
  view.setUint32(8, Math.floor(header.sequence / two32))
  view.setUint32(12, header.sequence >>> 0)
  view.setUint32(16, header.salt)
  view.setUint32(20, Math.floor(header.sizeBytes / two32))
  view.setUint32(24, header.sizeBytes >>> 0)
  view.setUint32(28, crc32c(bytes, 0, 28))
  return bytes
}

/** Undefined when `bytes` are no header of this format. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0) !== magic || view.getUint32(4) !== formatVersion) return undefined
  if (view.getUint32(28) !== crc32c(bytes, 0, 28)) return undefined
  return {
    sequence: view.getUint32(8) * two32 + view.getUint32(12),
    salt: view.getUint32(16),
    sizeBytes: view.getUint32(20) * two32 + view.getUint32(24),
  }
}

/** A record's numbers, filled in by {@link decodeRecord}: one object serves a whole scan. */
export interface RecordFrame {
  index: number
  /** Newest record that was certainly durable when this one was written; 0 if unknown. */
  durableIndex: number
  payloadStart: number
  payloadEnd: number
}

/** Writes the record with its header at `at`; there must be room. Gives the offset behind it. */
export function encodeRecord(
  into: { readonly bytes: Uint8Array; readonly view: DataView },
  at: number,
  record: { readonly payload: Uint8Array; readonly index: number; readonly durableIndex: number },
  salt: number,
): number {
  const { bytes, view } = into
  const { payload, index } = record
  const end = at + recordHeaderBytes + payload.length
  view.setUint32(at + 4, payload.length)
  view.setUint16(at + 8, Math.floor(index / two32))
  view.setUint32(at + 10, index >>> 0)
  view.setUint16(at + 14, Math.min(index - record.durableIndex, farBehind))
  bytes.set(payload, at + recordHeaderBytes)
  view.setUint32(at, crc32c(bytes, at + 4, end, salt))
  return end
}

/** Length of the record at `at` with its header, as far as its first 16 bytes can be believed. */
export function recordSize(view: DataView, at: number): number {
  return recordHeaderBytes + view.getUint32(at + 4)
}

/** Reads the record at `at`, of which all bytes are there; false when its checksum is wrong. */
export function decodeRecord(
  from: { readonly bytes: Uint8Array; readonly view: DataView },
  at: number,
  salt: number,
  frame: RecordFrame,
): boolean {
  const { bytes, view } = from
  const end = at + recordSize(view, at)
  const index = view.getUint16(at + 8) * two32 + view.getUint32(at + 10)
  // Zeros are no record: indexes start at 1. Asking first keeps a scan over zeros cheap.
  if (index === 0 || view.getUint32(at) !== crc32c(bytes, at + 4, end, salt)) return false
  const behind = view.getUint16(at + 14)
  frame.index = index
  frame.durableIndex = behind === farBehind ? 0 : index - behind
  frame.payloadStart = at + recordHeaderBytes
  frame.payloadEnd = end
  return true
}
