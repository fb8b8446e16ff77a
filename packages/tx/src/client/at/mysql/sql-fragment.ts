/**
 * Pieces of SQL with the parameters that stand in them. Statements are rewritten by joining slices
 * of the user's text, never by printing a tree, which could change a literal.
 */
import type { MysqlStatement, Range } from '@settee/sql/mysql'
import type { BoundValue, StatementText } from './driver/session.ts'

/** Texts and the parameters between them. */
export type Fragment = readonly (string | ParameterUse)[]

export interface ParameterUse {
  /** Number of the value in the call. */
  readonly index: number
  /** It counts rows (LIMIT), where a string would not do. */
  readonly isCount: boolean
}

/** A text that is put into a slice. */
export interface Insertion {
  readonly at: number
  readonly sql: string
}

export interface SliceOptions {
  readonly isCount?: boolean
  readonly insertions?: readonly Insertion[]
}

/** A slice of the user's text; undefined when there is no such range. */
export function slice(
  text: string,
  statement: MysqlStatement,
  range: Range | undefined,
  { isCount = false, insertions = [] }: SliceOptions = {},
): Fragment {
  if (range === undefined) return []
  const marks = statement.parameters
    .filter(({ start, end }) => start >= range.start && end <= range.end)
    .map(({ start, end, index }) => ({ start, end, part: { index, isCount } }))
  const texts = insertions
    .filter(({ at }) => at >= range.start && at <= range.end)
    .map(({ at, sql }) => ({ start: at, end: at, part: sql }))
  const parts: (string | ParameterUse)[] = []
  let start = range.start
  for (const mark of [...marks, ...texts].toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    parts.push(text.slice(start, mark.start), mark.part)
    start = mark.end
  }
  parts.push(text.slice(start, range.end))
  return parts
}

/** Joins pieces by spaces; empty ones are left out. */
export function join(...pieces: readonly (Fragment | string)[]): Fragment {
  const present = pieces.filter((piece) => piece.length > 0)
  return present.flatMap((piece, i) => {
    const parts = typeof piece === 'string' ? [piece] : piece
    return i === 0 ? parts : [' ', ...parts]
  })
}

/** A fragment as the driver runs it for the user. */
export function bindText(fragment: Fragment, values: readonly unknown[]): StatementText {
  return {
    sql: fragment.map((part) => (typeof part === 'string' ? part : '?')).join(''),
    values: values.length === 0 ? [] : usesOf(fragment).map(({ index }) => values[index]),
  }
}

/** What an own statement is given. */
export interface OwnText {
  readonly sql: string
  readonly values: readonly BoundValue[]
}

/**
 * A fragment as an own statement.
 * @param values those of the call, where {@link nameValues} has named what only the driver writes.
 */
export function bindOwn(fragment: Fragment, values: readonly OwnValue[]): OwnText {
  const bound: BoundValue[] = []
  const parts = fragment.map((part) => {
    if (typeof part === 'string') return part
    const value = values[part.index]
    if (value instanceof SessionVariable) return value.sql
    bound.push(part.isCount ? countOf(value) : value)
    return '?'
  })
  return { sql: parts.join(''), values: values.length === 0 ? [] : bound }
}

function usesOf(fragment: Fragment): readonly ParameterUse[] {
  return fragment.filter((part) => typeof part !== 'string')
}

/** Drivers take a count as text, which means a string in an own statement. */
function countOf(value: BoundValue): BoundValue {
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : value
}

// -------------------------------------------------------------------------------------- values

/** Stands for a value that the driver itself has put into a variable of the session. */
export class SessionVariable {
  readonly sql: string

  constructor(sql: string) {
    this.sql = sql
  }
}

export type OwnValue = BoundValue | SessionVariable

/** The text of a Date and the like depends on settings of the driver that only it knows. */
function isPlain(value: unknown): value is BoundValue {
  return (
    value === null ||
    value === undefined ||
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean' ||
    value instanceof Uint8Array
  )
}

/**
 * The values of a call for own statements. The driver itself writes what only it can write into
 * variables of the session.
 * @param run runs a statement as the driver does for the user.
 */
export async function nameValues(
  values: readonly unknown[],
  run: (text: StatementText) => Promise<unknown>,
): Promise<readonly OwnValue[]> {
  if (values.every(isPlain)) return values
  const named: OwnValue[] = []
  for (const [i, value] of values.entries()) {
    if (isPlain(value)) {
      named.push(value)
      continue
    }
    const variable = new SessionVariable(`@settee_value_${i}`)
    await run({ sql: `SET ${variable.sql} = ?`, values: [value] })
    named.push(variable)
  }
  return named
}
