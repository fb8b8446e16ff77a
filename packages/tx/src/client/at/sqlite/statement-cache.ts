/**
 * Compiled statements of one connection, by their text.
 *
 * A statement is compiled under the authorizer (see authorizer.ts), once for use inside and once
 * for use outside of global transactions, because the two are compiled differently.
 */
import { type DatabaseSync, type SQLInputValue, type StatementSync, constants } from 'node:sqlite'
import { txError } from '../../../errors.ts'
import { type Analysis, StatementAnalyzer } from './authorizer.ts'
import { findPlaceholders, hasStatement, type Placeholders } from './placeholders.ts'
import { fromApplication, type SqliteValue, toApplication } from './sqlite-value.ts'

/** The part of `pg`'s QueryResult that means the same here. */
export interface QueryResult<Row = Record<string, unknown>> {
  readonly rows: Row[]
  /** Rows changed or returned; null for statements that do neither. */
  readonly rowCount: number | null
  readonly fields: readonly { readonly name: string }[]
}

/** A compiled statement and what it does. */
export interface CompiledStatement extends Analysis {
  readonly text: string
  run(values: readonly unknown[]): QueryResult
}

export interface StatementCache {
  /**
   * Compiles a statement, or takes it from the cache.
   * @param isTracked whether it is to run in a global transaction.
   * @throws SETTEE_TX_UNSUPPORTED_SQL with the reason, SETTEE_TX_BAD_QUERY, or SQLite's own error.
   */
  compile(text: string, isTracked: boolean): CompiledStatement
  /** Forgets everything, after the schema changed. */
  clear(): void
}

/** @param limit how many statements of each kind are kept. */
export function createStatementCache(database: DatabaseSync, limit: number): StatementCache {
  const tracked = new Map<string, CompiledStatement>()
  const plain = new Map<string, CompiledStatement>()
  let analyzer: StatementAnalyzer | undefined
  database.setAuthorizer(
    (action, first, second, schema) =>
      analyzer?.authorize(action, first, second, schema) ?? constants.SQLITE_OK,
  )

  function compileAnew(text: string, isTracked: boolean): CompiledStatement {
    const current = new StatementAnalyzer(isTracked)
    analyzer = current
    let statement: StatementSync
    try {
      statement = database.prepare(text, exactArrays)
    } catch (error) {
      const refusal = isTracked ? current.result.refusal : undefined
      throw refusal === undefined || !isDenied(error) ? error : unsupported(text, refusal, error)
    } finally {
      analyzer = undefined
    }
    const analysis = current.result
    if (analysis.refusal !== undefined) throw unsupported(text, analysis.refusal)
    if (hasStatement(text.slice(statement.sourceSQL.length))) {
      throw unsupported(text, 'it holds several statements, of which only the first would run')
    }
    return createStatement(text, statement, analysis)
  }

  return {
    compile(text, isTracked) {
      const cache = isTracked ? tracked : plain
      const known = cache.get(text)
      if (known !== undefined) {
        // Moved to the end: the first of the map is the one not used for the longest time.
        cache.delete(text)
        cache.set(text, known)
        return known
      }
      const compiled = compileAnew(text, isTracked)
      cache.set(text, compiled)
      if (cache.size > limit) cache.delete(cache.keys().next().value!)
      return compiled
    },
    clear() {
      tracked.clear()
      plain.clear()
    },
  }
}

/** How statements for {@link createStatement} are prepared. */
export const exactArrays = { readBigInts: true, returnArrays: true } as const

/** Puts a compiled statement into the manners of `pg`: parameters, rows, counts. */
export function createStatement(
  text: string,
  statement: StatementSync,
  analysis: Analysis,
): CompiledStatement {
  const placeholders = findPlaceholders(text)
  const returnsRows = statement.columns().length > 0
  return {
    ...analysis,
    text,
    run(values) {
      const parameters = bind(placeholders, values)
      if (returnsRows) {
        const rows = statement.all(...(parameters as SQLInputValue[])) as unknown as SqliteValue[][]
        // Asked after each run: SQLite compiles a statement again when its tables have changed.
        const fields = statement.columns().map(({ name }) => ({ name }))
        return { rows: rows.map((row) => toRow(fields, row)), rowCount: rows.length, fields }
      }
      const { changes } = statement.run(...(parameters as SQLInputValue[]))
      return {
        rows: [],
        rowCount: analysis.effect === 'write' ? Number(changes) : null,
        fields: [],
      }
    },
  }
}

function bind(placeholders: Placeholders, values: readonly unknown[]): readonly unknown[] {
  const { style, count } = placeholders
  if (values.length !== count) {
    throw txError(
      'SETTEE_TX_BAD_QUERY',
      `the statement has ${count} parameters, but ${values.length} values were given`,
    )
  }
  const bound = values.map(fromApplication)
  if (style === 'positional') return bound
  return [Object.fromEntries(bound.map((value, index) => [`$${index + 1}`, value]))]
}

function toRow(
  fields: readonly { readonly name: string }[],
  values: readonly SqliteValue[],
): Record<string, unknown> {
  // fromEntries defines properties, so that a column named __proto__ is only a column.
  return Object.fromEntries(fields.map(({ name }, i) => [name, toApplication(values[i]!)]))
}

function isDenied(error: unknown): boolean {
  // SQLITE_AUTH
  return error instanceof Error && 'errcode' in error && error.errcode === 23
}

function unsupported(text: string, reason: string, cause?: unknown): Error {
  return txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `refused before it ran: ${reason} (statement: ${text.trim().slice(0, 200)})`,
    { cause },
  )
}
