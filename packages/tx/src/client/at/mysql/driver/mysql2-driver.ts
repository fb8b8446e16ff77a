/**
 * What AT mode needs of `mysql2`, as structural types: the driver belongs to the application and is
 * no dependency of this package. Everything that is no public API of the driver is named here and
 * nowhere else; it is the same since version 3.0.
 */
import type { EventEmitter } from 'node:events'

type Emit = EventEmitter['emit']

/** `(error)`, or `(null, rows, fields)`. */
export type ResultCallback = (error: unknown, rows?: unknown, fields?: unknown) => void

/** What the connection sends and gets answers for; callers hold it as an EventEmitter. */
export interface Mysql2Command extends EventEmitter {
  emit: Emit
  onResult?: ResultCallback | undefined
  /** Told of each packet of the answer. */
  execute: (packet: Mysql2Packet | undefined, connection: Mysql2Connection) => boolean
}

/** COM_QUERY: `sql` has the values in it already. */
export interface QueryCommand extends Mysql2Command {
  sql: string
  values?: unknown
  namedPlaceholders?: boolean | undefined
  /** What the caller gave, before the values were written into the text. */
  readonly _queryOptions: { readonly sql: string; readonly values?: unknown }
  /** Gives the file of LOAD DATA LOCAL INFILE. */
  _streamFactory?: unknown
}

/** COM_STMT_EXECUTE. */
export interface ExecuteCommand extends Mysql2Command {
  sql?: string | undefined
  /** Set when its PREPARE, which goes before it, has succeeded. */
  statement?: PreparedStatement | undefined
  parameters?: unknown
  readonly _executeOptions: object
  _streamFactory?: unknown
}

export interface PreparedStatement {
  readonly query: string
}

export interface Mysql2Packet {
  readonly buffer: Buffer
  readonly offset: number
  readonly end: number
  isEOF(): boolean
  eofStatusFlags(): number
  eofWarningCount(): number
}

/** The OK packet of a statement without rows. */
export interface ResultHeader {
  readonly affectedRows: number | string
  readonly insertId: number | string
  readonly info: string
  readonly serverStatus: number
  readonly warningStatus: number
}

export interface ColumnDefinition {
  readonly name: string
  readonly orgName: string
  readonly table: string
  readonly orgTable: string
  readonly schema: string
  readonly columnType: number
  readonly flags: number
  readonly characterSet: number
  readonly columnLength: number
  readonly decimals: number
}

export interface Mysql2Config {
  readonly host?: string | undefined
  readonly port?: number | string | undefined
  readonly database?: string | undefined
  /** The application's own formatting, past which nothing is known of the placeholders. */
  readonly queryFormat?: unknown
  readonly pool?: unknown
}

export interface QueryFactory {
  new (options: { config: Mysql2Config }): Mysql2Connection
  readonly createQuery: (
    options: object,
    values: undefined,
    callback: ResultCallback,
    config: object,
  ) => QueryCommand
}

/** A connection of the callback API; the promise API keeps one in `connection`. */
export interface Mysql2Connection extends EventEmitter {
  readonly config: Mysql2Config
  readonly stream: { readonly destroyed: boolean }
  addCommand: <Command extends Mysql2Command>(command: Command) => Command
  prepare: (
    options: object,
    callback: (error: unknown, statement?: PreparedStatement) => void,
  ) => Mysql2Command
  escape(value: unknown): string
  connect(callback: (error: unknown) => void): void
  close: () => void
  destroy(): void
  end(callback?: (error?: unknown) => void): unknown
  /** Tells every command of an error that ends the connection. */
  _notifyError: (error: Error) => void
  /** Turns `:name` into `?` in place. */
  _resolveNamedPlaceholders?(options: {
    sql: string
    values?: unknown
    namedPlaceholders?: boolean | undefined
  }): void
}

export interface Mysql2Pool extends EventEmitter {
  query: (...args: never[]) => unknown
  execute: (...args: never[]) => unknown
  readonly config: { readonly connectionConfig: Mysql2Config }
  getConnection: (callback: ConnectionCallback) => void
  releaseConnection: (connection: Mysql2Connection) => void
}

export type ConnectionCallback = (error: unknown, connection?: Mysql2Connection) => void

/** Pools of several servers. */
export interface Mysql2Cluster extends EventEmitter {
  /** Where each way to a connection ends. */
  _getConnection: (node: { readonly pool: Mysql2Pool }, callback: ConnectionCallback) => unknown
}

export function isQuery(command: Mysql2Command): command is QueryCommand {
  return '_queryOptions' in command
}

export function isExecute(command: Mysql2Command): command is ExecuteCommand {
  return '_executeOptions' in command
}

export function isPrepare(command: Mysql2Command): boolean {
  return 'parameterDefinitions' in command
}

/** COM_CHANGE_USER and COM_RESET_CONNECTION: the server rolls back and forgets the session. */
export function resetsSession(command: Mysql2Command): boolean {
  return 'currentConfig' in command || 'resetConnectionResponse' in command
}

/** The statement of a command; undefined for one that is none, such as a ping. */
export function sqlOf(command: Mysql2Command): string | undefined {
  if (isQuery(command)) return command.sql
  if (isExecute(command)) return command.sql ?? command.statement?.query
  return undefined
}
