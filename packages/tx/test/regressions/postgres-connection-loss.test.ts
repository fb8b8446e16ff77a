/**
 * A branch keeps a connection while it talks to the coordinator. The pool listens for errors of
 * idle connections alone, so that PostgreSQL's restart in that moment would end the whole process
 * by an `error` event that nobody handles.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('errors of a connection are handled while its branch is registered', async () => {
  const { coordinator, plain } = await createFixture(
    server,
    'CREATE TABLE account (id int PRIMARY KEY, money int); INSERT INTO account VALUES (1, 100)',
  )
  const own = new pg.Pool({
    host: '127.0.0.1',
    port: server.port,
    user: 'settee',
    password: 'settee',
    database: plain.options.database,
    max: 1,
  })
  own.on('error', () => {})
  const clients: pg.PoolClient[] = []
  own.on('connect', (client) => clients.push(client as pg.PoolClient))
  const { pool, resource } = createPostgresResource({
    pool: own,
    port: coordinator,
    resourceId: 'own',
  })
  coordinator.add(resource)
  const change = 'UPDATE account SET money = money - 1'
  const listening: boolean[] = []
  coordinator.beforeRegister = () => {
    listening.push(clients[0]!.listenerCount('error') > 0)
  }
  const first = await coordinator.run(() => pool.query(change))
  await coordinator.commit(first.xid)
  const second = await coordinator.run(() => pool.transaction((client) => client.query(change)))
  await coordinator.commit(second.xid)
  const client = await pool.connect()
  await coordinator.run(async () => {
    await client.query(change)
    await client.query('BEGIN')
    await client.query(change)
    await client.query('COMMIT')
  })
  assert.equal(clients[0]!.listenerCount('error'), 0)
  client.release()
  await own.end()
  assert.deepEqual(listening, [true, true, true, true])
})
