import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dump, openTestDatabase, undoRowCount } from './test-database.ts'

const schema = `
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE keyless (v);
CREATE TABLE nullable (k TEXT PRIMARY KEY, v);
CREATE TABLE dirtyKey (a TEXT, b TEXT, PRIMARY KEY (a, b));
CREATE TABLE realKey (k DOUBLE PRIMARY KEY NOT NULL);
CREATE TABLE anyKey (k PRIMARY KEY NOT NULL);
CREATE TABLE blobKey (a INT, k BLOB, PRIMARY KEY (a, k)) WITHOUT ROWID;
CREATE TABLE caseKey (k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL);
CREATE TABLE uuidKey (k BLOB PRIMARY KEY) STRICT;
CREATE VIRTUAL TABLE search USING fts5(v);
CREATE TABLE indexed (id INTEGER PRIMARY KEY, v);
CREATE TRIGGER indexed_insert AFTER INSERT ON indexed BEGIN INSERT INTO search VALUES (new.v); END;
CREATE TABLE watched (id INTEGER PRIMARY KEY);
CREATE TRIGGER watched_insert AFTER INSERT ON watched
  BEGIN INSERT INTO keyless VALUES (new.id); END;
CREATE TEMP TABLE scratch (id INTEGER PRIMARY KEY);
ATTACH ':memory:' AS other;
CREATE TABLE other.t2 (id INTEGER PRIMARY KEY);
INSERT INTO dirtyKey VALUES ('x', NULL);
INSERT INTO t VALUES (1, 'one');
`

const refused: readonly [text: string, reason: RegExp][] = [
  [`CREATE TABLE x (a)`, /schema/],
  [`DROP TABLE t`, /schema/],
  [`ALTER TABLE t ADD COLUMN x`, /schema/],
  [`CREATE INDEX i ON t (v)`, /schema/],
  [`CREATE TRIGGER x AFTER DELETE ON t BEGIN DELETE FROM t; END`, /schema/],
  [`CREATE VIRTUAL TABLE x USING fts5(v)`, /schema/],
  [`REINDEX`, /schema/],
  [`ANALYZE`, /schema/],
  [`VACUUM`, /no query/],
  [`ATTACH ':memory:' AS x`, /schema/],
  [`DETACH other`, /schema/],
  [`PRAGMA user_version = 3`, /PRAGMA user_version/],
  [`PRAGMA foreign_keys = OFF`, /PRAGMA foreign_keys/],
  [`PRAGMA wal_checkpoint`, /PRAGMA wal_checkpoint/],
  [`INSERT INTO keyless VALUES (1)`, /keyless has no primary key/],
  [`INSERT INTO realKey VALUES (1.5)`, /realKey .* its key column k is REAL/],
  [`INSERT INTO anyKey VALUES (1)`, /anyKey .* both 1 and 1.0/],
  [`INSERT INTO blobKey VALUES (1, x'01')`, /blobKey .* both 1 and 1.0/],
  [`INSERT INTO caseKey VALUES ('a')`, /caseKey .* the collation NOCASE/],
  [`INSERT INTO watched VALUES (1)`, /keyless has no primary key/],
  [`INSERT INTO search VALUES ('x')`, /search is a virtual table/],
  [`INSERT INTO indexed VALUES (1, 'x')`, /search is a virtual table/],
  [`INSERT INTO other.t2 VALUES (1)`, /the database other/],
  [`INSERT INTO scratch VALUES (1)`, /the database temp/],
  [`DELETE FROM undo_log`, /undo_log/],
  [`INSERT INTO nullable VALUES (NULL, 1)`, /NULL in its primary key/],
  [`UPDATE dirtyKey SET b = 'y'`, /NULL in its primary key/],
  [`DELETE FROM t WHERE id = 1; DELETE FROM keyless`, /several statements/],
  [`DELETE FROM t; -- only a comment\n /* and another */ ; DELETE FROM t`, /several statements/],
  [`SELECT 1\0; DELETE FROM t`, /several statements/],
]

test('in a global transaction what could not be undone is refused before it runs', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  for (const [text, reason] of refused) {
    await t.test(text, async () => {
      const xid = coordinator.begin()
      await assert.rejects(
        coordinator.within(xid, () => pool.query(text)),
        { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: reason },
      )
      assert.equal(dump(database), before)
      assert.equal(database.isTransaction, false)
      assert.equal(undoRowCount(database), 0)
      assert.deepEqual(await coordinator.rollback(xid), [])
    })
  }
  assert.equal(database.prepare('PRAGMA user_version').get()!['user_version'], 0)
  assert.equal(database.prepare('PRAGMA foreign_keys').get()!['foreign_keys'], 1)
})

test('outside of global transactions the same statements run', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const plain = refused.filter(([text]) => !/;|undo_log|VIRTUAL|DROP|DETACH/.test(text))
  for (const [text] of plain) await pool.query(text)
  assert.deepEqual((await pool.query('SELECT count(*) AS n FROM keyless')).rows, [{ n: 2 }])
})

test('a trailing semicolon, comments and describing pragmas are fine', async (t) => {
  const { coordinator, pool } = openTestDatabase(t, schema)
  const xid = coordinator.begin()
  await coordinator.within(xid, async () => {
    await pool.query(`UPDATE t SET v = 'x;y' ; -- it's; fine\n /* ; */`)
    assert.equal((await pool.query(`PRAGMA table_info(t)`)).rows.length, 2)
    await pool.query(`INSERT INTO nullable VALUES ('a', 1)`)
    await pool.query(`INSERT INTO uuidKey VALUES (x'00ff')`)
  })
  assert.equal(coordinator.registrations.at(-1)!.lockKeys, 'uuidKey:00ff')
  assert.equal(coordinator.registrations.length, 3)
})

test('an undo log over the limit is refused and the transaction rolled back', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema, { maxUndoBytes: 1000 })
  const before = dump(database)
  const xid = coordinator.begin()
  await coordinator.within(xid, async () => {
    const big = pool.query(`INSERT INTO t (v) VALUES ($1)`, ['x'.repeat(2000)])
    await assert.rejects(big, { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /maxUndoBytes/ })
    assert.deepEqual(coordinator.reports, [])
    // Small as a changeset, too large as JSON: the branch is registered already.
    const many = pool.query(`INSERT INTO t (v) VALUES ('a'), ('b'), ('c'), ('d')`)
    await assert.rejects(many, { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /maxUndoBytes/ })
    assert.equal(coordinator.reports.length, 1)
  })
  assert.equal(dump(database), before)
})

test('text that is no UTF-8 is refused', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  const insert = coordinator.within(coordinator.begin(), () =>
    pool.query(`INSERT INTO t (v) VALUES (CAST(x'ff' AS TEXT))`),
  )
  await assert.rejects(insert, { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /UTF-8/ })
  assert.equal(dump(database), before)
})

test('a schema change between two transactions is noticed', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const insert = (): Promise<unknown> =>
    coordinator.within(coordinator.begin(), () => pool.query(`INSERT INTO t VALUES (NULL, 'x')`))
  await insert()
  await pool.query(
    `CREATE TRIGGER late AFTER INSERT ON t BEGIN INSERT INTO keyless VALUES (1); END`,
  )
  await assert.rejects(insert(), { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /keyless/ })
  await pool.query(`DROP TRIGGER late`)
  await insert()
  await insert()
  // Changed behind the pool's back, so that it is noticed only once the transaction has begun.
  database.exec(`CREATE TRIGGER late AFTER INSERT ON t BEGIN INSERT INTO keyless VALUES (1); END`)
  await assert.rejects(insert(), { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /keyless/ })
})
