/**
 * The one writing connection of a pool and what belongs to it: compiled statements, the schema as
 * last read, the undo log table, and the settings that make it safe.
 */
import type { DatabaseSync } from 'node:sqlite'
import { backoffMs, type Clock, type Random, sleep, systemClock } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { createStatementCache, type StatementCache } from './statement-cache.ts'
import { readTableSchema, type TableSchema } from './table-schema.ts'
import { createUndoLogTable, type UndoLogTable } from './undo-log-table.ts'

export interface ConnectionOptions {
  readonly database: DatabaseSync
  readonly clock: Clock
  readonly random: Random
  readonly statementCacheSize: number
  /** Longest wait in ms for the lock of another process on the file. */
  readonly busyMs: number
}

export interface Connection {
  readonly database: DatabaseSync
  readonly statements: StatementCache
  readonly undoLogs: UndoLogTable
  /** BEGIN IMMEDIATE. @throws SETTEE_TX_POOL_TIMEOUT when another process keeps writing. */
  begin(): Promise<void>
  /** ROLLBACK, unless SQLite did it already. */
  rollback(): void
  /** Runs `run` again while another process holds the file, with backoff. */
  retryWhileBusy<Result>(run: () => Result): Promise<Result>
  /** A table as it is now; undefined when there is none. Call it inside a transaction. */
  tableSchema(name: string): TableSchema | undefined
}

/**
 * How long SQLite itself waits for another process, in ms. Short, because the whole process stands
 * still meanwhile; after it the pool waits without blocking.
 */
const blockingWaitMs = 20

/** Takes over `database`: settings, authorizer, undo_log. */
export function openConnection(options: ConnectionOptions): Connection {
  const { database, clock, random, busyMs } = options
  checkUsable(database)
  database.exec(`PRAGMA busy_timeout = ${blockingWaitMs}`)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  const undoLogs = createUndoLogTable(database)
  const statements = createStatementCache(database, options.statementCacheSize)
  const schemaVersion = database.prepare('PRAGMA main.schema_version')
  const schemas = new Map<string, TableSchema>()
  let knownVersion: unknown

  async function retryWhileBusy<Result>(run: () => Result): Promise<Result> {
    const startMs = clock.monotonic()
    for (let failures = 1; ; failures++) {
      try {
        return run()
      } catch (error) {
        if (!isBusy(error)) throw error
        if (clock.monotonic() - startMs >= busyMs) throw busyTooLong(busyMs, error)
      }
      await pause(backoffMs(failures, { minMs: 2, maxMs: 100 }, random), clock)
    }
  }

  /** Within a transaction nobody else can change the schema, so one look is enough. */
  function checkSchema(): void {
    const version = schemaVersion.get()!['schema_version']
    if (version === knownVersion) return
    knownVersion = version
    schemas.clear()
    statements.clear()
  }

  function rollback(): void {
    if (database.isTransaction) database.exec('ROLLBACK')
  }

  return {
    database,
    statements,
    undoLogs,
    retryWhileBusy,
    async begin() {
      await retryWhileBusy(() => database.exec('BEGIN IMMEDIATE'))
      try {
        checkSchema()
      } catch (error) {
        rollback()
        throw error
      }
    },
    rollback,
    tableSchema(name) {
      const known = schemas.get(name)
      if (known !== undefined) return known
      const schema = readTableSchema(database, name)
      if (schema !== undefined) schemas.set(name, schema)
      return schema
    },
  }
}

/** Sleeps; on the system's clock it keeps the process alive, because somebody waits for the end. */
export function pause(delayMs: number, clock: Clock): Promise<void> {
  return clock === systemClock ? sleep(delayMs) : sleep(delayMs, clock)
}

function checkUsable(database: DatabaseSync): void {
  if (!database.isOpen) throw unusable('it is not open')
  if (database.isTransaction) throw unusable('a transaction is open on it; end that first')
  const encoding = database.prepare('PRAGMA encoding').get()!['encoding']
  if (encoding !== 'UTF-8') {
    throw unusable(`its encoding is ${String(encoding)}; only UTF-8 can be restored exactly`)
  }
}

/** @throws SETTEE_TX_POOL_CLOSED after the pool was closed. */
export function checkOpen({ database }: Connection): void {
  if (database.isOpen) return
  throw txError('SETTEE_TX_POOL_CLOSED', 'the pool was closed; open a new one')
}

function unusable(reason: string): Error {
  return txError('SETTEE_TX_SQLITE_UNUSABLE', `the database cannot be used: ${reason}`)
}

/** SQLITE_BUSY with its extended codes. */
function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  return (Number(error.errcode) & 0xff) === 5
}

function busyTooLong(busyMs: number, cause: unknown): Error {
  return txError(
    'SETTEE_TX_POOL_TIMEOUT',
    `another connection holds the SQLite file for longer than ${busyMs} ms; ` +
      'find the process that writes to it',
    { cause },
  )
}
