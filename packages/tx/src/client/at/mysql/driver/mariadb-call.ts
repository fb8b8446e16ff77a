/** One statement of the application on `mariadb`, held before the driver's method is called. */
import type { MariadbConnection, MariadbSql } from './mariadb-driver.ts'
import { isOk, type MariadbSession } from './mariadb-session.ts'
import { findPlaceholders, isScalar, type QuotingMode } from './sql-literals.ts'
import {
  ServerStatus,
  type RunOptions,
  type StatementCall,
  type StatementResult,
  type StatementText,
} from './session.ts'

export interface MariadbCallOptions {
  readonly xid: string | undefined
  readonly text: StatementText
  readonly isPrepared: boolean
  readonly batch?: readonly (readonly unknown[])[] | undefined
  /** Calls the driver's method, with another text when there is one. */
  readonly perform: (other: StatementText | undefined) => Promise<unknown>
  /** Where the rows go as they come, if they do. */
  readonly stream?: { buffer(): void; restart(): void }
  /** Makes one outcome of those of several runs. Default: as of several statements. */
  readonly combine?: (outcomes: readonly unknown[]) => unknown
}

export class MariadbCall implements StatementCall {
  readonly xid: string | undefined
  readonly sql: string
  readonly values: readonly unknown[]
  readonly isPrepared: boolean
  readonly batch: readonly (readonly unknown[])[] | undefined
  readonly #session: MariadbSession
  readonly #options: MariadbCallOptions
  #outcomes: unknown[] = []

  constructor(session: MariadbSession, options: MariadbCallOptions) {
    this.#session = session
    this.#options = options
    this.xid = options.xid
    this.sql = options.text.sql
    this.values = options.text.values
    this.isPrepared = options.isPrepared
    this.batch = options.batch
  }

  buffer(): void {
    this.#options.stream?.buffer()
  }

  async run(
    other?: StatementText,
    { isAppended = false }: RunOptions = {},
  ): Promise<StatementResult> {
    if (this.#session.isClosed) throw closedError()
    if (!isAppended) {
      this.#outcomes = []
      this.#options.stream?.restart()
    }
    let outcome: unknown
    try {
      outcome = await this.#options.perform(other)
    } catch (error) {
      this.#session.forgetState()
      throw error
    }
    this.#session.noteStatement(other?.sql ?? this.sql)
    this.#outcomes.push(outcome)
    return this.#session.readResult(outcome)
  }

  /** What the application gets. */
  get outcome(): unknown {
    if (this.#outcomes.length < 2) return this.#outcomes[0]
    return this.#options.combine?.(this.#outcomes) ?? this.#outcomes
  }
}

/** What a batch gives for what its rows have given one by one. */
export function combineBatch(outcomes: readonly unknown[], isFull: boolean): unknown {
  const [first] = outcomes
  const hasMeta = Array.isArray(first) && isOk(first[0])
  const results = hasMeta ? outcomes.map((one) => (one as unknown[])[0]) : outcomes
  if (!results.every(isOk)) return outcomes.flat()
  const sum = {
    affectedRows: results.reduce((rows, one) => rows + one.affectedRows, 0),
    insertId: results[0]!.insertId,
    warningStatus: results.at(-1)!.warningStatus,
  }
  const combined = isFull ? results : sum
  return hasMeta ? [combined, first[1]] : combined
}

/** The driver's streams do not stand a connection that is lost before they begin. */
function closedError(): Error {
  return Object.assign(new Error('The connection was closed while a statement was under way.'), {
    code: 'ER_CMD_CONNECTION_CLOSED',
    fatal: true,
  })
}

/** What the driver makes of the two arguments of its methods. */
export interface MariadbArguments {
  readonly sql: string
  readonly values: unknown
  /** The options next to the statement. */
  readonly options: Readonly<Record<string, unknown>>
}

export function readArguments(sql: MariadbSql, values: unknown): MariadbArguments {
  if (typeof sql === 'string') return { sql, values, options: {} }
  const { sql: text, values: own, ...options } = sql
  return { sql: text, values: own ?? values, options }
}

/**
 * Text and values with a value for each `?`. Names become `?`; when one stands for more than a
 * value (a list, in the text protocol), the values are written into the text.
 */
export function readStatement(
  { sql, values }: Pick<MariadbArguments, 'sql' | 'values'>,
  connection: MariadbConnection,
  isPrepared: boolean,
): StatementText {
  const positional = readPositional(sql, values, modeOf(connection))
  const sent = positional.values.map((value) => asSent(value, connection))
  if (isPrepared || positional.values.every(isScalar)) return { sql: positional.sql, values: sent }
  return { sql: writeAll(positional, connection), values: [] }
}

/** The driver reads backslashes as the server's status says; both kinds of quotes are strings. */
function modeOf({ info }: MariadbConnection): QuotingMode {
  const hasNoBackslashEscapes = ((info.status ?? 0) & ServerStatus.NO_BACKSLASH_ESCAPES) !== 0
  return { hasNoBackslashEscapes, hasAnsiQuotes: false }
}

function readPositional(sql: string, values: unknown, mode: QuotingMode): StatementText {
  if (values === undefined || values === null) return { sql, values: [] }
  if (Array.isArray(values)) return { sql, values }
  if (isScalar(values)) return { sql, values: [values] }
  const places = findPlaceholders(sql, mode, true)
  if (places.length === 0) return { sql, values: [values] }
  const named = values as Record<string, unknown>
  let text = ''
  let at = 0
  for (const place of places) {
    text += `${sql.slice(at, place.start)}?`
    at = place.end
  }
  return { sql: text + sql.slice(at), values: places.map(({ name }) => named[name!]) }
}

function writeAll({ sql, values }: StatementText, connection: MariadbConnection): string {
  let text = ''
  let at = 0
  findPlaceholders(sql, modeOf(connection), false).forEach((place, index) => {
    text += sql.slice(at, place.start) + connection.escape(values[index])
    at = place.end
  })
  return text + sql.slice(at)
}

/** A value in the form in which the server gets it: dates and objects as their text. */
function asSent(value: unknown, connection: MariadbConnection): unknown {
  if (value === undefined) return null
  if (value instanceof Date) return connection.escape(value).slice(1, -1)
  return isScalar(value) ? value : JSON.stringify(value)
}
