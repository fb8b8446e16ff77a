import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type mysql from 'mysql2'
import { connectionOf, heard, settled, streamed, told } from './test-observe.ts'
import { insert, inside, select, update, useShop, xid } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

interface Way {
  readonly name: string
  readonly options?: mysql.PoolOptions
  /** The statements that AT mode has to see, in order. */
  readonly sees: readonly string[]
  readonly run: (on: { pool: mysql.Pool; connection: mysql.Connection }) => Promise<unknown>
}

const ways: readonly Way[] = [
  {
    name: 'pool.query with a callback',
    sees: [insert, select],
    run: async ({ pool }) => [
      await told((done) => pool.query(insert, ['x', 1], done)),
      await told((done) => pool.query(select, [1], done)),
    ],
  },
  {
    name: 'pool.query without a callback',
    sees: [insert, select],
    run: async ({ pool }) => [
      await heard(pool.query(insert, ['x', 1])),
      await heard(pool.query(select, [2])),
    ],
  },
  {
    name: 'pool.query as a stream',
    sees: ['SELECT * FROM stock'],
    run: ({ pool }) => streamed(pool.query('SELECT * FROM stock').stream()),
  },
  {
    name: 'pool.execute',
    sees: [insert, select],
    run: async ({ pool }) => [
      await told((done) => pool.execute(insert, ['x', 1], done)),
      await told((done) => pool.execute(select, [1], done)),
    ],
  },
  {
    name: 'pool.promise().query and execute',
    sees: [insert, update, select],
    run: async ({ pool }) => [
      await settled(pool.promise().query(insert, ['x', 1])),
      await settled(pool.promise().execute(update, ['a'])),
      await settled(pool.promise().query(select, [1])),
    ],
  },
  {
    name: 'a pool connection',
    sees: [insert, update, select],
    run: async ({ pool }) => {
      const connection = await connectionOf(pool)
      const results = [
        await told((done) => connection.query(insert, ['x', 1], done)),
        await told((done) => connection.execute(update, ['a'], done)),
        await heard(connection.query(select, [1])),
      ]
      connection.release()
      return results
    },
  },
  {
    name: 'a promise connection of a pool',
    sees: [insert, select],
    run: async ({ pool }) => {
      const connection = await pool.promise().getConnection()
      const results = [
        await settled(connection.query(insert, ['x', 1])),
        await settled(connection.execute(select, [1])),
      ]
      connection.release()
      return results
    },
  },
  {
    name: 'connection.query in all its forms',
    sees: [insert, insert, insert, 'SELECT 1 AS one', 'SELECT 2 AS two'],
    run: async ({ connection }) => [
      await told((done) => connection.query(insert, ['x', 1], done)),
      await told((done) => connection.query({ sql: insert, values: ['y', 2] }, done)),
      await told((done) => connection.query({ sql: insert }, ['z', 3], done)),
      await told((done) => connection.query('SELECT 1 AS one', done)),
      await heard(connection.query('SELECT 2 AS two')),
    ],
  },
  {
    name: 'options of one query',
    sees: [select, select, 'SELECT a.id, b.id FROM stock a JOIN stock b USING (id)'],
    run: async ({ connection }) => [
      await told((done) => connection.query({ sql: select, rowsAsArray: true }, [1], done)),
      await told((done) =>
        connection.query({ sql: select, typeCast: (field) => `<${field.string()}>` }, [1], done),
      ),
      await told((done) =>
        connection.query(
          { sql: 'SELECT a.id, b.id FROM stock a JOIN stock b USING (id)', nestTables: true },
          done,
        ),
      ),
    ],
  },
  {
    name: 'connection.execute in all its forms',
    sees: [insert, insert, 'SELECT 1 AS one', select],
    run: async ({ connection }) => [
      await told((done) => connection.execute(insert, ['x', 1], done)),
      await told((done) => connection.execute({ sql: insert, values: ['y', 2] }, done)),
      await told((done) => connection.execute('SELECT 1 AS one', done)),
      await heard(connection.execute(select, [1])),
    ],
  },
  {
    name: 'a prepared statement, run twice, closed and forgotten',
    sees: [insert, insert],
    run: async ({ connection }) => {
      const statement = await new Promise<mysql.PrepareStatementInfo>((resolve, reject) => {
        connection.prepare(insert, (error, prepared) => (error ? reject(error) : resolve(prepared)))
      })
      const results = [
        await told((done) => statement.execute(['x', 1], done)),
        await heard((statement as unknown as { execute(v: unknown[]): unknown }).execute(['y', 2])),
      ]
      statement.close()
      connection.unprepare(insert)
      return results
    },
  },
  {
    name: 'a promise connection with a prepared statement',
    sees: [select],
    run: async ({ connection }) => {
      const statement = await connection.promise().prepare(select)
      const result = await settled(statement.execute([1]))
      await statement.close()
      return result
    },
  },
  {
    name: 'named placeholders',
    options: { namedPlaceholders: true },
    sees: [insert, select, select],
    run: async ({ pool, connection }) => [
      await told((done) =>
        pool.query(
          'INSERT INTO stock (sku, amount) VALUES (:sku, :amount)',
          { sku: 'x', amount: 1 },
          done,
        ),
      ),
      await told((done) =>
        connection.query('SELECT * FROM stock WHERE id = :id', { id: 1 } as never, done),
      ),
      await told((done) =>
        connection.execute('SELECT * FROM stock WHERE id = :id', { id: 1 } as never, done),
      ),
    ],
  },
  {
    name: 'lists, names and objects as values, which become text',
    sees: [
      'SELECT `sku` FROM stock WHERE id IN (1, 2)',
      "INSERT INTO stock (sku, amount) VALUES ('x', 1), ('y', 2)",
      "INSERT INTO stock SET `sku` = 'z', `amount` = 3",
    ],
    run: async ({ connection }) => [
      await told((done) =>
        connection.query('SELECT ?? FROM stock WHERE id IN (?)', ['sku', [1, 2]], done),
      ),
      await told((done) =>
        connection.query(
          'INSERT INTO stock (sku, amount) VALUES ?',
          [
            [
              ['x', 1],
              ['y', 2],
            ],
          ],
          done,
        ),
      ),
      await told((done) =>
        connection.query('INSERT INTO stock SET ?', { sku: 'z', amount: 3 }, done),
      ),
    ],
  },
  {
    name: 'several statements in one text',
    sees: ['SELECT 1 AS one; UPDATE stock SET amount = 0; SELECT 2 AS two'],
    run: async ({ connection }) => {
      const sql = 'SELECT 1 AS one; UPDATE stock SET amount = 0; SELECT 2 AS two'
      return [await told((done) => connection.query(sql, done))]
    },
  },
  {
    name: 'a local transaction by methods',
    sees: ['START TRANSACTION', insert, 'ROLLBACK', 'START TRANSACTION', insert, 'COMMIT'],
    run: async ({ connection }) => [
      await told((done) => connection.beginTransaction(done)),
      await told((done) => connection.query(insert, ['x', 1], done)),
      await told((done) => connection.rollback(done as () => void)),
      await settled(connection.promise().beginTransaction()),
      await settled(connection.promise().execute(insert, ['x', 1])),
      await settled(connection.promise().commit()),
    ],
  },
  {
    name: 'errors of the server, by callback, event, promise and stream',
    sees: ['SELECT nope', 'SELECT nope', 'SELECT nope', 'SELECT nope'],
    run: async ({ connection, pool }) => [
      await told((done) => connection.query('SELECT nope', done)),
      await heard(connection.query('SELECT nope')),
      await settled(pool.promise().query('SELECT nope')),
      await streamed(connection.query('SELECT nope').stream()),
      await told((done) => connection.execute('SELECT nope', done)),
      await settled(pool.promise().execute('SELECT nope')),
    ],
  },
  {
    name: 'a wrong value for execute',
    sees: [],
    run: async ({ connection, pool }) => [
      await settled(
        new Promise((resolve) => resolve(connection.execute(select, [undefined] as never))),
      ),
      await settled(pool.promise().execute(select, [undefined] as never)),
    ],
  },
  {
    name: 'a timeout of a query',
    sees: ['SELECT SLEEP(0.3)', 'SELECT 1 AS one'],
    run: async ({ connection }) =>
      Promise.all([
        told((done) => connection.query({ sql: 'SELECT SLEEP(0.3)', timeout: 50 }, done)),
        told((done) => connection.query('SELECT 1 AS one', done)),
      ]),
  },
  {
    name: 'a change of the user and a reset of the session',
    sees: ['SET @a = 1', 'SELECT @a', 'SELECT @a'],
    run: async ({ connection }) => [
      await told((done) => connection.query('SET @a = 1', done)),
      await told((done) => connection.changeUser({}, done as () => void)),
      await told((done) => connection.query('SELECT @a', done)),
      await settled(connection.promise().reset()),
      await told((done) => connection.query('SELECT @a', done)),
    ],
  },
  {
    name: 'commands that are no statements',
    sees: ['SELECT 1 AS one'],
    run: async ({ connection }) => [
      await told((done) => connection.ping((error) => done(error ?? null))),
      await told((done) => connection.query('SELECT 1 AS one', done)),
    ],
  },
]

describe('mysql2: each way to send comes to AT mode, with the outcome of the driver', () => {
  for (const way of ways) {
    test(way.name, async () => {
      const expected = await way.run({
        pool: shop.mysqlPool(way.options),
        connection: await shop.mysqlConnection(way.options as mysql.ConnectionOptions),
      })
      assert.deepEqual(recorder.log, [])
      await shop.fill()
      const { target: pool } = shop.intercept(shop.mysqlPool(way.options))
      const own = await shop.mysqlConnection(way.options as mysql.ConnectionOptions)
      const { target: connection } = shop.intercept(own)
      const actual = await inside(() => way.run({ pool, connection }))
      assert.deepEqual(actual, expected)
      assert.deepEqual(
        recorder.calls.map((call) => call.sql),
        way.sees,
      )
      for (const call of recorder.calls) assert.equal(call.xid, xid)
    })
  }

  test('outside of global transactions nothing comes to it', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool())
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    for (const way of ways) if (way.options === undefined) await way.run({ pool, connection })
    assert.deepEqual(recorder.log, [])
  })
})
