/** Keys may be equal and look different: 1 and 1.0 of a numeric without a scale. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE amounts (amount numeric PRIMARY KEY);
INSERT INTO amounts VALUES (1.0);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('equal keys have one lock', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  await coordinator.run(() => pool.query('DELETE FROM amounts'))
  await coordinator.run(() => pool.query('INSERT INTO amounts VALUES (1)').catch(() => {}))
  const keys = new Set(coordinator.registrations.map(({ lockKeys }) => lockKeys))
  assert.equal(keys.size, 1, [...keys].join(' and '))
})
