/** The tokens of one text, in parallel arrays: no object per token. */

/** The kinds of tokens. */
export const tokenKind = {
  end: 0,
  /** An unquoted word that can be an identifier. */
  word: 1,
  /** An unquoted word that cannot. */
  reserved: 2,
  quotedIdentifier: 3,
  string: 4,
  /** `N'…'`. */
  nationalString: 5,
  /** `_utf8mb4`, when a known character set. */
  introducer: 6,
  integer: 7,
  decimal: 8,
  float: 9,
  /** `0x1F`. */
  hex: 10,
  /** `x'1F'`. */
  hexString: 11,
  /** `0b1`. */
  bit: 12,
  /** `b'1'`. */
  bitString: 13,
  parameter: 14,
  /** `@a` with its name, quoted or not. */
  userVariable: 15,
  /** `\N`. */
  nullEscape: 16,
  /** Any sign: `(`, `<=>`, `@@`. */
  sign: 17,
} as const

export class Tokens {
  count = 0
  kinds: Uint8Array
  starts: Int32Array
  ends: Int32Array
  /** The sign, or the known word in upper case; empty for every other token. */
  words: string[] = []
  /** Optimizer hints, as pairs of start and end. */
  hints: number[] = []

  /** @param capacity tokens there is room for before the arrays grow. */
  constructor(capacity: number) {
    this.kinds = new Uint8Array(capacity)
    this.starts = new Int32Array(capacity)
    this.ends = new Int32Array(capacity)
  }

  add(kind: number, start: number, end: number, word: string): void {
    const at = this.count
    if (at === this.kinds.length) this.#grow()
    this.kinds[at] = kind
    this.starts[at] = start
    this.ends[at] = end
    this.words[at] = word
    this.count = at + 1
  }

  #grow(): void {
    const length = this.kinds.length * 2
    const { kinds, starts, ends } = this
    this.kinds = new Uint8Array(length)
    this.starts = new Int32Array(length)
    this.ends = new Int32Array(length)
    this.kinds.set(kinds)
    this.starts.set(starts)
    this.ends.set(ends)
  }
}
