import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, test } from 'node:test'
import { currentContext, isSetteeError } from '@settee/kit'
import mysql from 'mysql2'
import * as promise from 'mysql2/promise'
import { interceptModule, interceptMysql } from './intercept.ts'
import { connectionOf, heard, settled, streamed, told } from './test-observe.ts'
import { insert, inside, lossMessage, lossMoments, useShop, xid } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

describe('mysql2: connections', () => {
  test('a connection released in a transaction is rolled back before its next use', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    const connection = await inside(() => connectionOf(pool))
    await inside(() => told((done) => connection.query('BEGIN', done)))
    await inside(() => told((done) => connection.query(insert, ['x', 1], done)))
    const next = pool.promise().query('SELECT COUNT(*) AS count FROM stock')
    connection.release()
    assert.deepEqual((await next)[0], [{ count: 3 }])
    assert.equal(recorder.log.at(-1), 'release')
  })

  test('where that fails the connection is replaced', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    const connection = await inside(() => connectionOf(pool))
    await inside(() => told((done) => connection.query('BEGIN', done)))
    await inside(() => told((done) => connection.query(insert, ['x', 1], done)))
    recorder.release = () => Promise.reject(new Error('no'))
    const next = pool.promise().query('SELECT COUNT(*) AS count FROM stock')
    pool.releaseConnection(connection)
    assert.deepEqual((await next)[0], [{ count: 3 }])
  })

  test('each statement runs in the context of its caller, whoever opened it', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    const seen: unknown[] = []
    recorder.before = (call) => seen.push([call.xid, currentContext().xid])
    const held = await inside(() => connectionOf(pool), 'first')
    const waiting = inside(() => pool.promise().query('SELECT 1'), 'second')
    const outside = pool.promise().query('SELECT 2')
    inside(() => held.release(), 'third')
    await Promise.all([waiting, outside])
    assert.deepEqual(seen, [['second', 'second']])
    const store = new AsyncLocalStorage<string>()
    const inCallback = await store.run('mine', () =>
      inside(
        () =>
          new Promise((resolve) => {
            pool.query('SELECT 1', () => resolve([store.getStore(), currentContext().xid]))
          }),
      ),
    )
    assert.deepEqual(inCallback, ['mine', xid])
    const context = await new Promise((resolve) => {
      pool.query('SELECT 1').on('end', () => resolve(currentContext().xid))
    })
    assert.equal(context, undefined)
  })

  for (const [moment, arrange] of lossMoments) {
    test(`a connection killed ${moment} gives errors, no hang, and the pool goes on`, async () => {
      const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
      arrange(shop)
      for (const run of [
        () => settled(pool.promise().query('SELECT 1')),
        () => settled(pool.promise().execute('SELECT 1')),
        () => heard(pool.query('SELECT 1')),
        () => streamed(pool.query('SELECT 1').stream()),
      ]) {
        const failed = JSON.stringify(await inside(run))
        assert.match(failed, lossMessage)
      }
      recorder.clear()
      await inside(() => pool.promise().query('SELECT 1'))
    })
  }

  test('what waits behind a lost connection fails, and so does what comes later', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    recorder.before = async (_, session) => {
      await shop.kill()
      await assert.rejects(session.run('SELECT 1'))
    }
    const outcomes = await inside(() =>
      Promise.all([
        told((done) => connection.query('SELECT 1', done)),
        told((done) => connection.query('SELECT 2', done)),
        told((done) => connection.execute('SELECT 3', done)),
        told((done) => connection.ping(done as () => void)),
      ]),
    )
    for (const [error] of outcomes) assert.notEqual(error, null)
    const [error] = await inside(() => told((done) => connection.query('SELECT 4', done)))
    assert.notEqual(error, null)
  })

  test('`destroy` in the middle fails the statement; `end` waits for it', async () => {
    const { target: destroyed } = shop.intercept(await shop.mysqlConnection())
    recorder.before = (_, session) => {
      const sleeping = session.run('SELECT SLEEP(5)')
      destroyed.destroy()
      return sleeping
    }
    const startedMs = performance.now()
    const [error] = await inside(() => told((done) => destroyed.query('SELECT 1', done)))
    assert.equal((error as { code: string }).code, 'PROTOCOL_CONNECTION_LOST')
    assert.ok(performance.now() - startedMs < 4000)
    recorder.clear()
    const { target: ended } = shop.intercept(await shop.mysqlConnection())
    recorder.before = (_, session) => session.run('SELECT SLEEP(0.02)')
    const first = inside(() => told((done) => ended.query('SELECT 1 AS one', done)))
    const end = told((done) => ended.end(done as () => void))
    assert.deepEqual((await first).slice(0, 2), [null, [{ one: 1 }]])
    await end
  })

  test('a connection that was never let in gives its error to what waits, too', async () => {
    const login = { ...shop.options, password: 'wrong' }
    const ask = (connection: mysql.Connection): Promise<unknown[]> =>
      Promise.all([
        told((done) => connection.query('SELECT 1', done)),
        told((done) => connection.query('SELECT 2', done)),
      ])
    const { target } = shop.intercept(mysql.createConnection(login))
    assert.deepEqual(await inside(() => ask(target)), await ask(mysql.createConnection(login)))
  })

  test('a reset of the session ends the local transaction', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    await inside(() => told((done) => connection.query('BEGIN', done)))
    await connection.promise().query('SELECT 1')
    const seen = recorder.calls.length
    await connection.promise().reset()
    await connection.promise().query('SELECT 1')
    assert.deepEqual([seen, recorder.calls.length], [2, 2])
  })

  test('a full pool is served to the last, with refusals and errors in between', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 2 }))
    recorder.before = (call) => {
      if (call.values[0] === 3) throw new Error('refused')
    }
    const runs = Array.from({ length: 60 }, (_, index) => {
      const kind = index % 6
      const sql = kind === 4 ? 'SELECT ?, nope' : 'SELECT ?'
      const run = () =>
        kind % 2 === 0 ? pool.promise().query(sql, [kind]) : pool.promise().execute(sql, [kind])
      return settled(kind === 5 ? run() : inside(run))
    })
    await Promise.all(runs)
    const both = await Promise.all([connectionOf(pool), connectionOf(pool)])
    for (const connection of both) connection.release()
  })
})

describe('mysql2: what AT mode is put on', () => {
  test('a module gives pools, connections and clusters that have it', async () => {
    const attached: (string | undefined)[] = []
    const attach = (target: Parameters<typeof interceptMysql>[0]): void => {
      attached.push(interceptMysql(target, recorder.connectAt).address?.database)
    }
    const wrapped = interceptModule(mysql, attach)
    const wrappedPromise = interceptModule(promise, attach)
    const connection = wrapped.createConnection(shop.options)
    const pool = wrapped.createPool(shop.options)
    const later = await wrappedPromise.createConnection(shop.options)
    const promisePool = wrappedPromise.createPool(shop.options)
    const cluster = wrapped.createPoolCluster()
    cluster.add('one', shop.options)
    const ofCluster = await new Promise<mysql.PoolConnection>((resolve, reject) => {
      cluster.getConnection('one', (error, one) => (error ? reject(error) : resolve(one)))
    })
    await inside(async () => {
      await told((done) => connection.query('SELECT 1', done))
      await pool.promise().query('SELECT 2')
      await later.query('SELECT 3')
      await promisePool.execute('SELECT 4')
      await told((done) => ofCluster.query('SELECT 5', done))
      ofCluster.release()
      await told((done) => cluster.of('*').query('SELECT 6', done))
      await told((done) => cluster.of('one').execute('SELECT 7', [], done))
    })
    assert.deepEqual(
      recorder.calls.map((call) => call.sql),
      [1, 2, 3, 4, 5, 6, 7].map((n) => `SELECT ${n}`),
    )
    assert.deepEqual(attached, ['shop', 'shop', 'shop', 'shop', 'shop'])
    assert.equal(wrapped.escape("a'"), "'a\\''")
    assert.equal(connection instanceof wrapped.Connection, true)
    connection.destroy()
    later.destroy()
    await Promise.all([
      told((done) => pool.end(done)),
      promisePool.end(),
      told((done) => cluster.end(done)),
    ])
  })

  test('anything else is refused with the reason', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool())
    const connection = await connectionOf(pool)
    const wrong: [unknown, RegExp][] = [
      [{}, /no pool or connection/],
      [connection, /give the pool/],
      [mysql.createPoolCluster(), /cluster/],
    ]
    for (const [target, reason] of wrong) {
      assert.throws(
        () => interceptMysql(target as mysql.Pool, recorder.connectAt),
        (error) => isSetteeError(error, 'SETTEE_TX_BAD_OPTION') && reason.test(error.message),
      )
    }
    connection.release()
  })
})
