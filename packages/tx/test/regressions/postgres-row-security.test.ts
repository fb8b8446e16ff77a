/**
 * Row security that looks at a setting of the session: the connection that rolls back does not have
 * the setting and does not see the rows. Such a table has to be refused, or undone all the same.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE orders (id int PRIMARY KEY, tenant text);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (tenant = current_setting('app.tenant', true));
CREATE ROLE shop LOGIN PASSWORD 'shop';
GRANT ALL ON orders, undo_log TO shop;
GRANT ALL ON SEQUENCE undo_log_id_seq TO shop;
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('an INSERT under row security is undone or refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain } = fixture
  const own = server.openPool(plain.options.database!, { user: 'shop', password: 'shop' })
  const { pool, resource } = createPostgresResource({
    pool: own,
    port: coordinator,
    resourceId: 'own',
  })
  coordinator.add(resource)
  const xid = coordinator.begin()
  const insertOrder = (): Promise<void> =>
    pool.transaction(async (client) => {
      await client.query("SET LOCAL app.tenant = 'green'")
      await client.query("INSERT INTO orders VALUES (1, 'green')")
    })
  await coordinator.within(xid, insertOrder).catch((error: unknown) => {
    assert.ok(isSetteeError(error, 'SETTEE_TX_UNSUPPORTED_SQL'), String(error))
  })
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.dump('orders'), [])
})
