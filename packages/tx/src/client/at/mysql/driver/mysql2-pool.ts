/**
 * AT mode on the pools of `mysql2`: every connection that a pool hands out is intercepted before
 * anyone has it. The pool object stays the same, and so do its methods: they all come to
 * `getConnection` and `releaseConnection`.
 */
import { AsyncResource, AsyncLocalStorage } from 'node:async_hooks'
import { interceptConnection, type Mysql2Interception } from './mysql2-connection.ts'
import type {
  ConnectionCallback,
  Mysql2Cluster,
  Mysql2Connection,
  Mysql2Pool,
  QueryFactory,
} from './mysql2-driver.ts'
import { addressOf } from './mysql2-session.ts'
import type { ConnectAt, MysqlSource, OwnSession } from './session.ts'

/** Connections of the driver live longer than the transaction in which they are opened. */
const outsideOfContexts = AsyncLocalStorage.snapshot()

const installed = new WeakMap<Mysql2Pool, MysqlSource>()

export function interceptPool(pool: Mysql2Pool, connectAt: ConnectAt): MysqlSource {
  const existing = installed.get(pool)
  if (existing !== undefined) return existing
  const { getConnection, releaseConnection } = pool
  const interceptions = new WeakMap<Mysql2Connection, Mysql2Interception>()

  function take(callback: ConnectionCallback): void {
    // A waiting caller is served by whoever releases a connection, in that one's context.
    const bound = AsyncResource.bind(callback)
    outsideOfContexts(() =>
      getConnection.call(pool, (error, connection) => {
        if (connection !== undefined) {
          interceptions.set(connection, interceptConnection(connection, connectAt))
        }
        bound(error, connection)
      }),
    )
  }

  function giveBack(connection: Mysql2Connection): void {
    const interception = interceptions.get(connection)
    if (interception?.isInUse !== true) {
      releaseConnection.call(pool, connection)
      return
    }
    void interception.settle().then(() => releaseConnection.call(pool, connection))
  }

  pool.getConnection = take
  pool.releaseConnection = giveBack
  const source: MysqlSource = {
    address: addressOf({ config: pool.config.connectionConfig }),
    connect: () =>
      new Promise((resolve, reject) => {
        take((error, connection) => {
          if (connection === undefined) reject(error as Error)
          else resolve(ownSession(interceptions.get(connection)!, () => release(connection)))
        })
      }),
  }
  installed.set(pool, source)
  return source
}

/** `release` of a pooled connection sees to it that it is given back once only. */
function release(connection: Mysql2Connection): void {
  ;(connection as Mysql2Connection & { release(): void }).release()
}

/** Has the pool of each node intercepted before a connection of it is taken. */
export function interceptCluster(cluster: Mysql2Cluster, attach: (pool: Mysql2Pool) => void): void {
  const connect = cluster._getConnection
  const attached = new WeakSet<Mysql2Pool>()
  cluster._getConnection = (node, callback) => {
    if (!attached.has(node.pool)) attach(node.pool)
    attached.add(node.pool)
    return connect.call(cluster, node, callback)
  }
}

/**
 * Intercepts one connection. Phase two cannot share it with the application, whose transactions it
 * would end, so that it opens connections of its own with the same configuration.
 */
export function interceptSingle(connection: Mysql2Connection, connectAt: ConnectAt): MysqlSource {
  interceptConnection(connection, connectAt)
  const Connection = connection.constructor as unknown as QueryFactory
  return {
    address: addressOf(connection),
    connect: () =>
      outsideOfContexts(
        () =>
          new Promise((resolve, reject) => {
            const own = new Connection({ config: connection.config })
            own.on('error', () => {})
            const interception = interceptConnection(own, connectAt)
            own.connect((error) => {
              if (error !== null && error !== undefined) reject(error as Error)
              else resolve(ownSession(interception, () => own.end()))
            })
          }),
      ),
  }
}

function ownSession({ session }: Mysql2Interception, release: () => void): OwnSession {
  return {
    address: session.address,
    get serverStatus() {
      return session.serverStatus
    },
    get isClosed() {
      return session.isClosed
    },
    run: (sql, values) => session.run(sql, values),
    state: () => session.state(),
    destroy: () => session.destroy(),
    release: (isBroken = false) => {
      if (isBroken) session.destroy()
      else release()
    },
  }
}
