/** A server with one table for a test file, and pools and connections that go with each test. */
import { after, afterEach, before, beforeEach } from 'node:test'
import { runWithContext } from '@settee/kit'
import * as mariadb from 'mariadb'
import mysql from 'mysql2'
import type { Connection as RootConnection, RowDataPacket } from 'mysql2/promise'
import { startTestMariadb, type TestMariadb } from '../test-mariadb.ts'
import { interceptMysql } from './intercept.ts'
import type { MysqlSession, MysqlSource } from './session.ts'
import { createRecorder, type Recorder } from './test-recorder.ts'

export const xid = '127.0.0.1:8091:42'
export const insert = 'INSERT INTO stock (sku, amount) VALUES (?, ?)'
export const select = 'SELECT * FROM stock WHERE id = ?'
export const update = 'UPDATE stock SET amount = amount + 1 WHERE sku = ?'

/** Runs `work` as the application does in a global transaction. */
export function inside<Result>(work: () => Result, one: string = xid): Result {
  return runWithContext({ xid: one }, work)
}

export interface Opened<Target> {
  readonly target: Target
  readonly source: MysqlSource
}

export interface Shop {
  readonly recorder: Recorder
  readonly server: TestMariadb
  /** A connection without AT mode. */
  readonly root: RootConnection
  /** Where the shop is, for either driver. */
  readonly options: mysql.ConnectionOptions & { database: string }
  /** Makes the table anew, with the rows a, b and c. */
  fill(): Promise<void>
  count(): Promise<number>
  /** Ends with the test. */
  atEnd(end: () => unknown): void
  mysqlPool(options?: mysql.PoolOptions): mysql.Pool
  mysqlConnection(options?: mysql.ConnectionOptions): Promise<mysql.Connection>
  mariadbPool(options?: mariadb.PoolConfig): mariadb.Pool
  mariadbConnection(options?: mariadb.ConnectionConfig): Promise<mariadb.Connection>
  /** Puts AT mode on it, with the recorder behind. */
  intercept<Target extends mysql.Pool | mysql.Connection | mariadb.Pool | mariadb.Connection>(
    target: Target,
  ): Opened<Target>
  /** Ends the newest connection of the application, as an operator does. */
  kill(): Promise<unknown>
}

/** Makes the shop in hooks of the test file that calls it. */
export function useShop(): Shop {
  const recorder = createRecorder()
  const ends: (() => unknown)[] = []
  let server: TestMariadb
  let root: RootConnection
  const shop: Shop = {
    recorder,
    get server() {
      return server
    },
    get root() {
      return root
    },
    get options() {
      const { host, port, user, password } = server
      return { host, port, user, password, database: 'shop', multipleStatements: true }
    },
    fill: () => fill(root),
    count: () => count(root),
    atEnd: (end) => ends.push(end),
    mysqlPool: (options) => {
      const pool = mysql.createPool({ ...shop.options, ...options })
      ends.push(() => new Promise((resolve) => pool.end(resolve)))
      return pool
    },
    mysqlConnection: async (options) => {
      const connection = mysql.createConnection({ ...shop.options, ...options })
      ends.push(() => connection.destroy())
      await connection.promise().ping()
      return connection
    },
    mariadbPool: (options) => {
      const limits = { connectionLimit: 2, minimumIdle: 1 }
      const pool = mariadb.createPool({ ...(shop.options as object), ...limits, ...options })
      ends.push(() => pool.end())
      return pool
    },
    mariadbConnection: async (options) => {
      const connection = await mariadb.createConnection({ ...(shop.options as object), ...options })
      ends.push(() => connection.destroy())
      return connection
    },
    intercept: (target) => ({ target, source: interceptMysql(target, recorder.connectAt) }),
    kill: () => killNewest(root),
  }
  before(async () => {
    server = await startTestMariadb()
    await server.createDatabase('shop')
    root = await server.connect({ database: 'shop' })
  })
  after(() => server.stop())
  beforeEach(async () => {
    recorder.clear()
    await fill(root)
  })
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })
  return shop
}

async function fill(root: RootConnection): Promise<void> {
  await root.query(
    'CREATE OR REPLACE TABLE stock (id BIGINT AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(40), ' +
      'amount DECIMAL(20,4))',
  )
  await root.query("INSERT INTO stock (sku, amount) VALUES ('a', 1.5), ('b', 2), ('c', 3)")
}

async function count(root: RootConnection): Promise<number> {
  const [rows] = await root.query<RowDataPacket[]>('SELECT COUNT(*) AS count FROM stock')
  return rows[0]!.count as number
}

async function killNewest(root: RootConnection): Promise<unknown> {
  const [rows] = await root.query<RowDataPacket[]>(
    'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() ' +
      "AND user = 'settee' ORDER BY id DESC LIMIT 1",
  )
  return root.query(`KILL ${rows[0]!.id as number}`)
}

/** The moments in which a connection can be lost; each arranges for it to be killed then. */
export const lossMoments: readonly [string, (shop: Shop) => void][] = [
  [
    'before the statement',
    (shop) => {
      shop.recorder.before = () => shop.kill()
    },
  ],
  [
    'and closed before the statement',
    (shop) => {
      shop.recorder.before = async (_, session) => {
        await shop.kill()
        await closed(session)
      }
    },
  ],
  [
    'after the statement',
    (shop) => {
      shop.recorder.after = async (_, session) => {
        await shop.kill()
        await session.run('COMMIT')
      }
    },
  ],
  [
    'during an own statement',
    (shop) => {
      shop.recorder.before = (_, session) => {
        return Promise.all([session.run('SELECT SLEEP(5)'), shop.kill()])
      }
    },
  ],
  [
    'during the statement itself',
    (shop) => {
      shop.recorder.run = async (call) => {
        const running = call.run({ sql: 'SELECT SLEEP(5)', values: [] })
        const [result] = await Promise.all([running, shop.kill()])
        return result
      }
    },
  ],
  [
    'while the coordinator is asked',
    (shop) => {
      shop.recorder.after = async (_, session) => {
        await shop.kill()
        await closed(session)
        await session.run('COMMIT')
      }
    },
  ],
]

/** The driver has heard of the loss, which it does not tell anyone while nothing is under way. */
async function closed(session: MysqlSession): Promise<void> {
  while (!session.isClosed) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** What a client of either driver says of a connection that is no more. */
export const lossMessage: RegExp = /closed|killed|KILLED|PROTOCOL_CONNECTION_LOST|ECONNRESET|EPIPE/

/** Every kind of column whose value a driver may change, and the row of it as the server's text. */
export async function createKinds(root: RootConnection): Promise<unknown[]> {
  await root.query(
    'CREATE OR REPLACE TABLE kinds (big BIGINT UNSIGNED, exact DECIMAL(30,10), day DATE, ' +
      'at DATETIME(6), text VARCHAR(20), json JSON, raw BLOB, bits BIT(9), bit BIT(1), nothing ' +
      'INT)',
  )
  await root.query(
    'INSERT INTO kinds VALUES (18446744073709551615, 12345678901234567890.0123456789, ' +
      "'2026-02-28', " +
      "'2026-01-02 03:04:05.000001', 'ä𝄞', '{\"a\":1}', X'00FF', b'101010101', b'1', NULL)",
  )
  const texts = [
    '18446744073709551615',
    '12345678901234567890.0123456789',
    '2026-02-28',
    '2026-01-02 03:04:05.000001',
    'ä𝄞',
    '{"a":1}',
  ]
  return [...texts, Buffer.from([0, 255]), Buffer.from([1, 0x55]), Buffer.from([1]), null]
}
