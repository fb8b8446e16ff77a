/**
 * What AT mode needs of the promise API of `mariadb`, as structural types: the driver belongs to
 * the application and is no dependency of this package. All of it is public.
 */
import type { Readable } from 'node:stream'

/** The statement, or an object with it and options of the driver. */
export type MariadbSql =
  | string
  | { readonly sql: string; readonly values?: unknown; readonly [option: string]: unknown }

export interface MariadbOk {
  readonly affectedRows: number
  readonly insertId: bigint | number | string
  readonly warningStatus: number
}

export interface MariadbColumn {
  readonly columnType: number
  readonly columnLength: number
  readonly flags: number
  readonly scale: number
  readonly collation: { readonly index: number } | undefined
  name(): string
  orgName(): string
  table(): string
  orgTable(): string
  schema(): string
  /** The two read the value; for `typeCast` only. */
  string(): string | null
  buffer(): Buffer | null
}

export interface MariadbPrepared {
  readonly query: string
  execute: (values?: unknown, options?: object, ...rest: unknown[]) => Promise<unknown>
  executeStream: (values?: unknown, options?: object, ...rest: unknown[]) => Readable
}

/** The methods that send a statement. */
export interface MariadbStatements {
  query: (sql: MariadbSql, values?: unknown) => Promise<unknown>
  execute: (sql: MariadbSql, values?: unknown) => Promise<unknown>
  batch: (sql: MariadbSql, values?: unknown) => Promise<unknown>
  importFile: (options: object) => Promise<void>
}

export interface MariadbConnection extends MariadbStatements {
  /** `status` has the bits of the server's last answer. */
  readonly info: { readonly status: number | null }
  prepare: (sql: MariadbSql) => Promise<MariadbPrepared>
  queryStream: (sql: MariadbSql, values?: unknown) => Readable
  beginTransaction: () => Promise<unknown>
  commit: () => Promise<unknown>
  rollback: () => Promise<unknown>
  changeUser: (options?: object) => Promise<void>
  reset: () => Promise<void>
  end: () => Promise<void>
  close?: () => unknown
  destroy: () => void
  /** Of a connection of a pool. */
  release?: () => Promise<void>
  isValid: () => boolean
  escape: (value: unknown) => string
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export interface MariadbPool extends MariadbStatements {
  getConnection: () => Promise<MariadbConnection>
  totalConnections(): number
  emit: (event: string, ...args: unknown[]) => boolean
}
