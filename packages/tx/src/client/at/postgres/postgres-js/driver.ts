/**
 * What AT mode needs of `postgres` (postgres.js 3.4), as structural types, and a connection of it
 * in the form of `pg`, which the rest of AT mode speaks.
 */
import {
  rawText,
  type PgClient,
  type PgPool,
  type PgQuery,
  type PgResult,
  type PgSubmittable,
  type PgTypes,
  type TypeParser,
} from '../pg-driver.ts'
import { refuse } from '../../refuse.ts'

export interface JsColumn {
  readonly name: string
  readonly type: number
  readonly table: number
}

/** Rows of cells with what the server said of them. */
export interface JsResult extends Array<unknown> {
  readonly command: string
  readonly count: number
  /** None for a statement that answers with no rows. */
  readonly columns: readonly JsColumn[] | null
}

/** A query that is sent when somebody waits for it. */
export interface JsQuery extends Promise<unknown> {
  readonly strings: readonly string[]
  readonly args: readonly unknown[]
  /** Sends it. */
  handler: (query: JsQuery) => unknown
  readonly isRaw?: boolean | 'values'
  readonly cursorFn?: unknown
  readonly forEachFn?: unknown
  readonly onlyDescribe?: boolean
  readonly streaming?: boolean
  resolve(result: unknown): void
  reject(error: unknown): void
  raw(): JsQuery
}

interface JsParser extends TypeParser {
  /** The text is taken without its first character. */
  readonly array?: boolean
}

export interface JsOptions {
  readonly host: string | readonly string[]
  readonly port: number | readonly number[]
  readonly database: string
  readonly parsers: Readonly<Record<number, JsParser | undefined>>
  readonly transform: {
    readonly column: { readonly from?: unknown }
    readonly value: { readonly from?: (value: unknown, column: JsColumn) => unknown }
    readonly row: { readonly from?: (row: unknown) => unknown }
  }
}

/** The function that the package makes: a tag for templates, and a helper for values. */
export interface JsSql {
  (first: unknown, ...rest: unknown[]): unknown
  unsafe(text: string, values?: readonly unknown[], options?: object): JsQuery
  typed(value: unknown, type: number): unknown
}

export interface JsReserved extends JsSql {
  release(): void
}

export interface JsRoot extends JsSql {
  reserve(): Promise<JsReserved>
  begin(...args: readonly unknown[]): Promise<unknown>
  readonly options: JsOptions
}

/** The function that an application made with `postgres(…)`, as far as its type has to tell it. */
export interface PostgresJsLike {
  (...args: never[]): unknown
  unsafe(...args: never[]): unknown
  begin(...args: never[]): unknown
  reserve(...args: never[]): unknown
}

export function isPostgresJs(value: unknown): value is PostgresJsLike {
  return typeof value === 'function' && 'unsafe' in value && 'reserve' in value
}

/** The root as a pool of connections. */
export function asPool(sql: JsRoot): PgPool {
  const { host, port, database, transform } = sql.options
  if (typeof transform.column.from === 'function') {
    throw refuse(
      'a postgres.js with a transform of column names',
      'the names of our own columns would be transformed too',
      'leave transform.column.from out',
    )
  }
  const first = <Value>(value: Value | readonly Value[]): Value =>
    Array.isArray(value) ? (value as readonly Value[])[0]! : (value as Value)
  return {
    options: { host: first(host), port: first(port), database },
    connect: async () => asClient(sql, await sql.reserve()),
    query: (query) => runOn(sql, sql.options, query),
  }
}

/** A reserved connection as a client. */
export function asClient({ options }: JsRoot, reserved: JsReserved): PgClient {
  return {
    query(query: PgQuery | PgSubmittable): Promise<PgResult> {
      if (!('submit' in query)) return runOn(reserved, options, query)
      query.submit(undefined)
      return Promise.resolve({ command: '', rowCount: null, rows: [], fields: [] })
    },
    ...parsersOf(options),
    release: () => reserved.release(),
    on: () => {},
    removeListener: () => {},
  }
}

/** How an application's values are read from texts. */
export function parsersOf({ parsers }: JsOptions): PgTypes {
  return {
    getTypeParser(oid) {
      const parser = parsers[oid]
      if (parser === undefined) return (text) => text
      return parser.array === true ? (text) => parser(text.slice(1)) : parser
    },
  }
}

async function runOn(sql: JsSql, options: JsOptions, query: PgQuery): Promise<PgResult> {
  const values = (query.values ?? []).map((value) =>
    Array.isArray(value) ? arrayText(value as readonly (string | null)[]) : (value ?? null),
  )
  const answer = (await sql.unsafe(query.text, values).raw()) as JsResult | readonly JsResult[]
  if ('columns' in answer) return convert(options, query, answer)
  // What `pg` gives for several statements, though its type does not say so.
  return answer.map((result) => convert(options, query, result)) as unknown as PgResult
}

/** Our own arrays are of texts; those of the application come as its parameters. */
function arrayText(items: readonly (string | null)[]): string {
  const cells = items.map((item) =>
    item === null ? 'NULL' : `"${item.replaceAll(/["\\]/g, '\\$&')}"`,
  )
  return `{${cells.join(',')}}`
}

function convert(options: JsOptions, query: PgQuery, result: JsResult): PgResult {
  const columns = result.columns ?? []
  const types = query.types ?? parsersOf(options)
  const parsers = columns.map(({ type }) => types.getTypeParser(type, 'text'))
  const rows = ([...result] as (Uint8Array | null)[][]).map((row) => {
    const cells = row.map((cell, i) =>
      cell === null ? null : parsers[i]!(Buffer.from(cell).toString()),
    )
    if (query.rowMode === 'array' || types === rawText) return cells
    return Object.fromEntries(columns.map(({ name }, i) => [name, cells[i]]))
  })
  const fields = columns.map(({ name, type, table }) => ({
    name,
    dataTypeID: type,
    tableID: table,
    format: 'text',
  }))
  return { command: result.command, rowCount: result.count, rows, fields }
}
