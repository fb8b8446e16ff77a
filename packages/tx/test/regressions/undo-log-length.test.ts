/** The limit of phase one can be raised; phase two has one of its own, which does not follow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../src/client/at/sqlite/test-database.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

test('an undo log that was accepted can be read again', async (context) => {
  const { coordinator, pool } = openTestDatabase(
    context,
    'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)',
    { maxUndoBytes: 2 ** 28 },
  )
  const size = 34 * 2 ** 20
  await pool.query('INSERT INTO t VALUES (1, $1)', ['x'.repeat(size)])
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query('UPDATE t SET v = $1', ['y'.repeat(size)]))
  assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
})
