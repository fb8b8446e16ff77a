/** One statement swaps unique values of two rows, which a deferrable constraint allows. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

const schema = `
CREATE TABLE seats (id int PRIMARY KEY, place int UNIQUE DEFERRABLE);
INSERT INTO seats VALUES (1, 1), (2, 2);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('swapped unique values are restored', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const rows = await fixture.dump('seats')
  const { xid } = await coordinator.run(() => pool.query('UPDATE seats SET place = 3 - place'))
  assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
  assert.deepEqual(await fixture.dump('seats'), rows)
})

test('a value that another row has taken is dirty, also when its constraint can wait', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain, pool } = fixture
  const { xid } = await coordinator.run(() => pool.query('UPDATE seats SET place = 9 WHERE id = 1'))
  await plain.query('INSERT INTO seats VALUES (3, 1)')
  const failed = [BranchStatus.PhaseTwo_RollbackFailed_Unretryable]
  assert.deepEqual(await coordinator.rollback(xid), failed)
  assert.equal(fixture.dirty[0]?.error.code, 'SETTEE_TX_DIRTY_DATA')
})
