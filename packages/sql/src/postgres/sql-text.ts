/**
 * A statement's text with its tokens, for splicing. The scanner counts bytes of UTF-8 and
 * JavaScript counts UTF-16 units; the offsets here are UTF-16 units.
 */
import type { ScanToken } from 'libpg-query'

export interface Token {
  readonly text: string
  readonly start: number
  readonly end: number
  /** Offset in bytes of UTF-8, as the parser reports locations. */
  readonly startByte: number
  /** How many parentheses or brackets are open around it. */
  readonly depth: number
  readonly isKeyword: boolean
}

/** Names of the token types that carry no meaning. */
const comments: ReadonlySet<string> = new Set(['SQL_COMMENT', 'C_COMMENT'])

export interface SqlText {
  readonly text: string
  /** Without comments and without the semicolons at the end. */
  readonly tokens: readonly Token[]
  /** Where the statement ends. */
  readonly end: number
  /** The highest `$n`. */
  readonly parameterCount: number
  /** The first keyword of this name at or behind `from`, outside of all parentheses. */
  find(keyword: string, from?: number): Token | undefined
  /** The last such keyword in front of the byte offset `beforeByte`. */
  findLast(keyword: string, beforeByte: number): Token | undefined
  /** The texts of the statements, parted by the semicolons outside of all parentheses. */
  split(): readonly string[]
  /** The text between two offsets without the space and the comments at its ends. */
  slice(start: number, end: number): string
  /** `text` with its `$n` numbered from 1 on, and the numbers that they had. */
  renumber(text: string): { text: string; parameters: readonly number[] }
}

/** The tokens of a text, by PostgreSQL's own scanner. */
export type ScanSql = (text: string) => readonly ScanToken[]

/** Places the tokens of `text`. Throws what `scan` throws for a text that is none. */
export function readTokens(scan: ScanSql, text: string): SqlText {
  const tokens = placeTokens(scan(text), text)
  while (tokens.at(-1)?.text === ';') tokens.pop()
  const keyword = (name: string) => (token: Token) =>
    token.isKeyword && token.depth === 0 && token.text.toUpperCase() === name
  return {
    text,
    tokens,
    end: tokens.at(-1)?.end ?? 0,
    parameterCount: tokens.reduce((most, token) => Math.max(most, parameterOf(token.text) ?? 0), 0),
    find: (name, from = 0) => tokens.find((token) => token.start >= from && keyword(name)(token)),
    findLast: (name, beforeByte) =>
      tokens.findLast((token) => token.startByte < beforeByte && keyword(name)(token)),
    split() {
      const ends = tokens.filter((token) => token.depth === 0 && token.text === ';')
      const parts = [...ends, undefined].map((end, i) =>
        tokens.filter(
          (token) =>
            token.start >= (ends[i - 1]?.end ?? 0) && token.end <= (end?.start ?? text.length),
        ),
      )
      return parts.flatMap((part) =>
        part.length === 0 ? [] : [text.slice(part[0]!.start, part.at(-1)!.end)],
      )
    },
    slice(start, end) {
      const inside = tokens.filter((token) => token.start >= start && token.end <= end)
      return text.slice(inside[0]?.start ?? start, inside.at(-1)?.end ?? start)
    },
    renumber: (part) => renumber(placeTokens(scan(part), part), part),
  }
}

function renumber(
  tokens: readonly Token[],
  text: string,
): { text: string; parameters: readonly number[] } {
  const parameters: number[] = []
  let result = ''
  let copied = 0
  for (const token of tokens) {
    const number = parameterOf(token.text)
    if (number === undefined) continue
    if (!parameters.includes(number)) parameters.push(number)
    result += `${text.slice(copied, token.start)}$${parameters.indexOf(number) + 1}`
    copied = token.end
  }
  return { text: result + text.slice(copied), parameters }
}

function parameterOf(token: string): number | undefined {
  return /^\$\d+$/.test(token) ? Number(token.slice(1)) : undefined
}

function placeTokens(scanned: readonly ScanToken[], text: string): Token[] {
  const tokens: Token[] = []
  let depth = 0
  let unit = 0
  let byte = 0
  const unitAt = (target: number): number => {
    while (byte < target) {
      const point = text.codePointAt(unit)!
      byte += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
      unit += point < 0x10000 ? 1 : 2
    }
    return unit
  }
  for (const token of scanned) {
    const start = unitAt(token.start)
    const end = unitAt(token.end)
    if (comments.has(token.tokenName)) continue
    if (token.text === ')' || token.text === ']') depth--
    const isKeyword = token.keywordKind !== 0
    tokens.push({ text: token.text, start, end, startByte: token.start, depth, isKeyword })
    if (token.text === '(' || token.text === '[') depth++
  }
  return tokens
}
