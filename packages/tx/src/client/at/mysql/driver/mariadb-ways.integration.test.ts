import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type * as mariadb from 'mariadb'
import { settled, streamed } from './test-observe.ts'
import { insert, inside, select, update, useShop, xid } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

interface Way {
  readonly name: string
  readonly options?: mariadb.PoolConfig
  /** The statements that AT mode has to see, in order. */
  readonly sees: readonly string[]
  readonly run: (on: { pool: mariadb.Pool; connection: mariadb.Connection }) => Promise<unknown>
}

const ways: readonly Way[] = [
  {
    name: 'pool.query and pool.execute',
    sees: [insert, insert, select, update, 'SELECT 1 AS one'],
    run: async ({ pool }) => [
      await settled(pool.query(insert, ['x', 1])),
      await settled(pool.execute(insert, ['y', 1])),
      await settled(pool.query({ sql: select, rowsAsArray: true }, [1])),
      await settled(pool.execute({ sql: update }, ['a'])),
      await settled(pool.query('SELECT 1 AS one')),
    ],
  },
  {
    name: 'pool.batch',
    sees: [insert, insert],
    run: async ({ pool }) => [
      await settled(
        pool.batch(insert, [
          ['x', 1],
          ['y', 2],
        ]),
      ),
      await settled(
        pool.batch({ sql: insert, bulk: false }, [
          ['x', 1],
          ['y', 2],
        ]),
      ),
    ],
  },
  {
    name: 'a connection of the pool',
    sees: [insert, select, insert],
    run: async ({ pool }) => {
      const connection = await pool.getConnection()
      const results = [
        await settled(connection.query(insert, ['x', 1])),
        await settled(connection.execute(select, [1])),
        await settled(
          connection.batch(insert, [
            ['x', 1],
            ['y', 2],
          ]),
        ),
      ]
      await connection.release()
      return results
    },
  },
  {
    name: 'options of a connection',
    options: { metaAsArray: true, rowsAsArray: true, insertIdAsNumber: true, bigIntAsNumber: true },
    sees: [insert, select, select, 'SELECT 1 AS one; UPDATE stock SET amount = 0'],
    run: async ({ connection }) => [
      await settled(connection.query(insert, ['x', 1])),
      await settled(connection.query(select, [1])),
      await settled(connection.execute({ sql: select, typeCast: () => 'cast' }, [1])),
      await settled(connection.query('SELECT 1 AS one; UPDATE stock SET amount = 0')),
    ],
  },
  {
    name: 'a prepared statement, its stream, and what a batch of it gives',
    sees: [insert, insert, select, insert],
    run: async ({ connection }) => {
      const changing = await connection.prepare(insert)
      const reading = await connection.prepare({ sql: select, rowsAsArray: true })
      const results = [
        await settled(changing.execute(['x', 1])),
        await settled(changing.execute(['y', 2])),
        await streamed(reading.executeStream([1])),
      ]
      changing.close()
      reading.close()
      return [...results, await settled(changing.execute(['z', 3]))]
    },
  },
  {
    name: 'a stream',
    sees: ['SELECT * FROM stock', update, 'SELECT nope'],
    run: async ({ connection }) => [
      await streamed(connection.queryStream('SELECT * FROM stock')),
      await streamed(connection.queryStream(update, ['a'])),
      await streamed(connection.queryStream('SELECT nope')),
    ],
  },
  {
    name: 'named placeholders',
    options: { namedPlaceholders: true },
    sees: [insert, select, select, insert],
    run: async ({ connection }) => [
      await settled(
        connection.query('INSERT INTO stock (sku, amount) VALUES (:sku, :amount)', {
          sku: 'x',
          amount: 1,
        }),
      ),
      await settled(connection.query('SELECT * FROM stock WHERE id = :id', { id: 1 })),
      await settled(connection.execute('SELECT * FROM stock WHERE id = :id', { id: 1 })),
      await settled(
        connection.batch('INSERT INTO stock (sku, amount) VALUES (:a, :b)', [
          { a: 'x', b: 1 },
          { a: 'y', b: 2 },
        ]),
      ),
    ],
  },
  {
    name: 'a list as a value, which becomes text',
    sees: ['SELECT sku FROM stock WHERE id IN (1,2)', select],
    run: async ({ connection }) => [
      await settled(connection.query('SELECT sku FROM stock WHERE id IN (?)', [[1, 2]])),
      await settled(connection.query(select, 1)),
    ],
  },
  {
    name: 'a local transaction by methods',
    sees: [
      'START TRANSACTION',
      insert,
      'ROLLBACK',
      'START TRANSACTION',
      insert,
      'COMMIT',
      'COMMIT',
    ],
    run: async ({ connection }) => [
      await settled(connection.beginTransaction()),
      await settled(connection.query(insert, ['x', 1])),
      await settled(connection.rollback()),
      await settled(connection.beginTransaction()),
      await settled(connection.execute(insert, ['x', 1])),
      await settled(connection.commit()),
      await settled(connection.commit()),
    ],
  },
  {
    name: 'errors of the server and of the driver',
    sees: ['SELECT nope', 'SELECT nope', 'SELECT ?', 'SELECT ?'],
    run: async ({ connection, pool }) => [
      await settled(connection.query('SELECT nope')),
      await settled(pool.execute('SELECT nope')),
      await settled(connection.query('SELECT ?', [])),
      await settled(pool.execute('SELECT ?', [])),
      await settled(connection.prepare('SELECT nope').then(() => 1)),
      await settled(
        connection.importFile({ file: '' }).then(
          () => 1,
          () => 'refused',
        ),
      ),
    ],
  },
  {
    name: 'a change of the user and a reset of the session',
    sees: ['SET @a = 1', 'SELECT @a', 'SELECT @a'],
    run: async ({ connection }) => [
      await settled(connection.query('SET @a = 1')),
      await settled(
        connection.changeUser({ user: shop.server.user, password: shop.server.password }),
      ),
      await settled(connection.query('SELECT @a')),
      await settled(connection.reset()),
      await settled(connection.query('SELECT @a')),
      await settled(connection.ping()),
    ],
  },
]

describe('mariadb: each way to send comes to AT mode, with the outcome of the driver', () => {
  for (const way of ways) {
    test(way.name, async () => {
      const expected = await way.run({
        pool: shop.mariadbPool(way.options),
        connection: await shop.mariadbConnection(way.options),
      })
      assert.deepEqual(recorder.log, [])
      await shop.fill()
      const { target: pool } = shop.intercept(shop.mariadbPool(way.options))
      const { target: connection } = shop.intercept(await shop.mariadbConnection(way.options))
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
    const { target: pool } = shop.intercept(shop.mariadbPool())
    const { target: connection } = shop.intercept(await shop.mariadbConnection())
    for (const way of ways) if (way.options === undefined) await way.run({ pool, connection })
    assert.deepEqual(recorder.log, [])
  })
})
