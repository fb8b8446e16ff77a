import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { dump, openTestDatabase, undoRowCount } from './test-database.ts'
import type { DirtyReport } from '../dirty-report.ts'

const schema = `
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE, n INT DEFAULT 0);
CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY,
  code TEXT REFERENCES parent (code)
    ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2);
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 'a');
`

interface DirtyCase {
  readonly title: string
  readonly inside: string
  readonly outside: string
  readonly expected: RegExp
}

const dirtyCases: readonly DirtyCase[] = [
  {
    title: 'a changed row that was changed again',
    inside: `UPDATE t SET v = 'x' WHERE id = 1`,
    outside: `UPDATE t SET v = 'y' WHERE id = 1`,
    expected: /t 1 .* was changed outside/,
  },
  {
    title: 'a changed row that was deleted',
    inside: `UPDATE t SET v = 'x' WHERE id = 1`,
    outside: `DELETE FROM t WHERE id = 1`,
    expected: /t 1 .* was deleted outside/,
  },
  {
    title: 'an inserted row that was changed',
    inside: `INSERT INTO t VALUES (3, 'x', 3)`,
    outside: `UPDATE t SET n = 4 WHERE id = 3`,
    expected: /t 3 .* was changed outside/,
  },
  {
    title: 'a deleted row whose key is taken',
    inside: `DELETE FROM t WHERE id = 1`,
    outside: `INSERT INTO t VALUES (1, 'new', 0)`,
    expected: /t 1 .* was changed outside/,
  },
  {
    title: 'a deleted row whose unique value is taken',
    inside: `DELETE FROM t WHERE id = 1`,
    outside: `INSERT INTO t VALUES (9, 'one', 0)`,
    expected: /t 1 .* cannot be put back: UNIQUE/,
  },
  {
    title: 'an inserted row that another has come to depend on',
    inside: `INSERT INTO parent VALUES (3, 'c')`,
    outside: `INSERT INTO child VALUES (5, 'c')`,
    expected: /parent 3 .* child has come to depend/,
  },
  {
    title: 'a changed key that another has come to depend on',
    inside: `UPDATE parent SET code = 'bb' WHERE id = 2`,
    outside: `INSERT INTO child VALUES (5, 'bb')`,
    expected: /parent 2 .* child has come to depend/,
  },
  {
    title: 'a deleted row whose parent is gone',
    inside: `DELETE FROM child`,
    outside: `DELETE FROM parent WHERE code = 'a'`,
    expected: /child 1 .* of parent that it needs is gone/,
  },
  {
    title: 'a table that is gone',
    inside: `DELETE FROM t`,
    outside: `DROP TABLE t`,
    expected: /does not exist any more/,
  },
]

for (const { title, inside, outside, expected } of dirtyCases) {
  test(`${title}: nothing is touched, a person is asked for`, async (t) => {
    const reported: DirtyReport[] = []
    const { database, coordinator, pool } = openTestDatabase(t, schema, {
      onDirty: (branch) => reported.push(branch),
    })
    const xid = coordinator.begin()
    await coordinator.within(xid, () => pool.query(inside))
    await pool.query(outside)
    const dirty = dump(database)
    assert.deepEqual(await coordinator.rollback(xid), [
      BranchStatus.PhaseTwo_RollbackFailed_Unretryable,
    ])
    assert.equal(dump(database), dirty)
    assert.equal(undoRowCount(database), 1)
    assert.equal(reported.length, 1)
    assert.equal(reported[0]!.xid, xid)
    assert.match(reported[0]!.error.message, expected)
    assert.equal(database.prepare('PRAGMA foreign_keys').get()!['foreign_keys'], 1)
  })
}

test('rows already as before are skipped, other columns keep what they got since', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(`UPDATE t SET v = v || '!'`))
  await pool.query(`UPDATE t SET v = 'one' WHERE id = 1`)
  await pool.query(`UPDATE t SET n = 77 WHERE id = 2`)
  assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
  assert.deepEqual(
    database
      .prepare('SELECT * FROM t')
      .all()
      .map((row) => Object.values(row)),
    [
      [1, 'one', 1],
      [2, 'two', 77],
    ],
  )
})

test('a negative zero keeps its sign', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(
    t,
    'CREATE TABLE z (id INTEGER PRIMARY KEY, v); INSERT INTO z VALUES (1, -0.0)',
  )
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query('UPDATE z SET v = 5'))
  await coordinator.rollback(xid)
  assert.ok(Object.is(database.prepare('SELECT v FROM z').get()!['v'], -0))
})

test('two branches on the same row are undone from the last to the first', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  const xid = coordinator.begin()
  await coordinator.within(xid, async () => {
    await pool.query(`UPDATE t SET n = n + 1 WHERE id = 1`)
    await pool.query(`UPDATE t SET n = n * 10 WHERE id = 1`)
    await pool.query(`DELETE FROM t WHERE id = 1`)
  })
  await coordinator.rollback(xid)
  assert.equal(dump(database), before)
})

test('a trigger of the temp schema does not fire during undo and remains', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(
    t,
    `${schema} CREATE TEMP TRIGGER spy AFTER INSERT ON main.t BEGIN UPDATE t SET n = n + 1; END`,
  )
  const before = dump(database)
  const triggers = `SELECT name, sql FROM temp.sqlite_schema`
  const spy = database.prepare(triggers).all()
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(`DELETE FROM t WHERE id = 1`))
  await coordinator.rollback(xid)
  assert.equal(dump(database), before)
  assert.deepEqual(database.prepare(triggers).all(), spy)
})

test('a hidden rowid survives the undo of an update', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(
    t,
    `CREATE TABLE k (name TEXT PRIMARY KEY NOT NULL, v UNIQUE);
     INSERT INTO k (rowid, name, v) VALUES (5, 'a', 1), (7, 'b', 2), (3, 'c', 3)`,
  )
  const rowids = (): unknown[] =>
    database.prepare(`SELECT rowid AS id FROM k WHERE name <> 'a' ORDER BY name`).all()
  const before = rowids()
  const xid = coordinator.begin()
  await coordinator.within(xid, () =>
    pool.transaction(async (client) => {
      await client.query(`DELETE FROM k WHERE name = 'a'`)
      await client.query(`UPDATE k SET v = v + 10`)
    }),
  )
  await coordinator.rollback(xid)
  assert.deepEqual(rowids(), before)
})

test('without undo log a defence row is left, and the late phase one fails on it', async (t) => {
  const { database, coordinator, pool, resource } = openTestDatabase(t, schema)
  const before = dump(database)
  const xid = coordinator.begin()
  // The coordinator's rollback is done, by another process of this service, before phase one ends.
  coordinator.beforeRegister = () => {
    const insert = `INSERT INTO undo_log VALUES (?, ?, '', '{}', 1, '', '')`
    database.prepare(insert).run(2n ** 60n + 2n, xid)
  }
  await assert.rejects(
    coordinator.within(xid, () => pool.query(`DELETE FROM t`)),
    { code: 'SETTEE_TX_BRANCH_REFUSED', message: /came too late/ },
  )
  assert.equal(dump(database), before)
  assert.deepEqual(
    coordinator.reports.map(({ status }) => status),
    [BranchStatus.PhaseOne_Failed],
  )
  for (let time = 1; time <= 2; time++) {
    const status = await resource.rollbackBranch('1.1.1.1:1:99', 42)
    assert.equal(status, BranchStatus.PhaseTwo_Rollbacked)
  }
  assert.deepEqual(
    { ...database.prepare('SELECT branch_id, xid, log_status FROM undo_log').get() },
    {
      branch_id: 42,
      xid: '1.1.1.1:1:99',
      log_status: 1,
    },
  )
})

test('a commit that fails after registration is rolled back and reported', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  const xid = coordinator.begin()
  // The foreign key is deferred, so only COMMIT notices.
  await assert.rejects(
    coordinator.within(xid, () => pool.query(`INSERT INTO child VALUES (9, 'nobody')`)),
    /FOREIGN KEY/,
  )
  assert.equal(dump(database), before)
  assert.deepEqual(
    coordinator.reports.map(({ status }) => status),
    [BranchStatus.PhaseOne_Failed],
  )
  assert.equal(undoRowCount(database), 0)
})

test('nothing is committed when the coordinator refuses the branch', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  await assert.rejects(
    coordinator.within('127.0.0.1:8091:999', () => pool.query(`DELETE FROM t`)),
    { code: 'SETTEE_TX_BRANCH_REFUSED' },
  )
  assert.equal(dump(database), before)
  assert.deepEqual(coordinator.reports, [])
})

test('an undo log that cannot be read is no reason to try again', async (t) => {
  const { database, resource } = openTestDatabase(t, schema)
  const context = 'serializer=jackson&compressorType=NONE'
  const logs = [
    [1, context, 'no json'],
    [2, 'serializer=kryo', '{}'],
  ] as const
  for (const [branchId, serializer, log] of logs) {
    const insert = `INSERT INTO undo_log VALUES (?, 'x', ?, ?, 0, '', '')`
    database.prepare(insert).run(branchId, serializer, Buffer.from(log))
    const status = await resource.rollbackBranch('x', branchId)
    assert.equal(status, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
  }
})
