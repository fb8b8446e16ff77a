/**
 * The parser with its caches: by exact text, and by digest for texts that carry their literals
 * within. Both know the session's modes; errors are not kept.
 */
import { createParseCache, type ParseCache } from '../parse-cache.ts'
import type { MysqlStatement, Range } from './ast.ts'
import {
  composeDigest,
  findDropped,
  isLiteral,
  sourceRangeOf,
  type DroppedTokens,
} from './digest.ts'
import { parseMysql, parseTokens, tokenizeWithinLimits, type MysqlParseLimits } from './parse.ts'
import type { MysqlMode } from './sql-mode.ts'
import { tokenKind, type Tokens } from './tokens.ts'
import { walkMysql } from './walk.ts'

export interface MysqlParserOptions {
  /** Most that each of the two caches may take, in bytes by estimate. Default 16 MiB. */
  readonly maxCacheBytes?: number
  readonly limits?: MysqlParseLimits
}

export interface MysqlParser {
  /** As `parseMysql`, whose errors it throws; a text seen before gives the same trees again. */
  parse(text: string, mode: MysqlMode): readonly MysqlStatement[]
  /**
   * The shape of `text` and where its literals are. Undefined when the text is not made of INSERT,
   * REPLACE, UPDATE, DELETE and SELECT only, or a literal of it is part of the grammar, as the
   * length of a type or a quoted alias: then {@link parse} is the way. Throws as `parseMysql` does.
   */
  digest(text: string, mode: MysqlMode): DigestedMysql | undefined
}

/**
 * What texts of one digest share. The same object comes back for each of them, so that a plan can
 * be kept beside it, in a WeakMap.
 */
export interface MysqlShape {
  /** The SQL the trees are of: the first text of this digest with its lists cut short. */
  readonly text: string
  /**
   * Literals in these trees are those of the first text, lists have one member, and parameters
   * are numbered within the shape. Ask the digest for those of a text.
   */
  readonly statements: readonly MysqlStatement[]
}

export interface DigestedMysql {
  readonly shape: MysqlShape
  /** The range in the text of a node of the shape. */
  sourceRange(range: Range): Range
  /** The literals and parameters of the text that lie within `range` of the text, in order. */
  values(range: Range): readonly SourceValue[]
}

/** A literal or parameter of a text. A literal's SQL is the slice of its range. */
export interface SourceValue extends Range {
  /** The number of a `?` in the text, from 0; undefined for a literal. */
  readonly parameterIndex: number | undefined
}

interface KeptShape extends MysqlShape {
  readonly tokens: Tokens
}

/** An estimate of what a tree takes: nodes and their strings for each token. */
const bytesPerToken = 160

/** What is kept for a key whose texts cannot share a tree. */
const unsuitable = 'unsuitable'

export function createMysqlParser(options: MysqlParserOptions = {}): MysqlParser {
  const { maxCacheBytes = 16 * 1024 * 1024, limits = {} } = options
  const texts = createParseCache<readonly MysqlStatement[]>({ maxBytes: maxCacheBytes })
  const shapes = createParseCache<KeptShape | typeof unsuitable>({ maxBytes: maxCacheBytes })

  return {
    parse(text, mode) {
      const variant = variantOf(mode)
      const known = texts.get(text, variant)
      if (known !== undefined) return known
      const statements = parseMysql(text, mode, limits)
      texts.set(text, statements, (text.length >> 2) * bytesPerToken, variant)
      return statements
    },
    digest(text, mode) {
      const tokens = tokenizeWithinLimits(text, mode, limits)
      const dropped = findDropped(text, tokens)
      const shape = shapeOf(text, tokens, dropped, mode)
      return shape === unsuitable ? undefined : digested(shape, tokens, dropped)
    },
  }

  function shapeOf(
    text: string,
    tokens: Tokens,
    dropped: DroppedTokens,
    mode: MysqlMode,
  ): KeptShape | typeof unsuitable {
    const variant = variantOf(mode)
    const key = composeDigest(text, tokens, dropped, 'key')
    const known = shapes.get(key, variant)
    if (known !== undefined) return known
    const made = makeShape(text, tokens, dropped, mode)
    keep(shapes, key, made, variant)
    return made
  }

  function makeShape(
    text: string,
    tokens: Tokens,
    dropped: DroppedTokens,
    mode: MysqlMode,
  ): KeptShape | typeof unsuitable {
    // The text itself must be right: cutting a list short could hide what is wrong in it.
    const whole = parseTokens(text, tokens, mode, limits)
    if (!whole.every(isDml)) return unsuitable
    if (dropped.length === 0 && tokens.hints.length === 0) {
      return hasOnlyLiteralNodes(whole, tokens) ? { text, statements: whole, tokens } : unsuitable
    }
    const shapeText = composeDigest(text, tokens, dropped, 'shape')
    const shapeTokens = tokenizeWithinLimits(shapeText, mode, limits)
    const statements = parseTokens(shapeText, shapeTokens, mode, limits)
    const isSuitable = hasOnlyLiteralNodes(statements, shapeTokens)
    return isSuitable ? { text: shapeText, statements, tokens: shapeTokens } : unsuitable
  }
}

function keep(
  shapes: ParseCache<KeptShape | typeof unsuitable>,
  key: string,
  made: KeptShape | typeof unsuitable,
  variant: number,
): void {
  const sizeBytes =
    made === unsuitable ? 0 : made.text.length * 2 + made.tokens.count * bytesPerToken
  shapes.set(key, made, sizeBytes, variant)
}

function variantOf(mode: MysqlMode): number {
  return (
    (mode.ansiQuotes ? 1 : 0) |
    (mode.noBackslashEscapes ? 2 : 0) |
    (mode.pipesAsConcat ? 4 : 0) |
    (mode.ignoreSpace ? 8 : 0) |
    (mode.highNotPrecedence ? 16 : 0)
  )
}

function isDml(statement: MysqlStatement): boolean {
  switch (statement.kind) {
    case 'insert':
    case 'replace':
    case 'update':
    case 'delete':
    case 'select':
      return true
    default:
      return false
  }
}

const literalNodes = new Set(['string', 'number', 'hex', 'bit', 'temporal'])

/** Whether every literal token is one of a literal's node, and not of a name or a type. */
function hasOnlyLiteralNodes(statements: readonly MysqlStatement[], tokens: Tokens): boolean {
  const nodes: Range[] = []
  for (const statement of statements) {
    walkMysql(statement, (node) => {
      // A path behind -> decides what is read, as a column's name does.
      if (node.kind === 'jsonArrow') return false
      if (literalNodes.has(node.kind ?? '')) nodes.push(node)
    })
  }
  nodes.sort((a, b) => a.start - b.start)
  let next = 0
  for (let at = 0; at < tokens.count; at++) {
    if (!isLiteral(tokens.kinds[at]!)) continue
    const start = tokens.starts[at]!
    while (next < nodes.length && nodes[next]!.end <= start) next++
    if (next === nodes.length || nodes[next]!.start > start) return false
  }
  return true
}

function digested(shape: KeptShape, tokens: Tokens, dropped: DroppedTokens): DigestedMysql {
  return {
    shape,
    sourceRange: (range) => sourceRangeOf(range, shape.tokens, tokens, dropped),
    values(range) {
      const values: SourceValue[] = []
      let parameterCount = 0
      for (let at = 0; at < tokens.count; at++) {
        const kind = tokens.kinds[at]!
        const isParameter = kind === tokenKind.parameter
        const parameterIndex = isParameter ? parameterCount++ : undefined
        if (!isParameter && !isLiteral(kind)) continue
        const start = tokens.starts[at]!
        const end = tokens.ends[at]!
        if (start >= range.start && end <= range.end) values.push({ start, end, parameterIndex })
      }
      return values
    },
  }
}
