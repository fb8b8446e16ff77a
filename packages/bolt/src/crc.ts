/** The checksum of v2 frames: CRC32 (java.util.zip.CRC32) over every byte before it. */
import { crc32 } from 'node:zlib'

/** CRC32 of `bytes[start, end)` as an unsigned 32-bit integer. */
export function frameCrc(bytes: Uint8Array, start: number, end: number): number {
  return crc32(bytes.subarray(start, end))
}
