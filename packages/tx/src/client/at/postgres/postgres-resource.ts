/**
 * A PostgreSQL database under global transactions, through what the application has of a driver: a
 * `pg` pool, a `pg` client, the `pg` module, or the function of `postgres`.
 *
 * ```ts
 * const { pool, resource } = createPostgresResource({ pool: new pg.Pool(…), port })
 * await pool.query('UPDATE account SET money = money - $1 WHERE id = $2', [30, 1])
 * ```
 *
 * Inside a global transaction (an xid in the context) what changes or locks rows is a branch that
 * can be undone (analyze-sql.ts has the list of forms); what cannot be undone is refused. Functions
 * behind an operator, a cast, a view or a column's default are not looked into: what one of them
 * writes is not undone. The database needs the table `undo_log` ({@link postgresUndoLogDdl}).
 */
import { systemClock, systemRandom, type Clock, type Random } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { BranchPort, Resource } from '../../resource.ts'
import type { DirtyReport } from '../dirty-report.ts'
import type { SeataNamespace } from '../undo/jackson-codec.ts'
import { createUndoDeletion, maxDeletionBatch } from '../undo-deletion.ts'
import { createAtPool, type AtPool } from './at-pool.ts'
import type { AtEnvironment } from './environment.ts'
import type { PgPool } from './pg-driver.ts'
import {
  addressOf,
  openBeside,
  wrapClient,
  wrapModule,
  type PgClientLike,
  type PgModuleLike,
} from './pg-module.ts'
import { createPlanner } from './planner.ts'
import { createAtSql } from './postgres-js/at-sql.ts'
import { asPool, type JsRoot, type PostgresJsLike } from './postgres-js/driver.ts'
import { createSpareConnection } from './spare-connection.ts'
import { createTableCache } from './table-meta.ts'
import { undoBranch } from './undo-branch.ts'
import { checkUndoLogTable, createUndoTable } from './undo-table.ts'
import { createFunctionCache } from './volatile-functions.ts'

export interface PostgresResourceOptions<Pool extends PgPool> extends PostgresOptions {
  /** The application's pool. It stays the application's: the resource does not end it. */
  readonly pool: Pool
}

export interface PostgresOptions {
  readonly port: BranchPort
  /** Default `jdbc:postgresql://host:port/database` of the pool's options. */
  readonly resourceId?: string
  /**
   * Default `undo_log`. Without a schema it is the first in the search_path with which connections
   * start, or else the only one of the database.
   */
  readonly undoLogTable?: string
  /**
   * `io.seata` when Java peers of a release before 2.1 may have to roll back what this process did:
   * they read no undo log of later releases, nor the other way round. Default `org.apache.seata`.
   */
  readonly undoNamespace?: SeataNamespace
  /** Longest wait of a statement or {@link AtPool.transaction} for global locks. Default 10,000. */
  readonly lockWaitMs?: number
  /** Longest wait of a COMMIT for global locks, while it holds row locks. Default 100. */
  readonly lockWaitWithRowLocksMs?: number
  /** Most rows that one statement may change. Default 10,000. */
  readonly maxRows?: number
  /** Longest undo log of a branch in characters, before it is compressed. Default 256 Mi. */
  readonly maxUndoLength?: number
  /** How long the description of a table or function is believed, in ms. Default 60,000. */
  readonly tableTtlMs?: number
  /** Most that the analyses of statements may take, in bytes as estimated. Default 32 MiB. */
  readonly maxPlanBytes?: number
  /** Longest wait of a rollback for a row lock of the database, in ms. Default 5,000. */
  readonly rollbackLockTimeoutMs?: number
  /** Told when a branch cannot be rolled back without a person. */
  readonly onDirty?: (report: DirtyReport) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** Puts a PostgreSQL database under global transactions. */
export function createPostgresResource<Pool extends PgPool>(
  options: PostgresResourceOptions<Pool>,
): { pool: AtPool<Pool>; resource: Resource } {
  const { pool } = options
  const { environment, resource } = openResource(options, pool)
  return { pool: createAtPool(environment, pool), resource }
}

/**
 * Puts the database of a single `pg` Client under global transactions. Phase two opens a connection
 * of its own beside it.
 */
export function createPostgresClientResource<Client extends PgClientLike>(
  options: PostgresOptions & { readonly client: Client },
): { client: Client; resource: Resource } {
  const { environment, resource } = openBesideClient(options, options.client)
  return { client: wrapClient(options.client, environment), resource }
}

/**
 * The `pg` module for an ORM that opens its connections by itself: each database that they go to
 * becomes a resource with its first statement in a global transaction.
 * @param options.register is told of each new resource.
 */
export function createPostgresDriver<Module extends PgModuleLike>(
  options: PostgresOptions & {
    readonly module: Module
    readonly register: (resource: Resource) => void
  },
): Module {
  const environments = new Map<string, AtEnvironment>()
  return wrapModule(options.module, (client) => {
    const resourceId = options.resourceId ?? defaultResourceId(addressOf(client))
    const known = environments.get(resourceId)
    if (known !== undefined) return known
    const { environment, resource } = openBesideClient({ ...options, resourceId }, client)
    options.register(resource)
    environments.set(resourceId, environment)
    return environment
  })
}

/** Puts the database of a postgres.js `sql` function under global transactions. */
export function createPostgresJsResource<Sql extends PostgresJsLike>(
  options: PostgresOptions & { readonly sql: Sql },
): { sql: Sql; resource: Resource } {
  const sql = options.sql as unknown as Sql & JsRoot
  const pool = asPool(sql)
  const { environment, resource } = openResource(options, pool)
  return { sql: createAtSql(environment, pool, sql), resource }
}

function openBesideClient(
  options: PostgresOptions,
  client: PgClientLike,
): { environment: AtEnvironment; resource: Resource } {
  const spare = createSpareConnection(() => openBeside(client), addressOf(client))
  const { environment, resource } = openResource(options, spare)
  const close = async (): Promise<void> => {
    await resource.close?.()
    await spare.end()
  }
  return { environment, resource: { ...resource, close } }
}

/** @param pool connections for phase two. */
function openResource(
  options: PostgresOptions,
  pool: PgPool,
): { environment: AtEnvironment; resource: Resource } {
  const { clock = systemClock, undoLogTable = 'undo_log' } = options
  checkUndoLogTable(undoLogTable)
  const undoTable = createUndoTable(undoLogTable)
  const ttlMs = options.tableTtlMs ?? 60_000
  const environment: AtEnvironment = {
    resourceId: options.resourceId ?? defaultResourceId(pool.options),
    port: options.port,
    tables: createTableCache({ ttlMs, maxTables: 10_000, undoLogTable, undoTable, clock }),
    functions: createFunctionCache({ ttlMs, maxNames: 10_000, clock }),
    undoTable,
    undoNamespace: options.undoNamespace ?? 'org.apache.seata',
    limits: {
      lockWaitMs: options.lockWaitMs ?? 10_000,
      lockWaitWithRowLocksMs: options.lockWaitWithRowLocksMs ?? 100,
      maxRows: options.maxRows ?? 10_000,
      maxUndoLength: options.maxUndoLength ?? 256 * 2 ** 20,
    },
    clock,
    random: options.random ?? systemRandom,
    planOf: createPlanner(options.maxPlanBytes ?? 32 * 2 ** 20),
  }
  const deletion = createUndoDeletion((branches) => undoTable.delete(pool, branches))
  const undoOptions = {
    lockTimeoutMs: options.rollbackLockTimeoutMs ?? 5000,
    onDirty: options.onDirty ?? (() => {}),
  }
  const resource: Resource = {
    resourceId: environment.resourceId,
    branchType: BranchType.AT,
    async commitBranch(xid, branchId) {
      await deletion.add({ xid, branchId })
      return BranchStatus.PhaseTwo_Committed
    },
    rollbackBranch: (xid, branchId, choice) =>
      undoBranch(environment, pool, { xid, branchId }, { ...undoOptions, choice }),
    async deleteUndoLogs(saveDays) {
      let deleted = maxDeletionBatch
      while (deleted === maxDeletionBatch) {
        deleted = await undoTable.deleteOld(pool, saveDays, maxDeletionBatch)
      }
    },
    close: () => deletion.close(),
  }
  return { environment, resource }
}

/** The form that Java peers use, so that both see each other's global locks. */
function defaultResourceId(options: PgPool['options']): string {
  const url = options.connectionString === undefined ? undefined : new URL(options.connectionString)
  const host = url?.hostname || options.host || 'localhost'
  const port = url?.port || options.port || 5432
  const database = url?.pathname.slice(1) || options.database
  if (database === undefined) {
    throw txError(
      'SETTEE_TX_UNSUPPORTED_SQL',
      'the pool does not say which database it is of; give it `database`, or give `resourceId`',
    )
  }
  return `jdbc:postgresql://${host}:${port}/${database}`
}
