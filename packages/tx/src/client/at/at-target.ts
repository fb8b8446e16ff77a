/**
 * What an application can put under global transactions, and which resource each becomes: pools and
 * connections of `pg`, `postgres`, `mysql2` and `mariadb`, databases of `node:sqlite`, and the
 * modules of drivers for ORMs that open their connections by themselves.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock, Random } from '@settee/kit'
import { txError } from '../../errors.ts'
import type { BranchPort, Resource } from '../resource.ts'
import { isMysqlTarget, type MysqlTarget } from './mysql/driver/intercept.ts'
import {
  createMysqlDriver,
  createMysqlResource,
  type MysqlOptions,
} from './mysql/mysql-resource.ts'
import type { PgPool } from './postgres/pg-driver.ts'
import { isPgClient, type PgClientLike, type PgModuleLike } from './postgres/pg-module.ts'
import { isPostgresJs, type PostgresJsLike } from './postgres/postgres-js/driver.ts'
import {
  createPostgresClientResource,
  createPostgresDriver,
  createPostgresJsResource,
  createPostgresResource,
  type PostgresOptions,
  type PostgresResourceOptions,
} from './postgres/postgres-resource.ts'
import { createSqliteResource, type SqliteResourceOptions } from './sqlite/sqlite-resource.ts'

type Given = 'pool' | 'database' | 'port' | 'clock' | 'random'
export type PostgresAtOptions<Pool extends PgPool> = Omit<PostgresResourceOptions<Pool>, Given>
export type PostgresClientAtOptions = Omit<PostgresOptions, Given>
export type MysqlAtOptions = Omit<MysqlOptions, Exclude<Given, 'database'>>
export type SqliteAtOptions = Omit<SqliteResourceOptions, Given>

export type AtTarget = PgPool | PgClientLike | PostgresJsLike | MysqlTarget | DatabaseSync
export type AtOptions = PostgresClientAtOptions | MysqlAtOptions | SqliteAtOptions

/** A module with what `mysql2`, `mysql2/promise` and `mariadb` have in common. */
export interface MysqlModuleLike {
  createConnection(...args: never[]): unknown
  createPool(...args: never[]): unknown
}

export interface AtPorts {
  readonly port: BranchPort
  readonly clock: Clock
  readonly random: Random
}

/** @returns what the application uses from now on, and the resource behind it. */
export function openTarget(
  target: AtTarget,
  options: AtOptions,
  ports: AtPorts,
): { readonly handle: unknown; readonly resource: Resource } {
  if (isSqlite(target)) {
    const own = { ...(options as SqliteAtOptions), ...ports, database: target }
    const { pool, resource } = createSqliteResource(own)
    return { handle: pool, resource }
  }
  if (isMysqlTarget(target)) {
    const own = { ...(options as MysqlAtOptions), ...ports, pool: target }
    const { pool, resource } = createMysqlResource(own)
    return { handle: pool, resource }
  }
  const shared = { ...(options as PostgresClientAtOptions), ...ports }
  if (isPostgresJs(target)) {
    const { sql, resource } = createPostgresJsResource({ ...shared, sql: target })
    return { handle: sql, resource }
  }
  if (isPgClient(target)) {
    const { client, resource } = createPostgresClientResource({ ...shared, client: target })
    return { handle: client, resource }
  }
  if (!isPgPool(target)) {
    throw txError(
      'SETTEE_TX_BAD_OPTION',
      'at() takes a pool or connection of pg, postgres, mysql2 or mariadb, or a database of ' +
        'node:sqlite; for an ORM that opens its own, give the module of its driver to atDriver()',
    )
  }
  const { pool, resource } = createPostgresResource({ ...shared, pool: target })
  return { handle: pool, resource }
}

/** The module, whose connections have AT mode; each database registers itself when it is met. */
export function openDriver<Module extends PgModuleLike | MysqlModuleLike>(
  module: Module,
  options: PostgresClientAtOptions | MysqlAtOptions,
  ports: AtPorts & { readonly register: (resource: Resource) => void },
): Module {
  if (isMysqlModule(module)) return createMysqlDriver({ ...options, ...ports, module })
  if (isPgModule(module)) return createPostgresDriver({ ...options, ...ports, module })
  throw txError('SETTEE_TX_BAD_OPTION', 'atDriver() takes the module of pg, mysql2 or mariadb')
}

function isSqlite(target: AtTarget): target is DatabaseSync {
  return 'prepare' in target && 'location' in target
}

function isPgPool(target: AtTarget): target is PgPool {
  return 'connect' in target && 'options' in target
}

function isPgModule<Module extends object>(module: Module): module is Module & PgModuleLike {
  return 'Client' in module && 'Pool' in module
}

function isMysqlModule(module: object): module is MysqlModuleLike {
  return 'createPool' in module && 'createConnection' in module
}
