/**
 * AT mode on the pool of `mariadb`: connections that it hands out are intercepted, and in a global
 * transaction its own statements run on such a connection. The pool object stays the same.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { branchXid } from '../../../branch-context.ts'
import {
  interceptConnection,
  refuseImport,
  type MariadbInterception,
} from './mariadb-connection.ts'
import type { MariadbConnection, MariadbPool, MariadbSql } from './mariadb-driver.ts'
import type { ConnectAt, MysqlSource, OwnSession } from './session.ts'

/** Connections of the driver live longer than the transaction in which they are opened. */
const outsideOfContexts = AsyncLocalStorage.snapshot()

const installed = new WeakMap<MariadbPool, MysqlSource>()

export function interceptPool(pool: MariadbPool, connectAt: ConnectAt): MysqlSource {
  const existing = installed.get(pool)
  if (existing !== undefined) return existing
  const { getConnection, query, execute, batch, importFile, emit } = pool

  const connect = async (): Promise<MariadbConnection> => {
    const connection = await outsideOfContexts(() => getConnection.call(pool))
    interceptConnection(connection, connectAt)
    return connection
  }

  async function onConnection<Result>(
    work: (connection: MariadbConnection) => Promise<Result>,
  ): Promise<Result> {
    const connection = await connect()
    try {
      return await work(connection)
    } finally {
      await connection.release!()
    }
  }

  const isOutside = (): boolean => branchXid() === undefined
  Object.assign(pool, {
    getConnection: connect,
    query: (sql: MariadbSql, values?: unknown) =>
      isOutside()
        ? query.call(pool, sql, values)
        : onConnection((connection) => connection.query(sql, values)),
    execute: (sql: MariadbSql, values?: unknown) =>
      isOutside()
        ? execute.call(pool, sql, values)
        : onConnection((connection) => connection.execute(sql, values)),
    batch: (sql: MariadbSql, values?: unknown) =>
      isOutside()
        ? batch.call(pool, sql, values)
        : onConnection((connection) => connection.batch(sql, values)),
    importFile: (options: object) =>
      isOutside() ? importFile.call(pool, options) : Promise.reject(refuseImport()),
    emit: (event: string, ...args: unknown[]) => {
      if (event === 'connection') interceptConnection(args[0] as MariadbConnection, connectAt)
      return emit.call(pool, event, ...args)
    },
  })
  const source: MysqlSource = {
    address: undefined,
    connect: async () => {
      const connection = await connect()
      const interception = interceptConnection(connection, connectAt)
      return ownSession(interception, () => void connection.release!())
    },
  }
  installed.set(pool, source)
  return source
}

/**
 * Intercepts one connection. The driver does not tell how to open another, so that phase two waits
 * for a moment in which the application has no transaction open on this one.
 */
export function interceptSingle(connection: MariadbConnection, connectAt: ConnectAt): MysqlSource {
  const interception = interceptConnection(connection, connectAt)
  return {
    address: undefined,
    connect: () =>
      new Promise((resolve, reject) => {
        interception
          .exclusive(() => {
            const { promise, resolve: release } = Promise.withResolvers<void>()
            resolve(ownSession(interception, release))
            return promise
          })
          .catch(reject)
      }),
  }
}

function ownSession({ session }: MariadbInterception, release: () => void): OwnSession {
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
      release()
    },
  }
}
