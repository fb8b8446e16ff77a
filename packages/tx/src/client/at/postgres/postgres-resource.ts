/**
 * A PostgreSQL database under global transactions, through the application's own `pg` pool.
 *
 * ```ts
 * const { pool, resource } = createPostgresResource({ pool: new pg.Pool(…), port })
 * await pool.query('UPDATE account SET money = money - $1 WHERE id = $2', [30, 1])
 * ```
 *
 * Inside a global transaction (an xid in the context) INSERT, UPDATE, DELETE and SELECT … FOR
 * UPDATE are branches that can be undone; what cannot be undone is refused. Functions behind a
 * SELECT, an operator, a cast or a column's default are not looked into: what one of them writes is
 * not undone. The database needs the table `undo_log` ({@link postgresUndoLogDdl}).
 */
import { systemClock, systemRandom, type Clock, type Random } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { BranchPort, Resource } from '../../resource.ts'
import { createUndoDeletion, maxDeletionBatch } from '../undo-deletion.ts'
import { analyzeSql, type Plan } from './analyze-sql.ts'
import { createAtPool, type AtPool } from './at-pool.ts'
import type { AtEnvironment } from './environment.ts'
import type { PgPool } from './pg-driver.ts'
import { readTokens } from './sql-text.ts'
import { createTableCache } from './table-meta.ts'
import { undoBranch, type DirtyReport } from './undo-branch.ts'
import { checkUndoLogTable, createUndoTable } from './undo-table.ts'
import { createFunctionCache } from './volatile-functions.ts'

export interface PostgresResourceOptions<Pool extends PgPool> {
  /** The application's pool. It stays the application's: the resource does not end it. */
  readonly pool: Pool
  readonly port: BranchPort
  /** Default `jdbc:postgresql://host:port/database` of the pool's options. */
  readonly resourceId?: string
  /**
   * Default `undo_log`. Without a schema it is the first in the search_path with which connections
   * start, or else the only one of the database.
   */
  readonly undoLogTable?: string
  /** Longest wait of a statement or {@link AtPool.transaction} for global locks. Default 10,000. */
  readonly lockWaitMs?: number
  /** Longest wait of a COMMIT for global locks, while it holds row locks. Default 100. */
  readonly lockWaitWithRowLocksMs?: number
  /** Most rows that one statement may change. Default 10,000. */
  readonly maxRows?: number
  /** Longest undo log of a branch in characters. Default 16 Mi. */
  readonly maxUndoLength?: number
  /** How long the description of a table or function is believed, in ms. Default 60,000. */
  readonly tableTtlMs?: number
  /** Most statements whose analysis is kept. Default 2,000. */
  readonly maxPlans?: number
  /** Longest wait of a rollback for a row lock of the database, in ms. Default 5,000. */
  readonly rollbackLockTimeoutMs?: number
  /** Told when a branch cannot be rolled back without a person. */
  readonly onDirty?: (report: DirtyReport) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** Longest text whose analysis is kept; longer ones are mostly INSERTs of many literals. */
const maxPlanLength = 8192

/** Puts a PostgreSQL database under global transactions. */
export function createPostgresResource<Pool extends PgPool>(
  options: PostgresResourceOptions<Pool>,
): { pool: AtPool<Pool>; resource: Resource } {
  const { pool, clock = systemClock, undoLogTable = 'undo_log' } = options
  checkUndoLogTable(undoLogTable)
  const undoTable = createUndoTable(undoLogTable)
  const ttlMs = options.tableTtlMs ?? 60_000
  const environment: AtEnvironment = {
    resourceId: options.resourceId ?? defaultResourceId(pool),
    port: options.port,
    tables: createTableCache({ ttlMs, maxTables: 10_000, undoLogTable, undoTable, clock }),
    functions: createFunctionCache({ ttlMs, maxNames: 10_000, clock }),
    undoTable,
    limits: {
      lockWaitMs: options.lockWaitMs ?? 10_000,
      lockWaitWithRowLocksMs: options.lockWaitWithRowLocksMs ?? 100,
      maxRows: options.maxRows ?? 10_000,
      maxUndoLength: options.maxUndoLength ?? 16 * 2 ** 20,
    },
    clock,
    random: options.random ?? systemRandom,
    planOf: createPlanner(options.maxPlans ?? 2000),
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
    rollbackBranch: (xid, branchId) =>
      undoBranch(environment, pool, { xid, branchId }, undoOptions),
    async deleteUndoLogs(saveDays) {
      let deleted = maxDeletionBatch
      while (deleted === maxDeletionBatch) {
        deleted = await undoTable.deleteOld(pool, saveDays, maxDeletionBatch)
      }
    },
    close: () => deletion.close(),
  }
  return { pool: createAtPool(environment, pool), resource }
}

/** Analyses statements, each text once; the grammar is loaded with the first. */
function createPlanner(maxPlans: number): (text: string) => Promise<Plan> {
  const plans = new Map<string, Plan>()
  return async (text) => {
    const known = plans.get(text)
    if (known !== undefined) {
      // The oldest entry of a Map is the first: what is used goes to the end.
      plans.delete(text)
      plans.set(text, known)
      return known
    }
    const { loadModule, parseSync, scanSync } = await import('libpg-query')
    await loadModule()
    const sql = readTokens((part) => (part === '' ? [] : scanSync(part).tokens), text)
    const plan = analyzeSql(parseSync, sql)
    if (text.length > maxPlanLength) return plan
    if (plans.size >= maxPlans) plans.delete(plans.keys().next().value!)
    plans.set(text, plan)
    return plan
  }
}

/** The form that Java peers use, so that both see each other's global locks. */
function defaultResourceId({ options }: PgPool): string {
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
