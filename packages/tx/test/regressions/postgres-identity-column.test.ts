/** A GENERATED ALWAYS column can be set to DEFAULT only: no earlier value can come back. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture, isRefused } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE numbered (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
INSERT INTO numbered VALUES (1);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('an UPDATE of a GENERATED ALWAYS column is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const running = coordinator.run(() => pool.query('UPDATE numbered SET n = DEFAULT'))
  await assert.rejects(running, isRefused(/numbered/))
})
