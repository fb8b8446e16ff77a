/** Drivers before pg 8.17 cannot tell whether a connection is in a transaction. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture, hasCode } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE account (id int PRIMARY KEY, money int);
INSERT INTO account VALUES (1, 100), (2, 100), (3, 100);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a failed transaction leaves no open one behind', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain } = fixture
  const old = server.openPool(plain.options.database!, { max: 1 })
  old.on('connect', (client) => {
    Object.defineProperty(client, 'getTransactionStatus', { value: undefined })
  })
  const { pool } = createPostgresResource({ pool: old, port: coordinator, resourceId: 'old' })
  const failure = new Error('changed my mind')
  const running = pool.transaction(async (client) => {
    await client.query('UPDATE account SET money = 0 WHERE id = 1')
    throw failure
  })
  await assert.rejects(running, failure)
  await pool.query('UPDATE account SET money = 0 WHERE id = 3')
  const rows = [{ row: '(1,100)' }, { row: '(2,100)' }, { row: '(3,0)' }]
  assert.deepEqual(await fixture.dump('account'), rows)
})

test('a connection is kept when its transaction was rolled back', async () => {
  const { coordinator, plain } = await createFixture(server, schema)
  const own = server.openPool(plain.options.database!, { max: 1 })
  let connections = 0
  own.on('connect', () => connections++)
  const { pool } = createPostgresResource({ pool: own, port: coordinator, resourceId: 'own' })
  const insert = (): Promise<unknown> => pool.query('INSERT INTO account VALUES (1, 1)')
  const buy = (): Promise<unknown> =>
    pool.transaction((client) => client.query('INSERT INTO account VALUES (1, 1)'))
  for (let i = 0; i < 5; i++) {
    await assert.rejects(coordinator.run(insert), hasCode('23505'))
    await assert.rejects(coordinator.run(buy), hasCode('23505'))
    await assert.rejects(buy, hasCode('23505'))
  }
  assert.equal(connections, 1)
})
