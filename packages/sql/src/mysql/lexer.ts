/**
 * Text to tokens, the way the server's own lexer cuts it under the session's `sql_mode`.
 *
 * Where servers of the family read the same characters differently (executable comments, quotes
 * within hints, `!!`), the text is refused: understanding less than the server is safe, and
 * understanding something else is not. Comments and spaces are the gaps between tokens.
 *
 * Source: MySQL 8.4 reference manual 11.1, 11.2, 11.7; MariaDB "Lexical structure". What the
 * manuals leave open was asked of MariaDB 10.11 and is kept in the differential test.
 */
import { findKeyword, hashStep, introducerCharsets, isReservedAt, keywordAt } from './keywords.ts'
import { excerpt, failAt } from './sql-failure.ts'
import type { MysqlMode } from './sql-mode.ts'
import { tokenKind, type Tokens } from './tokens.ts'

const isDigit = 1
const isHex = 2
const isSpace = 4
const isNamePart = 8

const classes = new Uint8Array(128)
for (let code = 48; code <= 57; code++) classes[code] = isDigit | isHex | isNamePart
for (let code = 65; code <= 90; code++) classes[code] = isNamePart | (code <= 70 ? isHex : 0)
for (let code = 97; code <= 122; code++) classes[code] = isNamePart | (code <= 102 ? isHex : 0)
classes[36] = isNamePart
classes[95] = isNamePart
for (const code of [9, 10, 11, 12, 13, 32]) classes[code] = isSpace

function classOf(code: number): number {
  return code < 128 ? classes[code]! : isNamePart
}

/** Signs of one character that begin no longer one. */
const singles: readonly (string | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const sign = String.fromCharCode(code)
  return '()+*%,;~^{}[]'.includes(sign) ? sign : undefined
})

class Lexer {
  readonly #text: string
  readonly #mode: MysqlMode
  readonly #tokens: Tokens
  #at = 0

  constructor(text: string, mode: MysqlMode, tokens: Tokens) {
    this.#text = text
    this.#mode = mode
    this.#tokens = tokens
  }

  run(): void {
    const text = this.#text
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === 32 || (code < 128 && (classes[code]! & isSpace) !== 0)) this.#at++
      else this.#token(code)
    }
    this.#tokens.add(tokenKind.end, text.length, text.length, '')
  }

  #code(at: number): number {
    return at < this.#text.length ? this.#text.charCodeAt(at) : 0
  }

  #token(code: number): void {
    if (code >= 128) return this.#word()
    const kind = classes[code]!
    if ((kind & isDigit) !== 0) return this.#numberOrWord()
    if ((kind & isNamePart) !== 0) {
      if (this.#code(this.#at + 1) === 39) return this.#prefixedString(code)
      return this.#word()
    }
    switch (code) {
      case 39: // '
        return this.#string(this.#at, tokenKind.string)
      case 34: // "
        if (this.#mode.ansiQuotes) return this.#quotedIdentifier(34)
        return this.#string(this.#at, tokenKind.string)
      case 96: // `
        return this.#quotedIdentifier(96)
      case 63: // ?
        return this.#add(tokenKind.parameter, 1, '?')
      case 46: // .
        return this.#point()
      case 35: // #
        return this.#lineComment()
      case 45: // -
        return this.#minus()
      case 47: // /
        if (this.#code(this.#at + 1) === 42) return this.#blockComment()
        return this.#add(tokenKind.sign, 1, '/')
      case 64: // @
        return this.#variable()
      case 92: // \
        if (this.#code(this.#at + 1) !== 78) break
        return this.#add(tokenKind.nullEscape, 2, '')
      default:
        return this.#sign(code)
    }
    throw this.#unknown()
  }

  #add(kind: number, length: number, word: string): void {
    const start = this.#at
    this.#at = start + length
    this.#tokens.add(kind, start, this.#at, word)
  }

  #unknown(): Error {
    return failAt(
      'SETTEE_SQL_SYNTAX',
      this.#text,
      this.#at,
      `${excerpt(this.#text, this.#at)} begins no token`,
      'a token',
    )
  }

  // -------------------------------------------------------------------------------------- words

  /** A word, and the names behind its points: directly behind a point every word is a name. */
  #word(): void {
    const text = this.#text
    const start = this.#at
    let at = start
    let hash = 0
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code < 128 && (classes[code]! & isNamePart) === 0) break
      hash = hashStep(hash, code)
    }
    this.#at = at
    if (this.#isNameBehindPoint(at)) {
      this.#tokens.add(tokenKind.word, start, at, '')
      return this.#point()
    }
    const first = text.charCodeAt(start)
    if (first === 36) this.#refuseDollarQuote(start)
    if (first === 95 && introducerCharsets.has(text.slice(start + 1, at).toLowerCase())) {
      this.#tokens.add(tokenKind.introducer, start, at, '')
      return
    }
    const slot = findKeyword(text, start, at, hash)
    if (slot < 0) this.#tokens.add(tokenKind.word, start, at, '')
    else {
      const kind = isReservedAt(slot) ? tokenKind.reserved : tokenKind.word
      this.#tokens.add(kind, start, at, keywordAt(slot))
    }
  }

  #isNameBehindPoint(at: number): boolean {
    return this.#code(at) === 46 && (classOf(this.#code(at + 1)) & isNamePart) !== 0
  }

  /** `$tag$ … $tag$` quotes text on new servers and is a name on others. */
  #refuseDollarQuote(start: number): void {
    if (!this.#text.slice(start + 1, this.#at).includes('$')) return
    throw failAt(
      'SETTEE_SQL_AMBIGUOUS',
      this.#text,
      start,
      'a name that could open a dollar-quoted text; put it in backticks',
    )
  }

  /** A point, and the name that may follow at once. Called directly behind a word, or anywhere. */
  #point(): void {
    const text = this.#text
    const start = this.#at
    const previous = this.#tokens.count - 1
    const isBehindWord =
      previous >= 0 &&
      this.#tokens.kinds[previous] === tokenKind.word &&
      this.#tokens.ends[previous] === start
    const isNumber = (classOf(this.#code(start + 1)) & isDigit) !== 0
    if (isNumber && !isBehindWord) return this.#fraction(start, start + 1)
    do {
      this.#add(tokenKind.sign, 1, '.')
      let at = this.#at
      while (at < text.length && (classOf(text.charCodeAt(at)) & isNamePart) !== 0) at++
      if (at === this.#at) return
      this.#add(tokenKind.word, at - this.#at, '')
    } while (this.#isNameBehindPoint(this.#at))
  }

  #quotedIdentifier(quote: number): void {
    const end = this.#endOfDoubled(this.#at + 1, quote)
    if (end === this.#at + 2) {
      throw failAt('SETTEE_SQL_SYNTAX', this.#text, this.#at, 'an empty identifier', 'a name')
    }
    this.#add(tokenKind.quotedIdentifier, end - this.#at, '')
  }

  /** The end behind the closing `quote`, where only a doubled quote stands for itself. */
  #endOfDoubled(from: number, quote: number): number {
    const text = this.#text
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 0) {
        throw failAt('SETTEE_SQL_SYNTAX', text, at, 'a NUL character in a name', 'a closing quote')
      }
      if (code !== quote) continue
      if (this.#code(at + 1) !== quote || at + 1 >= text.length) return at + 1
      at++
    }
    throw this.#unclosed('the quote is never closed')
  }

  #unclosed(what: string): Error {
    return failAt('SETTEE_SQL_SYNTAX', this.#text, this.#at, what, 'a closing quote')
  }

  /** `@a`, `@'a'`, `@@`. A name without quotes takes points and signs with it. */
  #variable(): void {
    const text = this.#text
    const next = this.#code(this.#at + 1)
    if (next === 64) return this.#add(tokenKind.sign, 2, '@@')
    let end = this.#at + 1
    if (next === 96 || (next === 34 && this.#mode.ansiQuotes)) {
      end = this.#endOfDoubled(end + 1, next)
    } else if (next === 39 || next === 34) {
      end = this.#endOfString(end)
    } else {
      for (; end < text.length; end++) {
        const code = text.charCodeAt(end)
        if (code >= 128 || (code !== 46 && (classes[code]! & isNamePart) === 0)) break
      }
      if (end === this.#at + 1) return this.#add(tokenKind.sign, 1, '@')
    }
    this.#add(tokenKind.userVariable, end - this.#at, '')
  }

  // ------------------------------------------------------------------------- strings and numbers

  /** A letter directly before a quote: `x'1F'`, `b'01'`, `N'a'`, or just a word. */
  #prefixedString(code: number): void {
    const letter = code | 32
    if (letter === 110) return this.#string(this.#at + 1, tokenKind.nationalString)
    if (letter !== 120 && letter !== 98) return this.#word()
    const text = this.#text
    let at = this.#at + 2
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at)
      const isDigitHere =
        letter === 120 ? (classOf(digit) & isHex) !== 0 && digit < 128 : (digit | 1) === 49
      if (!isDigitHere) break
    }
    const length = at - this.#at - 2
    if (this.#code(at) !== 39 || (letter === 120 && length % 2 === 1)) {
      throw failAt(
        'SETTEE_SQL_SYNTAX',
        text,
        this.#at,
        letter === 120
          ? 'a hexadecimal literal needs pairs of digits'
          : 'a bit literal needs 0 and 1',
        'a closing quote behind the digits',
      )
    }
    this.#add(letter === 120 ? tokenKind.hexString : tokenKind.bitString, length + 3, '')
  }

  #string(quoteAt: number, kind: number): void {
    this.#add(kind, this.#endOfString(quoteAt) - this.#at, '')
  }

  #endOfString(quoteAt: number): number {
    const text = this.#text
    const quote = text.charCodeAt(quoteAt)
    const hasEscapes = !this.#mode.noBackslashEscapes
    for (let at = quoteAt + 1; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 92 && hasEscapes) at++
      else if (code === quote) {
        if (this.#code(at + 1) !== quote || at + 1 >= text.length) return at + 1
        at++
      }
    }
    throw this.#unclosed('the string is never closed')
  }

  /** Digits first: a number, `0x1F`, `0b1`, or a name such as `1a`. */
  #numberOrWord(): void {
    const text = this.#text
    const start = this.#at
    let at = start
    if (text.charCodeAt(start) === 48 && this.#hexOrBit(start)) return
    while ((classOf(this.#code(at)) & isDigit) !== 0) at++
    const code = this.#code(at)
    if (code === 46) return this.#fraction(start, at + 1)
    if ((code | 32) === 101 && this.#exponent(start, at)) return
    if ((classOf(code) & isNamePart) !== 0 && at < text.length) return this.#word()
    this.#add(tokenKind.integer, at - start, '')
  }

  #hexOrBit(start: number): boolean {
    const marker = this.#code(start + 1)
    if (marker !== 120 && marker !== 98) return false
    let at = start + 2
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      const isPart =
        marker === 120 ? code < 128 && (classes[code]! & isHex) !== 0 : (code | 1) === 49
      if (!isPart) break
    }
    const isName = at < this.#text.length && (classOf(this.#code(at)) & isNamePart) !== 0
    if (at === start + 2 || isName) return false
    this.#add(marker === 120 ? tokenKind.hex : tokenKind.bit, at - start, '')
    return true
  }

  /** Digits behind the point at `from - 1`, then perhaps an exponent, which must be whole. */
  #fraction(start: number, from: number): void {
    let at = from
    while ((classOf(this.#code(at)) & isDigit) !== 0) at++
    if ((this.#code(at) | 32) === 101) {
      if (this.#exponent(start, at)) return
      throw failAt(
        'SETTEE_SQL_SYNTAX',
        this.#text,
        at,
        'an exponent without digits',
        'digits of an exponent',
      )
    }
    this.#add(tokenKind.decimal, at - start, '')
  }

  /** Takes the number from `start` with the exponent whose `e` is at `at`, if it has digits. */
  #exponent(start: number, at: number): boolean {
    const sign = this.#code(at + 1)
    let end = sign === 43 || sign === 45 ? at + 2 : at + 1
    if ((classOf(this.#code(end)) & isDigit) === 0) return false
    while ((classOf(this.#code(end)) & isDigit) !== 0) end++
    this.#add(tokenKind.float, end - start, '')
    return true
  }

  // -------------------------------------------------------------------------------------- signs

  #minus(): void {
    const next = this.#code(this.#at + 1)
    if (next === 45) {
      const third = this.#code(this.#at + 2)
      // Only with space or a control character behind it: `5--1` is 6.
      if (third <= 32 || third === 127) return this.#lineComment()
    }
    if (next !== 62) return this.#add(tokenKind.sign, 1, '-')
    if (this.#code(this.#at + 2) === 62) return this.#add(tokenKind.sign, 3, '->>')
    this.#add(tokenKind.sign, 2, '->')
  }

  #sign(code: number): void {
    const single = singles[code]
    if (single !== undefined) return this.#add(tokenKind.sign, 1, single)
    const next = this.#code(this.#at + 1)
    switch (code) {
      case 61: // =
        return this.#comparison('=')
      case 58: // :
        return next === 61 ? this.#add(tokenKind.sign, 2, ':=') : this.#add(tokenKind.sign, 1, ':')
      case 60: // <
        if (next === 60) return this.#add(tokenKind.sign, 2, '<<')
        if (next === 62) return this.#comparison('<>')
        if (next !== 61) return this.#comparison('<')
        return this.#comparison(this.#code(this.#at + 2) === 62 ? '<=>' : '<=')
      case 62: // >
        if (next === 62) return this.#add(tokenKind.sign, 2, '>>')
        return this.#comparison(next === 61 ? '>=' : '>')
      case 33: // !
        return this.#comparison(next === 61 ? '!=' : '!')
      case 38: // &
        return next === 38 ? this.#add(tokenKind.sign, 2, '&&') : this.#add(tokenKind.sign, 1, '&')
      case 124: // |
        return next === 124 ? this.#add(tokenKind.sign, 2, '||') : this.#add(tokenKind.sign, 1, '|')
      default:
        throw this.#unknown()
    }
  }

  /** Signs of comparison and a `!` without space between them are not read alike everywhere. */
  #comparison(sign: string): void {
    const next = this.#code(this.#at + sign.length)
    if (next === 33 || (next >= 60 && next <= 62)) {
      throw failAt(
        'SETTEE_SQL_AMBIGUOUS',
        this.#text,
        this.#at,
        `${excerpt(this.#text, this.#at)} can be cut in several ways; ` +
          'put space between the operators',
      )
    }
    this.#add(tokenKind.sign, sign.length, sign)
  }

  // ----------------------------------------------------------------------------------- comments

  /** To the end of the line. A NUL would end the comment on the server, so it is refused. */
  #lineComment(): void {
    const text = this.#text
    let at = this.#at
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 10) break
      if (code === 0) {
        throw failAt('SETTEE_SQL_AMBIGUOUS', text, at, 'a NUL character within a comment')
      }
    }
    this.#at = at
  }

  #blockComment(): void {
    const text = this.#text
    const start = this.#at
    const mark = this.#code(start + 2)
    if (mark === 33 || ((mark | 32) === 109 && this.#code(start + 3) === 33)) {
      throw failAt(
        'SETTEE_SQL_EXECUTABLE_COMMENT',
        text,
        start,
        `${excerpt(text, start)} is a comment that servers execute; ` +
          'write its SQL without the comment',
      )
    }
    const close = text.indexOf('*/', start + 2)
    if (close < 0) {
      throw failAt('SETTEE_SQL_SYNTAX', text, start, 'the comment is never closed', '*/')
    }
    if (mark === 43) this.#hint(start, close)
    this.#at = close + 2
  }

  /** A hint is trivia. Quotes that are open at its end would hide the end from some servers. */
  #hint(start: number, close: number): void {
    let quote = 0
    for (let at = start + 3; at < close; at++) {
      const code = this.#text.charCodeAt(at)
      if (quote !== 0) quote = code === quote ? 0 : quote
      else if (code === 39 || code === 34 || code === 96) quote = code
    }
    if (quote !== 0 || this.#text.slice(start + 3, close).includes('\\')) {
      throw failAt(
        'SETTEE_SQL_AMBIGUOUS',
        this.#text,
        start,
        'an optimizer hint with an open quote or a backslash',
      )
    }
    this.#tokens.hints.push(start, close + 2)
  }
}

/** Cuts `text` into `tokens`, which must be empty; the last one has the kind `end`. */
export function tokenizeMysql(text: string, mode: MysqlMode, tokens: Tokens): void {
  new Lexer(text, mode, tokens).run()
}
