/**
 * The digest of a text: its tokens with the literals lifted out, lists of IN cut to one member and
 * equal rows of VALUES to one row. Texts that differ in nothing else have the same digest and
 * share one parse, that of their shape.
 *
 *   text    INSERT INTO t (a, b) VALUES (1, 'x'),  (2, 'y')
 *   key     INSERT INTO t (a, b) VALUES (<7>, <4>)      <7>: the kind of literal
 *   shape   INSERT INTO t (a, b) VALUES (1, 'x')        SQL of the first text that had this key
 *
 * The shape is never sent to a server. Its tokens are some of the text's own, in order, so a range
 * of the shape has a range in the text.
 */
import type { Range } from './ast.ts'
import { tokenKind, type Tokens } from './tokens.ts'

/** Room between tokens, other than none or one space, is one space in a digest. */
const space = ' '

/** Marks a literal in a key. No token can begin with it. */
const mark = '\u0001'

const { string, nationalString, integer, bitString } = tokenKind

/** By kind of token: what stands for a literal of the kind, or nothing. */
const literalMarks: readonly string[] = Object.values(tokenKind).map((kind) => {
  const isLifted =
    (kind >= integer && kind <= bitString) || kind === string || kind === nationalString
  return isLifted ? `${mark}${kind};` : ''
})

/** Whether a token of this kind is lifted. */
export function isLiteral(kind: number): boolean {
  return literalMarks[kind] !== ''
}

/** Half-open ranges of token indexes that the shape leaves out, as pairs, ascending. */
export type DroppedTokens = readonly number[]

/** What the shape leaves out of `tokens`. */
export function findDropped(text: string, tokens: Tokens): DroppedTokens {
  const dropped: number[] = []
  const { words, count } = tokens
  let depth = 0
  for (let at = 0; at < count; at++) {
    const word = words[at]
    if (word === '(') depth++
    else if (word === ')') depth--
    else if (word === 'IN' && words[at + 1] === '(') at = dropList(tokens, at + 1, dropped)
    else if (depth === 0 && (word === 'VALUES' || word === 'VALUE') && words[at + 1] === '(') {
      at = dropRows(text, tokens, at + 1, dropped)
    }
  }
  return dropped
}

/** `(1, 2, 3)` at `open`: all but the first, when all are literals of one kind, or parameters. */
function dropList(tokens: Tokens, open: number, dropped: number[]): number {
  const { kinds, words } = tokens
  const kind = kinds[open + 1]!
  if (!isLiteral(kind) && kind !== tokenKind.parameter) return open - 1
  let at = open + 2
  while (words[at] === ',' && kinds[at + 1] === kind) at += 2
  if (words[at] !== ')') return open - 1
  if (at > open + 2) dropped.push(open + 2, at)
  // The parenthesis that opens is skipped too, so the loop must not see the one that closes.
  return at
}

/** Rows from `open`: of equal neighbours, the inner parentheses and all between them. */
function dropRows(text: string, tokens: Tokens, open: number, dropped: number[]): number {
  const { words } = tokens
  let first = open
  let close = rowEnd(tokens, first)
  let lastClose = close
  while (words[lastClose] === ')' && words[lastClose + 1] === ',' && words[lastClose + 2] === '(') {
    const next = lastClose + 2
    const nextClose = rowEnd(tokens, next)
    if (!isSameRow(text, tokens, [first, close], [next, nextClose])) {
      if (lastClose > close) dropped.push(close, lastClose)
      first = next
      close = nextClose
    }
    lastClose = nextClose
  }
  if (lastClose > close) dropped.push(close, lastClose)
  return lastClose
}

function rowEnd(tokens: Tokens, open: number): number {
  let depth = 0
  for (let at = open; at < tokens.count; at++) {
    if (tokens.words[at] === '(') depth++
    else if (tokens.words[at] === ')' && --depth === 0) return at
  }
  return tokens.count - 1
}

type Row = readonly [open: number, close: number]

function isSameRow(text: string, tokens: Tokens, a: Row, b: Row): boolean {
  const length = a[1] - a[0]
  if (b[1] - b[0] !== length) return false
  const { kinds, starts, ends } = tokens
  for (let i = 0; i <= length; i++) {
    const left = a[0] + i
    const right = b[0] + i
    if (kinds[left] !== kinds[right]) return false
    if (isLiteral(kinds[left]!)) continue
    const size = ends[left]! - starts[left]!
    if (ends[right]! - starts[right]! !== size) return false
    for (let j = 0; j < size; j++) {
      if (text.charCodeAt(starts[left]! + j) !== text.charCodeAt(starts[right]! + j)) return false
    }
  }
  return true
}

/** The key of the digest, or the text of the shape: the same tokens, literals kept. */
export function composeDigest(
  text: string,
  tokens: Tokens,
  dropped: DroppedTokens,
  form: 'key' | 'shape',
): string {
  const { kinds, starts, ends, hints } = tokens
  const isKey = form === 'key'
  const last = tokens.count - 1
  // Hints say how to run a statement, so texts with different hints are not alike.
  let composed = hints.length === 0 ? '' : hintsOf(text, hints)
  let from = 0
  let end = -1
  let drop = 0
  for (let at = 0; at < last; at++) {
    if (at === dropped[drop]) {
      composed += text.slice(from, end)
      at = dropped[drop + 1]!
      drop += 2
      from = starts[at]!
    } else {
      const start = starts[at]!
      if (end < 0) from = start
      else if (start !== end && !(start === end + 1 && text.charCodeAt(end) === 32)) {
        composed += text.slice(from, end) + space
        from = start
      }
    }
    end = ends[at]!
    if (isKey && isLiteral(kinds[at]!)) {
      composed += text.slice(from, starts[at]) + literalMarks[kinds[at]!]!
      from = end
    }
  }
  return composed + text.slice(from, Math.max(end, from))
}

function hintsOf(text: string, hints: readonly number[]): string {
  let joined = ''
  for (let at = 0; at < hints.length; at += 2) joined += text.slice(hints[at], hints[at + 1])
  return joined
}

/** The range of the text whose tokens are those of `range` in the shape, and what lies between. */
export function sourceRangeOf(
  range: Range,
  shapeTokens: Tokens,
  tokens: Tokens,
  dropped: DroppedTokens,
): Range {
  const first = tokenFrom(shapeTokens.starts, shapeTokens.count, range.start)
  const last = tokenFrom(shapeTokens.ends, shapeTokens.count, range.end)
  const start = tokens.starts[sourceIndex(first, dropped)]!
  return {
    start,
    end: range.end === range.start ? start : tokens.ends[sourceIndex(last, dropped)]!,
  }
}

/** The index of the first of the ascending `offsets` that is not before `offset`. */
function tokenFrom(offsets: Int32Array, count: number, offset: number): number {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (offsets[middle]! < offset) low = middle + 1
    else high = middle
  }
  return low
}

function sourceIndex(shapeIndex: number, dropped: DroppedTokens): number {
  let index = shapeIndex
  for (let at = 0; at < dropped.length && dropped[at]! <= index; at += 2) {
    index += dropped[at + 1]! - dropped[at]!
  }
  return index
}
