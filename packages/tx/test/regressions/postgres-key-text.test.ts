/**
 * The text of a key may depend on the session, here on its time zone: one row would have two locks,
 * and the connection that rolls back would not know it again.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture, isRefused } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE spans (span tstzrange PRIMARY KEY, v int);
INSERT INTO spans VALUES ('[2024-01-01 00:00+00,2024-01-02 00:00+00)', 1);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a key whose text depends on the session is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const rows = await fixture.dump('spans')
  const running = coordinator.run(() => pool.query('UPDATE spans SET v = 2'))
  await assert.rejects(running, isRefused(/primary key span may look different/))
  assert.deepEqual(await fixture.dump('spans'), rows)
})
