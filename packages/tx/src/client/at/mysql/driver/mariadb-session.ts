/** A `mariadb` connection for AT mode's own statements, past every setting of the application. */
import type { MariadbColumn, MariadbConnection, MariadbOk } from './mariadb-driver.ts'
import { keepsState, readState, stateQuery, withStatus } from './session-state.ts'
import { defaultQuoting, writeLiteral, writeValues } from './sql-literals.ts'
import {
  ServerStatus,
  type BoundValue,
  type MysqlSession,
  type RawField,
  type RawResult,
  type RawValue,
  type SessionState,
  type StatementResult,
} from './session.ts'

const binaryCharset = 63
/** BIT, the four BLOBs, VAR_STRING, STRING, GEOMETRY; VARCHAR is never sent. */
const byteTypes: ReadonlySet<number> = new Set([16, 249, 250, 251, 252, 253, 254, 255])

/** The methods of the connection as the driver made them. */
export type Originals = Omit<MariadbConnection, 'info' | 'on' | 'removeListener'>

export class MariadbSession implements MysqlSession {
  readonly address = undefined
  readonly #connection: MariadbConnection
  readonly #originals: Originals
  #state: SessionState | undefined

  constructor(connection: MariadbConnection, originals: Originals) {
    this.#connection = connection
    this.#originals = originals
  }

  get serverStatus(): number {
    return this.#connection.info.status ?? -1
  }

  get isClosed(): boolean {
    return !this.#connection.isValid()
  }

  async run(sql: string, values: readonly BoundValue[] = []): Promise<RawResult> {
    const text = values.length === 0 ? sql : await this.#textOf(sql, values)
    try {
      return await this.#runText(text)
    } catch (error) {
      this.#state = undefined
      throw error
    } finally {
      if (!keepsState(sql)) this.#state = undefined
    }
  }

  async state(): Promise<SessionState> {
    this.#state ??= readState(await this.#runText(stateQuery))
    return withStatus(this.#state, this.serverStatus)
  }

  destroy(): void {
    this.#originals.destroy()
  }

  /** A statement of the application has run, or failed. */
  noteStatement(sql: string): void {
    if (!keepsState(sql)) this.#state = undefined
  }

  forgetState(): void {
    this.#state = undefined
  }

  /** What the driver has resolved with for a statement of the application. */
  async readResult(outcome: unknown): Promise<StatementResult> {
    const ok = findOk(outcome)
    const { serverStatus } = this
    if (ok === undefined) {
      return { affectedRows: -1, insertId: '0', message: '', warningCount: 0, serverStatus }
    }
    const { affectedRows, insertId, warningStatus } = ok
    // The application may have asked for numbers, which have 53 bits only.
    const isExact = typeof insertId !== 'number' || Number.isSafeInteger(insertId)
    const key = isExact
      ? String(insertId)
      : String((await this.#runText('SELECT LAST_INSERT_ID()')).rows[0]?.[0])
    return { affectedRows, insertId: key, message: '', warningCount: warningStatus, serverStatus }
  }

  async #textOf(sql: string, values: readonly BoundValue[]): Promise<string> {
    const hasText = sql.includes('\\') || values.some((value) => typeof value === 'string')
    const mode = hasText ? await this.state() : defaultQuoting
    return writeValues(sql, values, mode, (value) => writeLiteral(value as BoundValue, mode))
  }

  async #runText(sql: string): Promise<RawResult> {
    const [outcome, columns] = (await this.#originals.query({ ...plainOptions, sql })) as [
      unknown,
      readonly MariadbColumn[],
    ]
    const result = await this.readResult(outcome)
    if (result.affectedRows !== -1) return { ...result, rows: [], fields: [] }
    return { ...result, rows: outcome as RawValue[][], fields: columns.map(readField) }
  }
}

/** Against whatever the application has set for its connections. */
const plainOptions = {
  rowsAsArray: true,
  metaAsArray: true,
  nestTables: false,
  namedPlaceholders: false,
  insertIdAsNumber: false,
  checkNumberRange: false,
  typeCast: readRaw,
} as const

function readRaw(column: MariadbColumn): RawValue {
  const isBytes = column.collation?.index === binaryCharset && byteTypes.has(column.columnType)
  if (!isBytes) return column.string()
  const bytes = column.buffer()
  return bytes === null ? null : Buffer.from(bytes)
}

function readField(column: MariadbColumn): RawField {
  return {
    name: column.name(),
    orgName: column.orgName(),
    table: column.table(),
    orgTable: column.orgTable(),
    schema: column.schema(),
    type: column.columnType,
    flags: column.flags,
    charset: column.collation?.index ?? 0,
    length: column.columnLength,
    decimals: column.scale,
  }
}

/** The last OK packet in a result, in any of the shapes that the driver's options give it. */
function findOk(outcome: unknown): MariadbOk | undefined {
  if (isOk(outcome)) return outcome
  if (!Array.isArray(outcome)) return undefined
  const results: unknown[] = outcome
  const inner: unknown = results[0]
  return results.findLast(isOk) ?? (Array.isArray(inner) ? inner.findLast(isOk) : undefined)
}

/** Whether it is the driver's word for a statement without rows. */
export function isOk(value: unknown): value is MariadbOk {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.keys(value).join() === 'affectedRows,insertId,warningStatus'
}

/** Whether the server's last answer says that a transaction is open. */
export function isInTransaction({ info }: MariadbConnection): boolean {
  return ((info.status ?? 0) & ServerStatus.IN_TRANSACTION) !== 0
}
