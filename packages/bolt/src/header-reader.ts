/**
 * Reads a few known headers of every frame in one pass over the map, without decoding the others.
 */
import { assert } from '@settee/kit'
import { i32At } from './big-endian.ts'
import type { BoltFrame } from './frame.ts'
import { fieldEnd, isNull, type HeaderKey } from './header-map.ts'
import { internedText, sameBytes, utf8Text } from './text.ts'

const absent = -1

/** One reader serves a whole connection; {@link load} points it at the next frame. */
export class HeaderReader {
  readonly #keys: readonly HeaderKey[]
  /** Index of the first key with an encoded size, and of the next one of the same size. */
  readonly #firstOfSize: Int32Array
  readonly #nextOfSize: Int32Array
  /** Offset of the length field of each key's value in the chunk. */
  readonly #valueAt: Int32Array
  readonly #prefix: Buffer
  #bytes: Buffer = Buffer.alloc(0)
  #hasPrefixed = false

  /**
   * @param keys the headers that {@link text} and {@link name} may be asked for.
   * @param prefix beginning of further keys, see {@link hasPrefixed}. Default none.
   */
  constructor(keys: readonly HeaderKey[], prefix = '') {
    this.#keys = keys
    this.#prefix = Buffer.from(prefix)
    const longest = Math.max(0, ...keys.map((key) => key.encoded.length))
    this.#firstOfSize = new Int32Array(longest + 1).fill(absent)
    this.#nextOfSize = new Int32Array(keys.length)
    this.#valueAt = new Int32Array(keys.length)
    for (const [index, { encoded }] of keys.entries()) {
      this.#nextOfSize[index] = this.#firstOfSize[encoded.length]!
      this.#firstOfSize[encoded.length] = index
    }
  }

  /** Finds the keys in the map of `frame`. Throws SETTEE_BOLT_BAD_HEADER_MAP. */
  load(frame: BoltFrame): void {
    const { bytes, contentStart: end } = frame
    const valueAts = this.#valueAt
    const longest = this.#firstOfSize.length
    this.#bytes = bytes
    this.#hasPrefixed = false
    for (let i = 0; i < valueAts.length; i++) valueAts[i] = absent
    for (let keyAt = frame.headerStart; keyAt < end;) {
      const valueAt = fieldEnd(bytes, keyAt, end)
      const nextAt = fieldEnd(bytes, valueAt, end)
      const keyBytes = valueAt - keyAt
      const index = keyBytes < longest ? this.#indexOf(bytes, keyAt, keyBytes) : absent
      if (index === absent) {
        this.#hasPrefixed ||= this.#isPrefixed(bytes, keyAt + 4, valueAt)
      } else if (!isNull(bytes, valueAt)) {
        valueAts[index] = valueAt
      }
      keyAt = nextAt
    }
  }

  /** Whether there is a key that begins with the prefix: then `decodeHeaders` is worth its cost. */
  get hasPrefixed(): boolean {
    return this.#hasPrefixed
  }

  /** The value of a header; undefined when it is absent or null. */
  text(key: HeaderKey): string | undefined {
    const at = this.#find(key)
    if (at === absent) return undefined
    return utf8Text(this.#bytes, at + 4, at + 4 + i32At(this.#bytes, at))
  }

  /** As {@link text}, for values that come again with many frames, such as a method's name. */
  name(key: HeaderKey): string | undefined {
    const at = this.#find(key)
    if (at === absent) return undefined
    return internedText(this.#bytes, at + 4, at + 4 + i32At(this.#bytes, at))
  }

  #indexOf(bytes: Buffer, keyAt: number, keyBytes: number): number {
    let index = this.#firstOfSize[keyBytes]!
    // The length field takes part in the comparison, so a null key never equals an empty one.
    while (index !== absent && !sameBytes(bytes, keyAt, this.#keys[index]!.encoded, 0, keyBytes)) {
      index = this.#nextOfSize[index]!
    }
    return index
  }

  #isPrefixed(bytes: Buffer, start: number, end: number): boolean {
    const prefix = this.#prefix
    const size = prefix.length
    return size > 0 && end - start >= size && sameBytes(bytes, start, prefix, 0, size)
  }

  #find(key: HeaderKey): number {
    const keys = this.#keys
    // A loop over a handful of keys is compiled into the caller; `indexOf` is a call (measured).
    for (let i = 0; i < keys.length; i++) if (keys[i] === key) return this.#valueAt[i]!
    assert(false, 'the reader was not made for this header')
    return absent
  }
}
