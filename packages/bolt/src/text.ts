/**
 * Text out of received bytes. Names of classes, services and methods come again with every call,
 * so {@link TextCache} hands out the string of the last time when the bytes are the same: nothing
 * is decoded or allocated, and a Map finds the string faster because it has been hashed already.
 */

/** Decodes `bytes[start, end)` as UTF-8, past the argument handling of `toString`. */
export function utf8Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & { utf8Slice(start: number, end: number): string }).utf8Slice(start, end)
}

/** Names longer than this are decoded every time. */
const longestName = 64

/**
 * A cache of fixed size: the bytes of a name choose its one slot, and a name that collides with
 * another takes the slot over. So it never grows, whatever a peer sends.
 */
export class TextCache {
  readonly #slots: number
  readonly #texts: string[]
  /** The bytes of slot i begin at i * longestName. */
  readonly #bytes: Uint8Array
  readonly #sizes: Uint8Array

  /** @param slots number of names kept, a power of two. Default 256, which takes 17 KiB. */
  constructor(slots = 256) {
    this.#slots = slots
    this.#texts = Array.from({ length: slots }, () => '')
    this.#bytes = new Uint8Array(slots * longestName)
    this.#sizes = new Uint8Array(slots)
  }

  /** `bytes[start, end)` as UTF-8. */
  text(bytes: Buffer, start: number, end: number): string {
    const size = end - start
    if (size === 0) return ''
    if (size > longestName) return utf8Text(bytes, start, end)
    const slot = this.#slotOf(bytes, start, size)
    const kept = slot * longestName
    if (this.#sizes[slot] === size && sameBytes(bytes, start, this.#bytes, kept, size)) {
      return this.#texts[slot]!
    }
    const text = utf8Text(bytes, start, end)
    for (let i = 0; i < size; i++) this.#bytes[kept + i] = bytes[start + i]!
    this.#sizes[slot] = size
    this.#texts[slot] = text
    return text
  }

  // Names of one system differ in their middle (`shop.Order:1.0`, `shop.Stock:1.0`): a few bytes
  // spread over the name tell them apart as well as a hash of all.
  #slotOf(bytes: Buffer, start: number, size: number): number {
    let mixed = size
    for (let i = 1; i <= 4; i++)
      mixed = Math.imul(mixed, 31) + bytes[start + ((size * i - 1) >> 2)]!
    return (mixed ^ (mixed >>> 8)) & (this.#slots - 1)
  }
}

const sharedCache = new TextCache()

/** Decodes a name, see {@link TextCache}; one cache serves all connections. */
export function internedText(bytes: Buffer, start: number, end: number): string {
  return sharedCache.text(bytes, start, end)
}

/** Compares from the end, where names with a common prefix differ. */
export function sameBytes(
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
  size: number,
): boolean {
  for (let i = size - 1; i >= 0; i--) {
    if (left[leftStart + i] !== right[rightStart + i]) return false
  }
  return true
}
