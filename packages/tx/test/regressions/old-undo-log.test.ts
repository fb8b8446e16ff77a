/**
 * A rollback that waits for a person or a database may take longer than undo logs are kept. The log
 * is then the only copy of the earlier rows, so it must not be deleted by its age alone: the branch
 * would be answered Rollbacked with its changes in place.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a branch is still rolled back after undo logs of its age were deleted', async () => {
  const { coordinator, dump, plain, pool, resource } = await createFixture(
    server,
    'CREATE TABLE account (id int PRIMARY KEY, money int); INSERT INTO account VALUES (1, 100)',
  )
  const { xid } = await coordinator.run(() => pool.query('UPDATE account SET money = 0'))
  await plain.query("UPDATE undo_log SET log_created = now() - interval '8 days'")
  await resource.deleteUndoLogs(7)
  await coordinator.rollback(xid)
  assert.deepEqual(await dump('account'), [{ row: '(1,100)' }])
})
