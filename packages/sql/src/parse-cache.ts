/**
 * A cache for what parsing found out, bounded by bytes: the entry that was not asked for longest
 * goes first. Values are kept by exact text and by variant, a small number for everything else
 * that changes the meaning of the text, such as the session's modes.
 */

export interface ParseCacheOptions {
  /** Most that texts and values together may take, in bytes as their owners estimate. */
  readonly maxBytes: number
}

export interface ParseCache<Value> {
  /** The value kept for `text` under `variant`, which becomes the youngest. */
  get(text: string, variant?: number): Value | undefined
  /**
   * Keeps `value`, which takes about `sizeBytes` beside the text. One that would take more than an
   * eighth of the cache is not kept: it would drive out too much of what is used more often.
   */
  set(text: string, value: Value, sizeBytes: number, variant?: number): void
  readonly bytes: number
  readonly size: number
  clear(): void
}

interface Entry<Value> {
  readonly text: string
  readonly variant: number
  readonly value: Value
  readonly bytes: number
  older: Entry<Value>
  younger: Entry<Value>
}

/** Bytes of an entry beyond its text and value: the links, and the slot in the map. */
const entryBytes = 128

export function createParseCache<Value>(options: ParseCacheOptions): ParseCache<Value> {
  const { maxBytes } = options
  const variants: Map<string, Entry<Value>>[] = []
  /** A ring with one entry that is none: its younger is the oldest, its older the youngest. */
  const ring = {} as Entry<Value>
  ring.older = ring
  ring.younger = ring
  let bytes = 0
  let size = 0

  function unlink(entry: Entry<Value>): void {
    entry.older.younger = entry.younger
    entry.younger.older = entry.older
  }

  function makeYoungest(entry: Entry<Value>): void {
    entry.older = ring.older
    entry.younger = ring
    ring.older.younger = entry
    ring.older = entry
  }

  function drop(entry: Entry<Value>): void {
    unlink(entry)
    variants[entry.variant]!.delete(entry.text)
    bytes -= entry.bytes
    size--
  }

  return {
    get(text, variant = 0) {
      const entry = variants[variant]?.get(text)
      if (entry === undefined) return undefined
      if (ring.older !== entry) {
        unlink(entry)
        makeYoungest(entry)
      }
      return entry.value
    },
    set(text, value, sizeBytes, variant = 0) {
      const known = variants[variant]?.get(text)
      if (known !== undefined) drop(known)
      const total = text.length * 2 + sizeBytes + entryBytes
      if (total > maxBytes / 8) return
      const entry: Entry<Value> = { text, variant, value, bytes: total, older: ring, younger: ring }
      makeYoungest(entry)
      const texts = (variants[variant] ??= new Map<string, Entry<Value>>())
      texts.set(text, entry)
      bytes += total
      size++
      while (bytes > maxBytes) drop(ring.younger)
    },
    get bytes() {
      return bytes
    },
    get size() {
      return size
    },
    clear() {
      variants.length = 0
      ring.older = ring
      ring.younger = ring
      bytes = 0
      size = 0
    },
  }
}
