/** Rows of a committed transaction refer to a row whose INSERT is rolled back: retrying cannot help. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

const schema = `
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a row that others refer to is dirty', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const { xid } = await coordinator.run(() => pool.query('INSERT INTO parent VALUES (1)'))
  const other = await coordinator.run(() => pool.query('INSERT INTO child VALUES (1, 1)'))
  await coordinator.commit(other.xid)
  const failed = [BranchStatus.PhaseTwo_RollbackFailed_Unretryable]
  assert.deepEqual(await coordinator.rollback(xid), failed)
  assert.equal(fixture.dirty[0]?.error.code, 'SETTEE_TX_DIRTY_DATA')
})
