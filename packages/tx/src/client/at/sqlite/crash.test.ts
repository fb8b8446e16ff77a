import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BranchStatus } from '../../../protocol/status.ts'
import { dump, openTestDatabase, temporaryFile, type TestDatabase } from './test-database.ts'

const schema = `CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, money INT);
  INSERT OR IGNORE INTO account VALUES (1, 100), (2, 200)`

/** Runs a branch in a process that is killed at `instant`, then opens its file. */
async function killedAt(
  t: TestContext,
  instant: string,
): Promise<TestDatabase & { before: string; xid: string; branchId: bigint }> {
  const path = temporaryFile(t)
  const database = new DatabaseSync(path)
  database.exec(schema)
  const before = dump(database)
  database.close()
  const script = fileURLToPath(new URL('test-crash-child.ts', import.meta.url))
  const args = ['--conditions=@settee/source', script, path, instant]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
  // What the coordinator in the child counted.
  return {
    ...openTestDatabase(t, schema, { path }),
    before,
    xid: '127.0.0.1:8091:1',
    branchId: 2n ** 60n + 2n,
  }
}

function undoStatuses(database: DatabaseSync): unknown[] {
  return database
    .prepare('SELECT log_status AS status FROM undo_log')
    .all()
    .map(({ status }) => status)
}

test('killed after the local commit: the next process rolls the branch back', async (t) => {
  const { database, resource, before, xid, branchId } = await killedAt(t, 'committed')
  assert.notEqual(dump(database), before)
  assert.deepEqual(undoStatuses(database), [0])
  const status = await resource.rollbackBranch(xid, branchId)
  assert.equal(status, BranchStatus.PhaseTwo_Rollbacked)
  assert.equal(dump(database), before)
  assert.deepEqual(undoStatuses(database), [])
})

test('killed before the local commit: no effect, and rollback leaves a defence row', async (t) => {
  const { database, resource, before, xid, branchId } = await killedAt(t, 'registered')
  assert.equal(dump(database), before)
  const status = await resource.rollbackBranch(xid, branchId)
  assert.equal(status, BranchStatus.PhaseTwo_Rollbacked)
  assert.deepEqual(undoStatuses(database), [1])
})

test('killed after the commit was answered: no undo log, asking again is harmless', async (t) => {
  const { database, resource, before, xid, branchId } = await killedAt(t, 'answered')
  const committed = dump(database)
  assert.notEqual(committed, before)
  assert.deepEqual(undoStatuses(database), [])
  assert.equal(await resource.commitBranch(xid, branchId), BranchStatus.PhaseTwo_Committed)
  assert.equal(dump(database), committed)
})
