import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from './test-database.ts'

const schema = `CREATE TABLE IF NOT EXISTS tag (name TEXT PRIMARY KEY NOT NULL)`

test('a commit whose undo log cannot be deleted fails, and works when asked again', async (t) => {
  const { database, coordinator, pool, resource } = openTestDatabase(t, schema)
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(`INSERT INTO tag VALUES ('a')`))
  const { id } = database
    .prepare('SELECT branch_id AS id FROM undo_log', { readBigInts: true })
    .get() as { id: bigint }
  database.exec(`CREATE TRIGGER broken BEFORE DELETE ON undo_log
    BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END`)
  await assert.rejects(async () => resource.commitBranch(xid, id), /the disk is broken/)
  database.exec('DROP TRIGGER broken')
  await resource.commitBranch(xid, id)
  assert.deepEqual(database.prepare('SELECT * FROM undo_log').all(), [])
})
