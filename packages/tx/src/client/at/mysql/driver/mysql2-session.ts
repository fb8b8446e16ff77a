/**
 * A `mysql2` connection for AT mode's own statements, and what is known of its session. Own
 * statements are commands of the driver that go around the interception and around every setting of
 * the application.
 */
import { txError } from '../../../../errors.ts'
import { AnswerReader } from './mysql2-answer.ts'
import {
  sqlOf,
  type ColumnDefinition,
  type ExecuteCommand,
  type Mysql2Command,
  type Mysql2Connection,
  type PreparedStatement,
  type QueryCommand,
  type QueryFactory,
} from './mysql2-driver.ts'
import { keepsState, readState, stateQuery, withStatus } from './session-state.ts'
import { defaultQuoting, writeLiteral, writeValues, type QuotingMode } from './sql-literals.ts'
import {
  ServerStatus,
  type BoundValue,
  type MysqlAddress,
  type MysqlSession,
  type RawField,
  type RawResult,
  type RawValue,
  type SessionState,
} from './session.ts'

const defaultPort = 3306
const binaryCharset = 63
const jsonType = 245
/** BIT, the four BLOBs, VAR_STRING, STRING, GEOMETRY; VARCHAR is never sent. */
const byteTypes: ReadonlySet<number> = new Set([16, 249, 250, 251, 252, 253, 254, 255])

/** What the driver hands to `typeCast`. */
interface CastField {
  string(encoding?: string): string | null
  buffer(): Buffer | null
}

export class Mysql2Session implements MysqlSession {
  readonly connection: Mysql2Connection
  readonly #sendPast: (command: Mysql2Command) => void
  readonly #preparePast: Mysql2Connection['prepare']
  #serverStatus = -1
  #state: SessionState | undefined
  #lost: { readonly error: Error } | undefined
  /** Told when the connection is lost while they wait for an answer. */
  readonly #waiters = new Set<(error: Error) => void>()

  constructor(
    connection: Mysql2Connection,
    past: {
      readonly send: (command: Mysql2Command) => void
      readonly prepare: Mysql2Connection['prepare']
    },
  ) {
    this.connection = connection
    this.#sendPast = past.send
    this.#preparePast = past.prepare
  }

  get address(): MysqlAddress {
    return addressOf(this.connection)
  }

  get serverStatus(): number {
    return this.#serverStatus
  }

  get isClosed(): boolean {
    return this.#lost !== undefined || this.connection.stream.destroyed
  }

  async run(sql: string, values: readonly BoundValue[] = []): Promise<RawResult> {
    const text = values.length === 0 ? sql : await this.#textOf(sql, values)
    try {
      return await this.#runText(text)
    } catch (error) {
      this.forgetState()
      throw error
    } finally {
      if (!keepsState(sql)) this.#state = undefined
    }
  }

  async state(): Promise<SessionState> {
    if (this.#state === undefined || this.#serverStatus === -1) {
      this.#state = readState(await this.#runText(stateQuery))
    }
    return withStatus(this.#state, this.#serverStatus)
  }

  destroy(): void {
    this.connection.destroy()
  }

  /** Sends a command past the interception. @throws when the connection is lost. */
  send(command: Mysql2Command): void {
    if (this.#lost !== undefined) throw this.#lost.error
    this.#sendPast(command)
  }

  /** Prepares another text for a command of the application, with its options. */
  prepare(command: ExecuteCommand, sql: string): Promise<PreparedStatement> {
    const { nestTables, rowsAsArray } = command._executeOptions as Record<string, unknown>
    return this.watch(
      new Promise((resolve, reject) => {
        if (this.#lost !== undefined) throw this.#lost.error
        this.#preparePast({ sql, nestTables, rowsAsArray }, (error, statement) => {
          if (statement === undefined) reject(error as Error)
          else resolve(statement)
        })
      }),
    )
  }

  /** `promise`, or the error with which the connection is lost before. */
  async watch<Result>(promise: Promise<Result>): Promise<Result> {
    let waiter: ((error: Error) => void) | undefined
    const lost = new Promise<never>((_, reject) => {
      waiter = reject
      this.#waiters.add(reject)
    })
    try {
      return await Promise.race([promise, lost])
    } finally {
      this.#waiters.delete(waiter!)
    }
  }

  /** The connection is over; the first reason counts. */
  lose(error: Error): void {
    this.#lost ??= { error }
    for (const reject of this.#waiters) reject(this.#lost.error)
  }

  get lossError(): Error | undefined {
    return this.#lost?.error
  }

  noteStatus(serverStatus: number): void {
    this.#serverStatus = serverStatus
  }

  /** A statement of the application has run. */
  noteStatement(command: Mysql2Command): void {
    if (!keepsState(sqlOf(command) ?? '')) this.#state = undefined
  }

  /** A command passed that AT mode does not see the end of. */
  notePassed(command: Mysql2Command): void {
    if (this.#state === undefined) return
    const sql = sqlOf(command)
    const isAutocommit = (this.#serverStatus & ServerStatus.AUTOCOMMIT) !== 0
    if (sql !== undefined && isAutocommit && keepsState(sql)) return
    this.forgetState()
  }

  forgetState(): void {
    this.#state = undefined
    this.#serverStatus = -1
  }

  /** A value in the text of a statement of the application. */
  write(value: unknown, mode: QuotingMode): string {
    if (value instanceof Date) return this.connection.escape(value)
    return writeLiteral(value as BoundValue, mode)
  }

  /**
   * The driver escapes with backslashes only. What it has written is no longer inside of its quotes
   * when the session does not read them.
   * @throws SETTEE_TX_UNSUPPORTED_SQL.
   */
  async checkFormatted(command: QueryCommand): Promise<void> {
    if (command.values === undefined) return
    const { sql } = command._queryOptions
    if (command.sql.split('\\').length === sql.split('\\').length) return
    if (!(await this.state()).hasNoBackslashEscapes) return
    throw txError(
      'SETTEE_TX_UNSUPPORTED_SQL',
      'a list or object as a value was refused: the driver escapes it with backslashes, ' +
        'which the ' +
        'session with NO_BACKSLASH_ESCAPES does not read as such; use execute, or single values',
    )
  }

  async #textOf(sql: string, values: readonly BoundValue[]): Promise<string> {
    const hasText = sql.includes('\\') || values.some((value) => typeof value === 'string')
    const mode = hasText ? await this.state() : defaultQuoting
    return writeValues(sql, values, mode, (value) => writeLiteral(value as BoundValue, mode))
  }

  #runText(sql: string): Promise<RawResult> {
    return this.watch(
      new Promise<RawResult>((resolve, reject) => {
        let fields: readonly ColumnDefinition[] = []
        let column = 0
        const typeCast = (field: CastField): RawValue => {
          const definition = fields[column++ % fields.length]!
          return readRaw(field, definition)
        }
        const { createQuery } = this.connection.constructor as unknown as QueryFactory
        const options = { sql, typeCast, rowsAsArray: true, nestTables: false, timeout: 0 }
        const command = createQuery(
          options,
          undefined,
          (error, rows) => {
            if (error !== null && error !== undefined) reject(error as Error)
            else resolve({ ...answer.result, ...readRows(rows, fields) })
          },
          {},
        )
        const answer = new AnswerReader(command, (status) => this.noteStatus(status))
        command.on('fields', (definitions) => {
          answer.onEvent('fields', definitions)
          fields = (definitions as ColumnDefinition[] | undefined) ?? []
        })
        command.on('result', (header) => answer.onEvent('result', header))
        this.send(command)
      }),
    )
  }
}

export function addressOf({ config }: Pick<Mysql2Connection, 'config'>): MysqlAddress {
  return {
    host: config.host ?? '127.0.0.1',
    port: Number(config.port ?? defaultPort),
    database: config.database === '' ? undefined : config.database,
  }
}

function readRaw(field: CastField, { columnType, characterSet }: ColumnDefinition): RawValue {
  if (columnType === jsonType) return field.string('utf8')
  const isBytes = characterSet === binaryCharset && byteTypes.has(columnType)
  return isBytes ? copy(field.buffer()) : field.string()
}

/** The driver's bytes lie in the buffer of the socket, which would be kept as a whole. */
function copy(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}

function readRows(
  rows: unknown,
  fields: readonly ColumnDefinition[],
): { rows: RawValue[][]; fields: RawField[] } {
  if (!Array.isArray(rows) || fields.length === 0) return { rows: [], fields: [] }
  return { rows: rows as RawValue[][], fields: fields.map(readField) }
}

function readField(definition: ColumnDefinition): RawField {
  const { name, orgName, table, orgTable, schema, flags, decimals } = definition
  return {
    name,
    orgName,
    table,
    orgTable,
    schema,
    type: definition.columnType,
    flags,
    charset: definition.characterSet,
    length: definition.columnLength,
    decimals,
  }
}
