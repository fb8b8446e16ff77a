/**
 * Puts AT mode on what an application has of `mysql2` or `mariadb`: a pool, a connection, a
 * cluster, or the driver's module for an ORM that opens its connections by itself. The object given
 * stays the one to use; nothing that holds it already can send a statement past.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { SetteeError } from '@settee/kit'
import { txError } from '../../../../errors.ts'
import type { MariadbConnection, MariadbPool } from './mariadb-driver.ts'
import * as mariadb from './mariadb-pool.ts'
import type { Mysql2Cluster, Mysql2Connection, Mysql2Pool } from './mysql2-driver.ts'
import * as mysql2 from './mysql2-pool.ts'
import type { ConnectAt, MysqlAddress, MysqlSource } from './session.ts'

/** A pool of mysql2, of either of its APIs, as far as its type has to tell it. */
export interface Mysql2PoolLike {
  getConnection(...args: never[]): unknown
  query(...args: never[]): unknown
  execute(...args: never[]): unknown
}

/** A connection of mysql2, of either of its APIs. */
export interface Mysql2ConnectionLike {
  beginTransaction(...args: never[]): unknown
  query(...args: never[]): unknown
  execute(...args: never[]): unknown
}

/** What {@link interceptMysql} takes: pools and connections of both drivers fit. */
export type MysqlTarget = Mysql2PoolLike | Mysql2ConnectionLike

type Found =
  | { readonly kind: 'mysql2 pool'; readonly target: Mysql2Pool }
  | { readonly kind: 'mysql2 connection'; readonly target: Mysql2Connection }
  | { readonly kind: 'mysql2 cluster'; readonly target: Mysql2Cluster }
  | { readonly kind: 'mariadb pool'; readonly target: MariadbPool }
  | { readonly kind: 'mariadb connection'; readonly target: MariadbConnection }

/** Whether {@link interceptMysql} takes it. */
export function isMysqlTarget(value: unknown): value is MysqlTarget {
  return recognize(value) !== undefined
}

/**
 * Installs AT mode on a pool or connection, in place.
 * @param connectAt makes the AT side of a connection when its first statement in a global
 *   transaction comes.
 * @throws SETTEE_TX_BAD_OPTION for anything else: the callback API of `mariadb`, a connection of a
 *   pool, and a cluster, which has no single database.
 */
export function interceptMysql(target: MysqlTarget, connectAt: ConnectAt): MysqlSource {
  const found = recognize(target)
  switch (found?.kind) {
    case 'mysql2 pool':
      return mysql2.interceptPool(found.target, connectAt)
    case 'mysql2 connection':
      if (found.target.config.pool === undefined) {
        return mysql2.interceptSingle(found.target, connectAt)
      }
      throw badTarget('it is a connection of a pool; give the pool')
    case 'mysql2 cluster':
      throw badTarget('a cluster is several databases; give each of its pools, or the module')
    case 'mariadb pool':
      checkPromises(found.target)
      return mariadb.interceptPool(found.target, connectAt)
    case 'mariadb connection':
      checkPromises(found.target)
      return mariadb.interceptSingle(found.target, connectAt)
    default:
      throw badTarget('it is no pool or connection of mysql2 or mariadb')
  }
}

/** Where a pool or connection goes, as the options with which it was made say. */
export type Attach = (target: MysqlTarget, address: MysqlAddress | undefined) => void

/**
 * A driver's module whose pools and connections have AT mode, for whoever makes them by themselves,
 * as `dialectModule` of Sequelize, `driver` of TypeORM, `_driver` of Knex.
 * @param attach is to install AT mode on each: once on a pool or connection, before anyone has it.
 */
export function interceptModule<Module extends object>(module: Module, attach: Attach): Module {
  return new Proxy(module, {
    get: (target, key, receiver) => {
      const value: unknown = Reflect.get(target, key, receiver)
      if (key === 'default' && typeof value === 'object' && value !== null) {
        return interceptModule(value, attach)
      }
      if (typeof value !== 'function' || !factories.has(key)) return value
      return (...args: unknown[]) =>
        attachMade(
          outsideOfContexts(() => value.apply(target, args) as object),
          attach,
          args[0],
        )
    },
  })
}

/** A connection lives longer than the transaction in which it is opened. */
const outsideOfContexts = AsyncLocalStorage.snapshot()

const factories: ReadonlySet<string | symbol> = new Set([
  'connect',
  'createConnection',
  'createConnectionPromise',
  'createPool',
  'createPoolPromise',
  'createPoolCluster',
  'createPoolClusterPromise',
])

/** What a factory has made, be it at once or as a promise. */
function attachMade(made: object, attach: Attach, options: unknown): unknown {
  if (made instanceof Promise) {
    return made.then((one: object) => attachMade(one, attach, options))
  }
  const found = recognize(made)
  if (found === undefined) throw badTarget('the module made something that is no pool of its own')
  if (found.kind === 'mysql2 cluster') {
    mysql2.interceptCluster(found.target, (pool) => attach(pool, undefined))
  } else attach(made as MysqlTarget, readAddress(options))
  return made
}

/** From options, or a URL, for the driver that does not tell. */
function readAddress(options: unknown): MysqlAddress | undefined {
  if (typeof options === 'string') {
    const url = URL.parse(options)
    if (url === null) return undefined
    const { hostname, port, pathname } = url
    return { host: hostname, port: Number(port || 3306), database: pathname.slice(1) || undefined }
  }
  if (typeof options !== 'object' || options === null) return undefined
  const { host = '127.0.0.1', port = 3306, database } = options as Partial<MysqlAddress>
  return { host, port: Number(port), database }
}

function recognize(value: unknown): Found | undefined {
  if (!isObject(value)) return undefined
  if (has(value, 'getConnection', 'releaseConnection') && isObject(value.config)) {
    return { kind: 'mysql2 pool', target: value as unknown as Mysql2Pool }
  }
  if (has(value, 'addCommand', '_notifyError') && isObject(value.config)) {
    return { kind: 'mysql2 connection', target: value as unknown as Mysql2Connection }
  }
  if (has(value, '_getConnection', '_findNodeIds')) {
    return { kind: 'mysql2 cluster', target: value as unknown as Mysql2Cluster }
  }
  if (has(value, 'getConnection', 'batch', 'totalConnections')) {
    return { kind: 'mariadb pool', target: value as unknown as MariadbPool }
  }
  if (has(value, 'batch', 'queryStream', 'beginTransaction')) {
    return { kind: 'mariadb connection', target: value as unknown as MariadbConnection }
  }
  // The promise API of mysql2 wraps what the callback API has.
  const inner = value.pool ?? value.connection ?? value.poolCluster
  return inner === undefined || inner === value ? undefined : recognize(inner)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function has(value: Record<string, unknown>, ...methods: readonly string[]): boolean {
  return methods.every((method) => typeof value[method] === 'function')
}

/** In the callback API `query` takes a callback behind the values. */
function checkPromises(target: MariadbPool | MariadbConnection): void {
  if (target.query.length <= 2) return
  throw badTarget('it has the callback API of mariadb; use the promise API')
}

function badTarget(why: string): SetteeError {
  return txError('SETTEE_TX_BAD_OPTION', `AT mode cannot be put on this object: ${why}`)
}
