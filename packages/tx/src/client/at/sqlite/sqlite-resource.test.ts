import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { decodeUndoLog } from '../undo/jackson-codec.ts'
import { dump, openTestDatabase, temporaryFile, undoRowCount } from './test-database.ts'

const schema = `
CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, money REAL, note BLOB);
CREATE TABLE line (orderId TEXT NOT NULL, no INT NOT NULL, sku TEXT COLLATE NOCASE UNIQUE, n,
  twice INT AS (n * 2), thrice INT AS (n * 3) STORED, PRIMARY KEY (orderId, no));
CREATE TABLE config (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE tag (name TEXT PRIMARY KEY);
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, parentId INT REFERENCES parent
  ON DELETE CASCADE ON UPDATE CASCADE, v TEXT);
CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT);
CREATE VIEW rich AS SELECT * FROM account WHERE money > 10;
CREATE TRIGGER rich_insert INSTEAD OF INSERT ON rich
  BEGIN INSERT INTO account VALUES (new.id, new.owner, new.money, new.note); END;
CREATE TRIGGER parent_insert AFTER INSERT ON parent
  BEGIN INSERT INTO audit (what) VALUES ('insert ' || new.id); END;
CREATE TRIGGER parent_delete AFTER DELETE ON parent
  BEGIN INSERT INTO audit (what) VALUES ('delete ' || old.id); END;
CREATE TRIGGER child_update AFTER UPDATE ON child BEGIN DELETE FROM audit; END;
INSERT INTO account VALUES (1, 'ann', 10.5, x'00ff'), (2, 'bob', -0.1, NULL), (3, 'eve', 9e999, '');
INSERT INTO account VALUES (-9223372036854775808, 'min', 1e-320, zeroblob(3));
INSERT INTO line (orderId, no, sku, n)
  VALUES ('a', 1, 'x', 9007199254740993), ('a', 2, 'y', 'text'), ('b', 1, 'z', -9e999);
INSERT INTO config VALUES ('int', 1), ('real', 1.0), ('text', '1'), ('blob', x'31'),
  ('nul', 'a' || char(0) || 'b');
INSERT INTO tag VALUES ('red'), ('');
INSERT INTO parent VALUES (1, 'p1'), (2, 'p2');
INSERT INTO child VALUES (10, 1, 'c10'), (11, 1, 'c11'), (12, 2, 'c12'), (13, NULL, 'c13');
`

const cases: readonly [title: string, text: string, values?: readonly unknown[]][] = [
  ['INSERT', `INSERT INTO account VALUES ($1, $2, $3, $4)`, [7, 'new', 1.25, Buffer.from('hi')]],
  ['INSERT of several rows', `INSERT INTO tag VALUES ('a'), ('b'), ('c;d:e,f')`],
  ['INSERT … SELECT', `INSERT INTO tag SELECT owner FROM account`],
  ['INSERT with RETURNING', `INSERT INTO child (parentId, v) VALUES (1, 'x') RETURNING id`],
  [
    'INSERT OR REPLACE over two rows',
    `INSERT OR REPLACE INTO line (orderId, no, sku) VALUES ('a', 1, 'Z')`,
  ],
  ['INSERT OR IGNORE', `INSERT OR IGNORE INTO tag VALUES ('red'), ('green')`],
  ['upsert', `INSERT INTO config VALUES ('int', 5), ('n', 1) ON CONFLICT DO UPDATE SET value = 9`],
  ['INSERT through a view', `INSERT INTO rich VALUES (9, 'r', 99, NULL)`],
  ['UPDATE', `UPDATE account SET money = money + $1 WHERE id = $2`, [1, 1]],
  ['UPDATE of every type', `UPDATE config SET value = CASE key WHEN 'int' THEN x'00' ELSE 2.5 END`],
  ['UPDATE of infinities and tiny numbers', `UPDATE account SET money = 0`],
  ['UPDATE … FROM', `UPDATE account SET owner = t.name FROM tag t WHERE t.name = 'red' AND id < 3`],
  ['UPDATE of an INTEGER key', `UPDATE account SET id = id + 100 WHERE id > 0`],
  ['UPDATE that rotates integer keys', `UPDATE parent SET id = 3 - id + 10`],
  ['UPDATE of a composite key', `UPDATE line SET no = no + 10, orderId = upper(orderId)`],
  ['UPDATE of the case of a NOCASE value', `UPDATE line SET sku = upper(sku)`],
  ['UPDATE that changes nothing', `UPDATE account SET money = money`],
  ['UPDATE of an empty key', `UPDATE tag SET name = 'full' WHERE name = ''`],
  ['DELETE', `DELETE FROM account WHERE id IN (1, 3)`],
  ['DELETE without WHERE', `DELETE FROM account`],
  ['DELETE without WHERE from a WITHOUT ROWID table', `DELETE FROM config`],
  [
    'DELETE with a common table expression',
    `WITH x AS (SELECT 1 AS i) DELETE FROM account WHERE id IN (SELECT i FROM x)`,
  ],
  ['cascaded DELETE with triggers', `DELETE FROM parent WHERE id = 1`],
  ['cascaded UPDATE with triggers', `UPDATE parent SET id = 20 WHERE id = 1`],
  ['INSERT with a trigger', `INSERT INTO parent VALUES (3, 'p3')`],
]

for (const path of ['memory', 'file']) {
  test(`every kind of statement is undone to the byte, on a database in ${path}`, async (t) => {
    const options = path === 'file' ? { path: temporaryFile(t) } : {}
    const { database, coordinator, pool } = openTestDatabase(t, schema, options)
    const before = dump(database)
    for (const [title, text, values] of cases) {
      await t.test(title, async () => {
        const xid = coordinator.begin()
        await coordinator.within(xid, () => pool.query(text, values))
        const changed = dump(database) !== before
        assert.equal(changed, !title.includes('changes nothing'))
        assert.equal(undoRowCount(database), changed ? 1 : 0)
        const statuses = await coordinator.rollback(xid)
        assert.deepEqual(statuses, changed ? [BranchStatus.PhaseTwo_Rollbacked] : [])
        assert.equal(dump(database), before)
        assert.equal(undoRowCount(database), 0)
        assert.equal(coordinator.lockCount, 0)
      })
    }
  })
}

test('the statements of one transaction are undone together, savepoints included', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const before = dump(database)
  const xid = coordinator.begin()
  await coordinator.within(xid, () =>
    pool.transaction(async (client) => {
      await client.query(`INSERT INTO account VALUES (50, 'x', 1, NULL)`)
      await client.query('SAVEPOINT a')
      await client.query(`DELETE FROM account`)
      await client.query(`INSERT INTO tag VALUES ('gone')`)
      await client.query('ROLLBACK TO a')
      await client.query(`UPDATE account SET owner = 'y' WHERE id = 50`)
      await client.query('RELEASE a')
      // Two rows swap a unique value.
      await client.query(`UPDATE line SET sku = 'tmp' WHERE sku = 'x'`)
      await client.query(`UPDATE line SET sku = 'x' WHERE sku = 'y'`)
      await client.query(`UPDATE line SET sku = 'y' WHERE sku = 'tmp'`)
    }),
  )
  assert.deepEqual(
    coordinator.registrations.map(({ lockKeys }) => lockKeys.split(';').toSorted()),
    [['account:50', 'line:a_1,a_2']],
  )
  assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
  assert.equal(dump(database), before)
})

test('the undo log is Jackson JSON with the images of the changed columns', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(`UPDATE account SET money = 1.5 WHERE id = 1`))
  const row = database.prepare('SELECT context, rollback_info FROM undo_log').get()!
  assert.equal(row['context'], 'serializer=jackson&compressorType=NONE')
  const log = decodeUndoLog(Buffer.from(row['rollback_info'] as Uint8Array).toString())
  assert.equal(log.xid, xid)
  assert.deepEqual(log.statements, [
    {
      sqlType: 'UPDATE',
      tableName: 'account',
      beforeImage: { tableName: 'account', rows: [image(1, '10.5')] },
      afterImage: { tableName: 'account', rows: [image(1, '1.5')] },
    },
  ])
  await coordinator.rollback(xid)

  function image(id: number, money: string): unknown {
    const idValue = { javaType: 'java.lang.Long', text: String(id) }
    const moneyValue = { javaType: 'java.lang.Double', text: money }
    return {
      fields: [
        { name: 'id', isPrimaryKey: true, jdbcType: -5, value: idValue },
        { name: 'money', isPrimaryKey: false, jdbcType: 8, value: moneyValue },
      ],
    }
  }
})

test('committing keeps the rows and deletes the undo log', async (t) => {
  const { database, coordinator, pool, resource } = openTestDatabase(t, schema)
  for (let i = 0; i < 5; i++) {
    const xid = coordinator.begin()
    await coordinator.within(xid, () => pool.query(`INSERT INTO tag VALUES ($1)`, [`t${i}`]))
    assert.deepEqual(await coordinator.commit(xid), [BranchStatus.PhaseTwo_Committed])
  }
  await resource.close()
  assert.equal(undoRowCount(database), 0)
  const { rows } = await pool.query(`SELECT count(*) AS n FROM tag WHERE name LIKE 't_'`)
  assert.deepEqual(rows, [{ n: 5 }])
})

test('the undo log is gone when the commit is answered', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const xids = [1, 2, 3].map(() => coordinator.begin())
  for (const xid of xids) {
    await coordinator.within(xid, () => pool.query(`INSERT INTO tag VALUES ($1)`, [xid]))
  }
  await Promise.all(xids.map((xid) => coordinator.commit(xid)))
  assert.equal(undoRowCount(database), 0)
})

test('rolling back twice, and after the commit of others, is harmless', async (t) => {
  const { database, coordinator, pool, resource } = openTestDatabase(t, schema)
  const before = dump(database)
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(`DELETE FROM tag`))
  const row = database.prepare('SELECT branch_id AS id FROM undo_log', { readBigInts: true }).get()!
  const branchId = row['id'] as bigint
  assert.equal(await resource.rollbackBranch(xid, branchId), BranchStatus.PhaseTwo_Rollbacked)
  assert.equal(await resource.rollbackBranch(xid, branchId), BranchStatus.PhaseTwo_Rollbacked)
  assert.equal(dump(database), before)
})

test('old defence rows are deleted, young ones stay', async (t) => {
  const { database, resource } = openTestDatabase(t, schema)
  const insert = database.prepare(
    `INSERT INTO undo_log VALUES (?, 'x', 'c', '{}', 1, datetime('now', ?), datetime('now'))`,
  )
  database.exec('BEGIN')
  for (let i = 0; i < 2500; i++) insert.run(i, '-8 days')
  insert.run(9999, '-6 days')
  database.exec('COMMIT')
  await resource.deleteUndoLogs(7)
  assert.deepEqual(
    database
      .prepare('SELECT branch_id AS id FROM undo_log')
      .all()
      .map(({ id }) => id),
    [9999],
  )
})

test('databases that cannot be used are refused with the reason', async (t) => {
  assert.throws(() => openTestDatabase(t, `PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a)`), {
    code: 'SETTEE_TX_SQLITE_UNUSABLE',
    message: /encoding is UTF-16le/,
  })
  assert.throws(() => openTestDatabase(t, 'BEGIN'), { message: /a transaction is open/ })
})

test('a file gets WAL, full synchronisation and its path as resource id', async (t) => {
  const path = temporaryFile(t)
  const { database, resource } = openTestDatabase(t, schema, { path })
  assert.equal(resource.resourceId, `jdbc:sqlite:${path}`)
  assert.equal(database.prepare('PRAGMA journal_mode').get()!['journal_mode'], 'wal')
  assert.equal(database.prepare('PRAGMA synchronous').get()!['synchronous'], 2)
})
