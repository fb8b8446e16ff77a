/** The text of a key depends on the session: here on its time zone. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

const schema = `
CREATE TABLE spans (span tstzrange PRIMARY KEY, v int);
INSERT INTO spans VALUES ('[2024-01-01 00:00+00,2024-01-02 00:00+00)', 1);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a row is found again whose key another session prints otherwise', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const rows = await fixture.dump('spans')
  const client = await pool.connect()
  await client.query("SET TimeZone = 'Asia/Shanghai'")
  const { xid } = await coordinator.run(() => client.query('UPDATE spans SET v = 2'))
  client.release(true)
  assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
  assert.deepEqual(await fixture.dump('spans'), rows)
})
