/**
 * Values as SQL text. The drivers write them with backslashes whatever the session's sql_mode says,
 * so that under NO_BACKSLASH_ESCAPES a value can leave its quotes (mysql2); what AT mode writes
 * itself is right in both modes.
 */
import { txError } from '../../../../errors.ts'
import type { BoundValue, SessionState } from './session.ts'

/** What of a session decides where its strings end. */
export type QuotingMode = Pick<SessionState, 'hasNoBackslashEscapes' | 'hasAnsiQuotes'>

/** What a client without a look at the session takes for granted. */
export const defaultQuoting: QuotingMode = { hasNoBackslashEscapes: false, hasAnsiQuotes: false }

/** A place in a text that takes a value: `?`, or `:name`. */
export interface Placeholder {
  readonly start: number
  readonly end: number
  /** Undefined for `?`. */
  readonly name: string | undefined
}

/**
 * Finds the placeholders outside of strings, quoted names and comments. What is in `/*! … *\/` is
 * code to the server, so it is searched.
 */
export function findPlaceholders(sql: string, mode: QuotingMode, isNamed: boolean): Placeholder[] {
  const found: Placeholder[] = []
  let at = 0
  while (at < sql.length) {
    const end = skipQuiet(sql, at, mode)
    if (end > at) {
      at = end
      continue
    }
    const char = sql[at]
    if (char === '?' && !isNamed) found.push({ start: at, end: at + 1, name: undefined })
    if (char === ':' && isNamed) {
      const name = nameAt(sql, at + 1)
      if (name !== '') {
        found.push({ start: at, end: at + 1 + name.length, name })
        at += name.length
      }
    }
    at++
  }
  return found
}

/** Behind the string, quoted name or comment that starts at `at`; `at` when none does. */
function skipQuiet(sql: string, at: number, mode: QuotingMode): number {
  switch (sql[at]) {
    case "'":
      return skipQuoted(sql, at, !mode.hasNoBackslashEscapes)
    case '"':
      return skipQuoted(sql, at, !mode.hasNoBackslashEscapes && !mode.hasAnsiQuotes)
    case '`':
      return skipQuoted(sql, at, false)
    case '#':
      return endOfLine(sql, at)
    case '-':
      return /^--(?:[\s\0]|$)/.test(sql.slice(at, at + 3)) ? endOfLine(sql, at) : at
    case '/': {
      if (sql[at + 1] !== '*' || sql[at + 2] === '!' || sql.startsWith('M!', at + 2)) return at
      const end = sql.indexOf('*/', at + 2)
      return end === -1 ? sql.length : end + 2
    }
    default:
      return at
  }
}

function skipQuoted(sql: string, start: number, hasEscapes: boolean): number {
  const quote = sql[start]
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\' && hasEscapes) at++
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1
      at++
    }
  }
  return sql.length
}

function endOfLine(sql: string, at: number): number {
  const end = sql.indexOf('\n', at)
  return end === -1 ? sql.length : end + 1
}

function nameAt(sql: string, at: number): string {
  return /^[A-Za-z_]\w*/.exec(sql.slice(at, at + 128))?.[0] ?? ''
}

/**
 * `sql` with each `?` replaced by a value.
 * @throws SETTEE_TX_BAD_QUERY when there are not as many values as placeholders.
 */
export function writeValues(
  sql: string,
  values: readonly unknown[],
  mode: QuotingMode,
  write: (value: unknown) => string,
): string {
  const places = findPlaceholders(sql, mode, false)
  if (places.length !== values.length) {
    throw txError(
      'SETTEE_TX_BAD_QUERY',
      `a statement with ${places.length} placeholders got ${values.length} values; ` +
        'pass one value for each',
    )
  }
  let text = ''
  let at = 0
  places.forEach((place, index) => {
    text += sql.slice(at, place.start) + write(values[index])
    at = place.end
  })
  return text + sql.slice(at)
}

/** One value as a literal that means the same in the session's sql_mode. */
export function writeLiteral(value: BoundValue, mode: QuotingMode): string {
  if (value === null || value === undefined) return 'NULL'
  switch (typeof value) {
    case 'string':
      return writeString(value, mode)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'number':
      if (Number.isFinite(value)) return String(value)
      throw txError('SETTEE_TX_BAD_QUERY', `${value} is no number of SQL; pass a finite one`)
    default:
  }
  if (value instanceof Date) return `'${value.toISOString().slice(0, -1).replace('T', ' ')}'`
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return `X'${bytes.toString('hex')}'`
}

function writeString(value: string, { hasNoBackslashEscapes }: QuotingMode): string {
  const text = hasNoBackslashEscapes ? value : value.replaceAll('\\', '\\\\')
  return `'${text.replaceAll("'", "''")}'`
}

/** Whether a value can be written as one literal, so that its `?` stands for one value. */
export function isScalar(value: unknown): value is BoundValue {
  if (value === null || value === undefined) return true
  if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol'
  return value instanceof Uint8Array || value instanceof Date
}
