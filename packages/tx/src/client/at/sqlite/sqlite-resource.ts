/**
 * AT mode (automatic undo) for `node:sqlite`: a pool for the application and a resource for the
 * coordinator, on one database.
 *
 * ```
 * application ─ SqlitePool ─┐                      ┌─ commitBranch: delete the undo log, later
 *                           ├─ writer queue ─ SQLite
 * coordinator ─ Resource ───┘                      └─ rollbackBranch: put the rows back, now
 * ```
 */
import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type Clock, type Random, systemClock, systemRandom } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { BranchPort, Resource } from '../../resource.ts'
import { sendDirtyReport, type DirtyReport } from '../dirty-report.ts'
import { createUndoDeletion, type UndoDeletion } from '../undo-deletion.ts'
import { checkOpen, type Connection, openConnection } from './connection.ts'
import { openReadConnection } from './read-connection.ts'
import { createSqlitePool, type SqlitePool } from './sqlite-pool.ts'
import { undoBranch } from './undo.ts'
import { deleteOldUndoLogs, deleteUndoLogs } from './undo-deletion.ts'
import { createWriterQueue, type WriterQueue } from './writer-queue.ts'

export interface SqliteResourceOptions {
  /**
   * The database. The resource owns it from now on: it sets `journal_mode=WAL`,
   * `synchronous=FULL`, a short `busy_timeout` and the authorizer, creates `undo_log` when it is
   * missing, and `pool.end` closes it.
   */
  readonly database: DatabaseSync
  /** The coordinator. */
  readonly port: BranchPort
  /** Default `jdbc:sqlite:` and the absolute path; required for a database in memory. */
  readonly resourceId?: string
  /** Told of each branch that could not be rolled back because its rows were changed since. */
  readonly onDirty?: (report: DirtyReport) => void
  /** Longest wait for rows that other global transactions hold, in ms. Default 10,000. */
  readonly lockWaitMs?: number
  /** Longest wait for the writer, in ms. Default 30,000. */
  readonly queueWaitMs?: number
  /** Callers that may wait for the writer. Default 1,000. */
  readonly maxWaiting?: number
  /** Longest time that a transaction may stay open, in ms. Default 30,000. */
  readonly transactionMs?: number
  /** Longest wait for another process that writes to the file, in ms. Default 5,000. */
  readonly busyMs?: number
  /** Largest undo log of a branch, in bytes. Default 16 MiB. */
  readonly maxUndoBytes?: number
  /** Compiled statements that are kept. Default 200. */
  readonly statementCacheSize?: number
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * @throws SETTEE_TX_SQLITE_UNUSABLE for a database that cannot be used, with the reason.
 */
export function createSqliteResource(options: SqliteResourceOptions): {
  pool: SqlitePool
  resource: Resource
} {
  const { database, port, clock = systemClock, random = systemRandom } = options
  const { statementCacheSize = 200 } = options
  const resourceId = options.resourceId ?? defaultResourceId(database)
  const connection = openConnection({
    database,
    clock,
    random,
    statementCacheSize,
    busyMs: options.busyMs ?? 5000,
  })
  const reader = openReadConnection(database)
  const queue = createWriterQueue({
    clock,
    maxWaiting: options.maxWaiting ?? 1000,
    waitMs: options.queueWaitMs ?? 30_000,
  })
  const deletion = createUndoDeletion((branches) => deleteUndoLogs(connection, queue, branches))
  const ports = {
    connection,
    reader,
    queue,
    port,
    clock,
    random,
    resourceId,
    maxUndoBytes: options.maxUndoBytes ?? 16 * 2 ** 20,
    lockWaitMs: options.lockWaitMs ?? 10_000,
    transactionMs: options.transactionMs ?? 30_000,
  }
  const pool = createSqlitePool(ports, async () => {
    await deletion.close()
    await queue.close()
    reader?.close()
    if (database.isOpen) database.close()
  })
  return {
    pool,
    resource: createResource({ ...options, ...ports }, { connection, queue, deletion }),
  }
}

interface ResourceParts {
  readonly connection: Connection
  readonly queue: WriterQueue
  readonly deletion: UndoDeletion
}

function createResource(
  options: SqliteResourceOptions &
    Required<Pick<SqliteResourceOptions, 'resourceId' | 'port' | 'clock' | 'maxUndoBytes'>>,
  { connection, queue, deletion }: ResourceParts,
): Resource {
  const { clock, maxUndoBytes, onDirty } = options
  return {
    resourceId: options.resourceId,
    branchType: BranchType.AT,
    async commitBranch(xid, branchId) {
      checkOpen(connection)
      await deletion.add({ xid, branchId })
      return BranchStatus.PhaseTwo_Committed
    },
    async rollbackBranch(xid, branchId, choice) {
      let dirty: DirtyReport | undefined
      const lease = await queue.acquire('rollback')
      try {
        const undoOptions = { nowMs: clock.now(), maxUndoBytes, choice }
        const outcome = await undoBranch(connection, { xid, branchId }, undoOptions)
        dirty = outcome.dirty
      } finally {
        lease.release()
      }
      if (dirty === undefined) return BranchStatus.PhaseTwo_Rollbacked
      onDirty?.(dirty)
      await sendDirtyReport(options.port, options.resourceId, dirty)
      return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
    },
    deleteUndoLogs: (saveDays) =>
      deleteOldUndoLogs(connection, queue, clock.now() - saveDays * 86_400_000),
    close: () => deletion.close(),
  }
}

function defaultResourceId(database: DatabaseSync): string {
  const location = database.isOpen ? database.location() : null
  if (location !== null && location !== '') return `jdbc:sqlite:${resolve(location)}`
  throw txError(
    'SETTEE_TX_SQLITE_UNUSABLE',
    'the database is not open or has no file; open it, or name a resourceId',
  )
}
