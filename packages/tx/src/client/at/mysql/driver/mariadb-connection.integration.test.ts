import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { currentContext, isSetteeError } from '@settee/kit'
import * as mariadb from 'mariadb'
import * as mariadbCallback from 'mariadb/callback'
import { interceptModule, interceptMysql } from './intercept.ts'
import { plainRows, settled, streamed } from './test-observe.ts'
import { insert, inside, lossMessage, lossMoments, useShop, type Opened } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

async function openAt(own: mariadb.ConnectionConfig = {}): Promise<Opened<mariadb.Connection>> {
  return shop.intercept(await shop.mariadbConnection(own))
}

describe('mariadb: connections', () => {
  test('a connection released in a transaction is rolled back before its next use', async () => {
    const { target: pool } = shop.intercept(
      shop.mariadbPool({ connectionLimit: 1, noControlAfterUse: true }),
    )
    const connection = await pool.getConnection()
    await inside(() => connection.beginTransaction())
    await inside(() => connection.query(insert, ['x', 1]))
    const next = pool.query('SELECT COUNT(*) AS count FROM stock')
    await connection.release()
    assert.deepEqual(plainRows(await next), [{ count: 3 }])
    assert.equal(recorder.log.at(-1), 'release')
  })

  test('phase two has a connection of the pool, or the single one when none uses it', async () => {
    const { source } = shop.intercept(shop.mariadbPool({ connectionLimit: 1 }))
    for (let round = 0; round < 3; round++) {
      const own = await source.connect()
      await own.run('UPDATE stock SET amount = 7')
      own.release(round === 1)
    }
    const { target: connection, source: single } = await openAt()
    await connection.beginTransaction()
    await connection.query(insert, ['x', 1])
    let isThere = false
    const waiting = single.connect().then(async (own) => {
      isThere = true
      const { rows } = await own.run('SELECT COUNT(*) FROM stock')
      own.release()
      return rows
    })
    await connection.query('SELECT 1')
    assert.equal(isThere, false)
    await connection.commit()
    assert.deepEqual(await waiting, [['4']])
    await connection.query('SELECT 1')
  })

  test('each statement runs in the context of its caller', async () => {
    const { target: pool } = shop.intercept(shop.mariadbPool({ connectionLimit: 1 }))
    const seen: unknown[] = []
    recorder.before = (call) => seen.push([call.xid, currentContext().xid])
    const held = await inside(() => pool.getConnection(), 'first')
    const waiting = inside(() => pool.query('SELECT 1'), 'second')
    const outside = pool.query('SELECT 2')
    await inside(() => held.release(), 'third')
    await Promise.all([waiting, outside])
    assert.deepEqual(seen, [['second', 'second']])
  })

  for (const [moment, arrange] of lossMoments) {
    test(`a connection killed ${moment} gives errors, no hang, and the pool goes on`, async () => {
      const { target: pool } = shop.intercept(shop.mariadbPool({ connectionLimit: 1 }))
      arrange(shop)
      const stream = async (): Promise<unknown> => {
        const connection = await pool.getConnection()
        const rows = await streamed(connection.queryStream('SELECT 1'))
        await connection.release()
        return rows
      }
      const forms = [
        () => settled(pool.query('SELECT 1')),
        () => settled(pool.execute('SELECT 1')),
        stream,
      ]
      for (const run of forms) {
        const failed = JSON.stringify(await inside(run))
        assert.match(failed, lossMessage)
      }
      recorder.clear()
      await inside(() => pool.query('SELECT 1'))
    })
  }

  test('`destroy` in the middle fails the statement and those behind it', async () => {
    const { target: connection } = await openAt()
    recorder.before = () => connection.destroy()
    const outcomes = await inside(() =>
      Promise.allSettled([connection.query('SELECT 1'), connection.execute('SELECT 2')]),
    )
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
  })

  test('a reset of the session ends the local transaction', async () => {
    const { target: connection } = shop.intercept(await shop.mariadbConnection())
    await inside(() => connection.beginTransaction())
    await connection.query('SELECT 1')
    const seen = recorder.calls.length
    await connection.reset()
    await connection.query('SELECT 1')
    assert.deepEqual([seen, recorder.calls.length], [2, 2])
  })

  test('a full pool is served to the last, with refusals and errors in between', async () => {
    const { target: pool } = shop.intercept(shop.mariadbPool())
    recorder.before = (call) => {
      if (call.values[0] === 3) throw new Error('refused')
    }
    const runs = Array.from({ length: 60 }, (_, index) => {
      const kind = index % 6
      const sql = kind === 4 ? 'SELECT ?, nope' : 'SELECT ?'
      const run = (): Promise<unknown> =>
        kind % 2 === 0 ? pool.query(sql, [kind]) : pool.execute(sql, [kind])
      return settled(kind === 5 ? run() : inside(run))
    })
    await Promise.all(runs)
    assert.equal(pool.activeConnections(), 0)
  })
})

describe('mariadb: what AT mode is put on', () => {
  test('a module gives pools and connections that have it, and says where they go', async () => {
    const attached: unknown[] = []
    const wrapped = interceptModule(mariadb, (target, address) => {
      interceptMysql(target, recorder.connectAt)
      attached.push(address)
    })
    const pool = wrapped.createPool(shop.options as object)
    const connection = await wrapped.createConnection(shop.options as object)
    const { host, port, user, password } = shop.server
    const byUrl = await wrapped.createConnection(
      `mariadb://${user}:${password}@${host}:${port}/shop`,
    )
    await inside(() =>
      Promise.all([pool.query('SELECT 1'), connection.query('SELECT 2'), byUrl.query('SELECT 3')]),
    )
    assert.equal(recorder.calls.length, 3)
    const address = { host, port, database: 'shop' }
    assert.deepEqual(attached, [address, address, address])
    assert.throws(() => wrapped.createPoolCluster({}), /SETTEE_TX_BAD_OPTION|no pool/)
    await Promise.all([pool.end(), connection.end(), byUrl.end()])
  })

  test('the callback API is refused with the reason', () => {
    const pool = mariadbCallback.createPool(shop.options as object)
    shop.atEnd(() => new Promise((resolve) => pool.end(resolve)))
    assert.throws(
      () => interceptMysql(pool as never, recorder.connectAt),
      (error) => isSetteeError(error, 'SETTEE_TX_BAD_OPTION') && /promise API/.test(error.message),
    )
  })
})
