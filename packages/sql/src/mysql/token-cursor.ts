/** A place in the tokens, what is taken there, and the errors of it: the base of the parser. */
import type { Identifier, Parameter, Range } from './ast.ts'
import { excerpt, failAt } from './sql-failure.ts'
import type { MysqlMode } from './sql-mode.ts'
import { identifierName } from './literals.ts'
import { tokenKind, type Tokens } from './tokens.ts'

export interface ParserLimits {
  readonly maxDepth: number
  readonly maxStatements: number
}

export abstract class TokenCursor {
  protected readonly text: string
  protected readonly mode: MysqlMode
  protected readonly limits: ParserLimits
  protected readonly kinds: Uint8Array
  protected readonly starts: Int32Array
  protected readonly ends: Int32Array
  protected readonly words: readonly string[]
  /** The index of the token that is next. */
  protected at = 0
  /** The parameters of the statement that is being read. */
  protected parameters: Parameter[] = []
  #parameterCount = 0
  #depth = 0

  constructor(text: string, mode: MysqlMode, tokens: Tokens, limits: ParserLimits) {
    this.text = text
    this.mode = mode
    this.limits = limits
    this.kinds = tokens.kinds
    this.starts = tokens.starts
    this.ends = tokens.ends
    this.words = tokens.words
  }

  protected is(word: string): boolean {
    return this.words[this.at] === word
  }

  /** Whether the token `ahead` of the next one is `word`. */
  protected isAhead(ahead: number, word: string): boolean {
    return this.words[this.at + ahead] === word
  }

  protected accept(word: string): boolean {
    if (this.words[this.at] !== word) return false
    this.at++
    return true
  }

  protected expect(word: string): void {
    if (this.words[this.at] !== word) throw this.unexpected(word)
    this.at++
  }

  /** Takes `words` one after the other when all of them follow. */
  protected acceptAll(...words: readonly string[]): boolean {
    for (let ahead = 0; ahead < words.length; ahead++) {
      if (this.words[this.at + ahead] !== words[ahead]) return false
    }
    this.at += words.length
    return true
  }

  protected kind(): number {
    return this.kinds[this.at]!
  }

  /** Where the next token starts. */
  protected start(): number {
    return this.starts[this.at]!
  }

  /** Where the token before the next one ends. */
  protected end(): number {
    return this.ends[this.at - 1]!
  }

  protected rangeFrom(start: number): Range {
    return { start, end: this.end() }
  }

  /** Whether nothing, not even a comment, stands between the next token and the one behind it. */
  protected isGlued(ahead = 0): boolean {
    return this.starts[this.at + ahead + 1] === this.ends[this.at + ahead]
  }

  protected isStatementEnd(): boolean {
    return this.kinds[this.at] === tokenKind.end || this.words[this.at] === ';'
  }

  protected unexpected(expected: string): Error {
    const offset = this.start()
    const what = `expected ${expected}, but found ${excerpt(this.text, offset)}`
    return failAt('SETTEE_SQL_SYNTAX', this.text, offset, what, expected)
  }

  /** Goes one level down; each call needs its {@link leave}. */
  protected enter(): void {
    if (++this.#depth > this.limits.maxDepth) throw this.tooDeep()
  }

  protected leave(): void {
    this.#depth--
  }

  protected tooDeep(): Error {
    return failAt(
      'SETTEE_SQL_TOO_DEEP',
      this.text,
      this.start(),
      `nested more than ${this.limits.maxDepth} levels deep`,
    )
  }

  /** A chain of operators of one level makes a tree as deep as it is long. */
  protected checkChain(length: number): void {
    if (length > this.limits.maxDepth) throw this.tooDeep()
  }

  protected takeParameter(): Parameter {
    const parameter: Parameter = {
      kind: 'parameter',
      start: this.start(),
      end: this.ends[this.at]!,
      index: this.#parameterCount++,
    }
    this.parameters.push(parameter)
    this.at++
    return parameter
  }

  /** Goes back to the token `at`, when the statement had `parameterCount` parameters. */
  protected rewind(at: number, parameterCount: number): void {
    this.#parameterCount -= this.parameters.length - parameterCount
    this.parameters.length = parameterCount
    this.at = at
  }

  /** Skips to the end of the statement; its parameters count. */
  protected skipStatement(): void {
    while (!this.isStatementEnd()) this.skipToken()
  }

  protected skipToken(): void {
    if (this.kind() === tokenKind.parameter) this.takeParameter()
    else this.at++
  }

  protected isIdentifier(ahead = 0): boolean {
    const kind = this.kinds[this.at + ahead]
    return kind === tokenKind.word || kind === tokenKind.quotedIdentifier
  }

  protected identifier(): Identifier {
    if (!this.isIdentifier()) throw this.unexpected('a name')
    const isQuoted = this.kind() === tokenKind.quotedIdentifier
    const start = this.start()
    const end = this.ends[this.at++]!
    return { start, end, name: identifierName(this.text, start, end, isQuoted), isQuoted }
  }

  /** The index of the `)` that closes the `(` at the token `open`, or of the last token. */
  protected closingAt(open: number): number {
    let depth = 0
    for (let at = open; this.kinds[at] !== tokenKind.end; at++) {
      const word = this.words[at]
      if (word === '(') depth++
      else if (word === ')' && --depth === 0) return at
    }
    return open
  }
}
