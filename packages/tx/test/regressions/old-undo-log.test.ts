/**
 * A rollback that waits for a person or a database may take longer than undo logs are kept. The log
 * is then the only copy of the earlier rows, so it must not be deleted by its age alone: the branch
 * would be answered Rollbacked with its changes in place.
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { openTestDatabase, temporaryFile } from '../../src/client/at/sqlite/test-database.ts'

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('PostgreSQL: a branch is rolled back after undo logs of its age were deleted', async () => {
  const fixture = await createFixture(
    server,
    'CREATE TABLE account (id int PRIMARY KEY, money int); INSERT INTO account VALUES (1, 100)',
  )
  const { coordinator, plain, pool, resource } = fixture
  const { xid } = await coordinator.run(() => pool.query('UPDATE account SET money = 0'))
  await plain.query("UPDATE undo_log SET log_created = now() - interval '8 days'")
  await resource.deleteUndoLogs(7)
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.dump('account'), [{ row: '(1,100)' }])
})

test('SQLite: a branch is rolled back after undo logs of its age were deleted', async (context) => {
  const path = temporaryFile(context)
  const { coordinator, pool, resource } = openTestDatabase(
    context,
    'CREATE TABLE account (id INTEGER PRIMARY KEY, money); INSERT INTO account VALUES (1, 100)',
    { path },
  )
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query('UPDATE account SET money = 0'))
  const other = new DatabaseSync(path)
  other.exec("UPDATE undo_log SET log_created = '2020-01-01 00:00:00.000'")
  other.close()
  await resource.deleteUndoLogs(7)
  await coordinator.rollback(xid)
  assert.deepEqual((await pool.query('SELECT money FROM account')).rows, [{ money: 100 }])
})
