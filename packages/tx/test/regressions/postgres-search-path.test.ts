/** Each schema has a table undo_log of its own, and the transaction sets its search_path. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture, isRefused } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE SCHEMA tenant;
CREATE TABLE tenant.undo_log (LIKE public.undo_log INCLUDING ALL);
CREATE TABLE tenant.account (id int PRIMARY KEY, money int);
INSERT INTO tenant.account VALUES (1, 100);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('the undo log is found by a connection with another search_path', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const { xid } = await coordinator.run(() =>
    pool.transaction(async (client) => {
      await client.query('SET LOCAL search_path = tenant, public')
      await client.query('UPDATE account SET money = 0')
    }),
  )
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.dump('tenant.account'), [{ row: '(1,100)' }])
})

test('the undo log is found when only the pool itself sets a search_path', async () => {
  const { coordinator, plain } = await createFixture(server, schema)
  await plain.query('DROP TABLE tenant.undo_log; ALTER TABLE undo_log SET SCHEMA tenant')
  const own = server.openPool(plain.options.database!)
  own.on('connect', (client) => void client.query('SET search_path = tenant'))
  const { pool, resource } = createPostgresResource({
    pool: own,
    port: coordinator,
    resourceId: 'own',
  })
  coordinator.add(resource)
  const { xid } = await coordinator.run(() => pool.query('UPDATE account SET money = 0'))
  await coordinator.rollback(xid)
  const { rows } = await plain.query('SELECT money FROM tenant.account')
  assert.deepEqual(rows, [{ money: 100 }])
})

test('several undo logs outside of the search_path are not guessed from', async () => {
  const { coordinator, plain, pool } = await createFixture(server, schema)
  await plain.query('CREATE SCHEMA other; ALTER TABLE undo_log SET SCHEMA other')
  const running = coordinator.run(() => pool.query('UPDATE tenant.account SET money = 0'))
  await assert.rejects(running, isRefused(/the table undo_log does not exist/))
})
