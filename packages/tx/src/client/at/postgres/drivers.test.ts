/** The ways in which applications and ORMs reach `pg`: single clients, the module, cursors. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import Cursor from 'pg-cursor'
import postgres from 'postgres'
import { createTx } from '../../tx.ts'
import {
  createPostgresClientResource,
  createPostgresDriver,
  createPostgresResource,
} from './postgres-resource.ts'
import { createFixture, isRefused, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = 'CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)'

describe('drivers of PostgreSQL', () => {
  let server: TestPostgres
  let fixture: Fixture
  let config: pg.ClientConfig
  before(async () => {
    server = await startTestPostgres()
  })
  after(() => server.stop())
  beforeEach(async () => {
    fixture = await createFixture(server, schema)
    const { host, port, user, database } = fixture.plain.options as pg.PoolConfig
    config = { host: host!, port: port!, user: user!, database: database!, password: 'settee' }
  })

  test('a wrapped pool is an instance of pg.Pool', () => {
    assert.ok(fixture.pool instanceof pg.Pool)
  })

  test('a cursor over a SELECT reads in its place between other statements', async () => {
    const { coordinator, pool } = fixture
    const { result: rows } = await coordinator.run(() =>
      pool.transaction(async (client) => {
        await client.query('UPDATE t SET v = 7 WHERE id = 1')
        const cursor = client.query(new Cursor('SELECT v FROM t ORDER BY id', [], {}))
        const first = await cursor.read(1)
        const second = await cursor.read(10)
        await cursor.close()
        await client.query('UPDATE t SET v = 8 WHERE id = 2')
        return [...first, ...second]
      }),
    )
    assert.deepEqual(rows, [{ v: 7 }, { v: 2 }])
  })

  test('a Query object with a callback reads', async () => {
    const { coordinator, pool } = fixture
    const client = await pool.connect()
    const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult>()
    coordinator.within(coordinator.begin(), () => {
      const callback = (error: Error | null, result: pg.QueryResult): void =>
        error === null ? resolve(result) : reject(error)
      const query = { text: 'SELECT v FROM t WHERE id = $1', values: [2], callback }
      client.query(new pg.Query(query as never))
    })
    assert.deepEqual((await promise).rows, [{ v: 2 }])
    client.release()
  })

  for (const sql of ['DELETE FROM t RETURNING id', 'SELECT * FROM t FOR UPDATE']) {
    test(`a cursor is refused over ${sql}`, async () => {
      const { coordinator, pool } = fixture
      const client = await pool.connect()
      await coordinator.within(coordinator.begin(), async () => {
        const cursor = client.query(new Cursor(sql))
        await assert.rejects(
          cursor.read(1),
          isRefused(/^a Query object or cursor that does more than read was refused/),
        )
      })
      client.release()
      assert.equal((await fixture.dump('t')).length, 2)
    })
  }

  test('a named statement runs inside and outside of a global transaction', async () => {
    const { coordinator, pool } = fixture
    const query = { name: 'set', text: 'UPDATE t SET v = $1 WHERE id = $2', values: [9, 1] }
    const client = await pool.connect()
    await client.query(query)
    const { xid } = await coordinator.run(() => client.query({ ...query, values: [10, 1] }))
    await client.query({ ...query, values: [11, 2] })
    client.release()
    await coordinator.rollback(xid)
    assert.deepEqual(await fixture.dump('t'), [{ row: '(1,9)' }, { row: '(2,11)' }])
  })

  test('a pool of pipelining connections is undone as any other', async () => {
    const { coordinator } = fixture
    const plain = server.openPool(config.database!, { pipeline: true } as pg.PoolConfig)
    const { pool, resource } = createPostgresResource({ pool: plain, port: coordinator })
    coordinator.add(resource)
    const { xid } = await coordinator.run(() =>
      Promise.all([1, 2].map((id) => pool.query('UPDATE t SET v = 0 WHERE id = $1', [id]))),
    )
    await coordinator.rollback(xid)
    assert.deepEqual(await fixture.dump('t'), [{ row: '(1,1)' }, { row: '(2,2)' }])
  })

  test('a single client has AT mode, with and without BEGIN', async () => {
    const { coordinator } = fixture
    const plain = new pg.Client(config)
    const { client, resource } = createPostgresClientResource({ client: plain, port: coordinator })
    coordinator.add(resource)
    await client.connect()
    assert.ok(client instanceof pg.Client)
    const { xid } = await coordinator.run(async () => {
      await client.query('UPDATE t SET v = 5')
      await client.query('BEGIN')
      await client.query('DELETE FROM t WHERE id = 1')
      await client.query('COMMIT')
    })
    assert.equal(coordinator.branchesOf(xid).length, 2)
    await coordinator.rollback(xid)
    const { xid: second } = await coordinator.run(() => client.query('DELETE FROM t'))
    await coordinator.rollback(second)
    await client.end()
    await resource.close?.()
    assert.deepEqual(await fixture.dump('t'), [{ row: '(1,1)' }, { row: '(2,2)' }])
  })

  test('clients and pools that an ORM makes of the module have AT mode', async () => {
    const { coordinator } = fixture
    const resourceIds: string[] = []
    const driver = createPostgresDriver({
      module: pg,
      port: coordinator,
      register(resource) {
        resourceIds.push(resource.resourceId)
        coordinator.add(resource)
      },
    })
    const client = new driver.Client(config)
    const pool = new driver.Pool(config)
    pool.on('error', () => {})
    assert.ok(client instanceof pg.Client && pool instanceof pg.Pool)
    await client.connect()
    const { xid } = await coordinator.run(async () => {
      await client.query('UPDATE t SET v = 5 WHERE id = 1')
      await pool.query('INSERT INTO t VALUES ($1, $2)', [3, 3])
      const { promise, resolve } = Promise.withResolvers<void>()
      pool.query('DELETE FROM t WHERE id = 2', () => resolve())
      await promise
    })
    assert.equal(coordinator.branchesOf(xid).length, 3)
    assert.deepEqual(resourceIds, [fixture.resource.resourceId])
    await coordinator.rollback(xid)
    await client.end()
    await pool.end()
    assert.deepEqual(await fixture.dump('t'), [{ row: '(1,1)' }, { row: '(2,2)' }])
  })

  test('tx.at takes a client and a postgres function, tx.atDriver the module', async () => {
    const tx = createTx({ applicationId: 'a', address: '127.0.0.1:1', onWarning: () => {} })
    const sql = postgres({ host: 'h', database: 'a' })
    assert.ok(tx.at(new pg.Client({ host: 'h', database: 'b' })) instanceof pg.Client)
    assert.equal(typeof tx.at(sql)`SELECT 1`.then, 'function')
    const client = new (tx.atDriver(pg).Client)({ host: 'h', database: 'c' })
    assert.ok(client instanceof pg.Client)
    assert.throws(() => tx.at(new pg.Pool({ host: 'h', database: 'b', port: 5432 })), /already/)
    await tx.close()
  })
})
