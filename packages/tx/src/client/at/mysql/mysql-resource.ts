/**
 * A MySQL or MariaDB database under global transactions, through the application's own pool or
 * connection of `mysql2` or `mariadb`.
 *
 * ```ts
 * const { pool, resource } = createMysqlResource({ pool: mysql.createPool(…), port })
 * await pool.query('UPDATE account SET money = money - ? WHERE id = ?', [30, 1])
 * ```
 *
 * Inside a global transaction (an xid in the context) INSERT, REPLACE, UPDATE, DELETE and SELECT …
 * FOR UPDATE are branches that can be undone; what cannot be undone is refused. The pool is changed
 * in place: whoever holds it already cannot send a statement past. The database needs the table
 * `undo_log` ({@link mysqlUndoLogDdl}).
 */
import { systemClock, systemRandom, type Clock, type Random } from '@settee/kit'
import type { MysqlMode } from '@settee/sql/mysql'
import { txError } from '../../../errors.ts'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { BranchPort, Resource } from '../../resource.ts'
import type { DirtyReport } from '../dirty-report.ts'
import type { SeataNamespace } from '../undo/jackson-codec.ts'
import { createUndoDeletion, maxDeletionBatch } from '../undo-deletion.ts'
import { analyzeMysql } from './analyze-sql.ts'
import { createAtConnection } from './at-connection.ts'
import { interceptModule, interceptMysql, type MysqlTarget } from './driver/intercept.ts'
import type { ConnectAt, MysqlAddress, MysqlSource } from './driver/session.ts'
import type { AtEnvironment } from './environment.ts'
import type { Plan } from './plan.ts'
import { createRoutineCache } from './routines.ts'
import { createTableCache } from './table-meta.ts'
import { undoBranch, withSession } from './undo-branch.ts'
import { checkUndoLogTable, createUndoTable } from './undo-table.ts'

export interface MysqlResourceOptions<Pool extends MysqlTarget> extends MysqlOptions {
  /** The application's pool or connection. It stays the application's: it is not ended here. */
  readonly pool: Pool
}

export interface MysqlOptions {
  readonly port: BranchPort
  /** Default `jdbc:mysql://host:port/database`, which Java peers use for MariaDB too. */
  readonly resourceId?: string
  /** The database with which the pool connects, for a driver that does not tell. */
  readonly database?: string
  /** Default `undo_log`, in the database with which the pool connects. */
  readonly undoLogTable?: string
  /**
   * `io.seata` when Java peers of a release before 2.1 may have to roll back what this process did:
   * they read no undo log of later releases, nor the other way round. Default `org.apache.seata`.
   */
  readonly undoNamespace?: SeataNamespace
  /** Longest wait of a statement for global locks while it holds no row locks. Default 10,000. */
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

/** Puts a MySQL or MariaDB database under global transactions. */
export function createMysqlResource<Pool extends MysqlTarget>(
  options: MysqlResourceOptions<Pool>,
): { pool: Pool; resource: Resource } {
  const { pool } = options
  // A connection is made when its first statement comes, and there is an environment by then.
  const connectAt: ConnectAt = (session) => createAtConnection(environment, session)
  const source = interceptMysql(pool, connectAt)
  const { environment, resource } = openResource(options, source, source.address)
  return { pool, resource }
}

/**
 * The module of a driver for an ORM that opens its connections by itself: each database that they
 * go to becomes a resource when the first one is opened.
 * @param options.register is told of each new resource.
 */
export function createMysqlDriver<Module extends object>(
  options: MysqlOptions & {
    readonly module: Module
    readonly register: (resource: Resource) => void
  },
): Module {
  const environments = new Map<string, AtEnvironment>()
  return interceptModule(options.module, (target, given) => {
    const connectAt: ConnectAt = (session) => createAtConnection(environment, session)
    const source = interceptMysql(target, connectAt)
    const address = source.address ?? given
    const resourceId = resourceIdOf(options, address)
    const known = environments.get(resourceId)
    const environment = known ?? openNew()

    function openNew(): AtEnvironment {
      const opened = openResource({ ...options, resourceId }, source, address)
      options.register(opened.resource)
      environments.set(resourceId, opened.environment)
      return opened.environment
    }
  })
}

/** @param source connections for phase two. */
function openResource(
  options: MysqlOptions,
  source: MysqlSource,
  address: MysqlAddress | undefined,
): { environment: AtEnvironment; resource: Resource } {
  const environment = createEnvironment(options, address)
  const { undoTable } = environment
  const deletion = createUndoDeletion((branches) =>
    withSession(source, (session) => undoTable.delete(session, branches)),
  )
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
      undoBranch(environment, source, { xid, branchId }, { ...undoOptions, choice }),
    async deleteUndoLogs(saveDays) {
      let deleted = maxDeletionBatch
      while (deleted === maxDeletionBatch) {
        deleted = await withSession(source, (session) =>
          undoTable.deleteOld(session, saveDays, maxDeletionBatch),
        )
      }
    },
    close: () => deletion.close(),
  }
  return { environment, resource }
}

function createEnvironment(
  options: MysqlOptions,
  address: MysqlAddress | undefined,
): AtEnvironment {
  const { clock = systemClock, random = systemRandom, undoLogTable = 'undo_log' } = options
  checkUndoLogTable(undoLogTable)
  const database = options.database ?? address?.database
  const ttlMs = options.tableTtlMs ?? 60_000
  const undoTable = createUndoTable({ name: undoLogTable, database, random })
  return {
    resourceId: resourceIdOf(options, address),
    port: options.port,
    tables: createTableCache({ ttlMs, maxTables: 10_000, database, undoTable, clock }),
    routines: createRoutineCache({ ttlMs, maxNames: 10_000, clock }),
    undoTable,
    undoNamespace: options.undoNamespace ?? 'org.apache.seata',
    limits: {
      lockWaitMs: options.lockWaitMs ?? 10_000,
      lockWaitWithRowLocksMs: options.lockWaitWithRowLocksMs ?? 100,
      maxRows: options.maxRows ?? 10_000,
      maxUndoLength: options.maxUndoLength ?? 16 * 2 ** 20,
    },
    clock,
    random,
    planOf: createPlanner(options.maxPlans ?? 2000),
  }
}

/** Analyses statements, each text once for each way in which a session reads it. */
function createPlanner(maxPlans: number): AtEnvironment['planOf'] {
  const plans = new Map<string, readonly Plan[]>()
  return (text, mode) => {
    const key = modeKey(mode) + text
    const known = plans.get(key)
    if (known !== undefined) {
      // The oldest entry of a Map is the first: what is used goes to the end.
      plans.delete(key)
      plans.set(key, known)
      return known
    }
    const made = analyzeMysql(text, mode)
    if (text.length > maxPlanLength) return made
    if (plans.size >= maxPlans) plans.delete(plans.keys().next().value!)
    plans.set(key, made)
    return made
  }
}

/** A character for each combination of modes. */
function modeKey(mode: MysqlMode): string {
  const bits = Object.values(mode).reduce((sum: number, isOn) => sum * 2 + Number(isOn), 0)
  return String.fromCharCode(0x20 + bits)
}

/** By default the form that Java peers use, so that both see each other's global locks. */
function resourceIdOf(options: MysqlOptions, address: MysqlAddress | undefined): string {
  const database = options.database ?? address?.database
  if (options.resourceId !== undefined) return options.resourceId
  if (address !== undefined && database !== undefined) {
    return `jdbc:mysql://${address.host}:${address.port}/${database}`
  }
  throw txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    'the pool does not say which database it is of; give `database` and `resourceId`',
  )
}
