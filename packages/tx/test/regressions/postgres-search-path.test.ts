/** Each schema has a table undo_log of its own, and the transaction sets its search_path. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
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
