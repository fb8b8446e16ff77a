/** A primary key may be computed from another column, which then changes it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture, isRefused } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE computed (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);
INSERT INTO computed (a) VALUES (1), (2);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('an UPDATE that changes a computed primary key is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const running = coordinator.run(() => pool.query('UPDATE computed SET a = a + 10'))
  await assert.rejects(running, isRefused(/primary key/))
})
