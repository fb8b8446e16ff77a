/**
 * Reads big-endian integers by index. A frame header is a dozen fields and a chunk a few frames, so
 * a DataView per chunk would cost more than it saves; the caller has checked the bounds.
 */

export function i16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!
}

export function i32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
