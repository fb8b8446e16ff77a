import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { createFixture, hasCode, until, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = `
CREATE TABLE account (id int8 PRIMARY KEY, owner text, money numeric(20, 2) NOT NULL, note text);
INSERT INTO account SELECT i, 'owner ' || i, 100, NULL FROM generate_series(1, 5) i;
CREATE TABLE serial (id serial PRIMARY KEY, v text UNIQUE, w int DEFAULT 7);
CREATE TABLE identity (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text,
  twice text GENERATED ALWAYS AS (v || v) STORED);
INSERT INTO identity (v) VALUES ('a'), ('b');
CREATE TABLE composite (a int, b text, v int, PRIMARY KEY (b, a));
INSERT INTO composite VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x,;:y', 3);
CREATE TABLE keyed (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v int);
INSERT INTO keyed (v) VALUES (1), (2);
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Schema"."Sel;ect" ("Id" int PRIMARY KEY, "va""lue" text, "order" int);
INSERT INTO "Odd Schema"."Sel;ect" VALUES (1, 'one', 1), (2, 'two', 2);
CREATE TABLE place (id int PRIMARY KEY, rank int UNIQUE, parent int REFERENCES place);
INSERT INTO place VALUES (1, 3, NULL), (2, 2, 1), (3, 1, 1);
CREATE TABLE stairs (step int UNIQUE, id int PRIMARY KEY);
INSERT INTO stairs VALUES (3, 1), (2, 2), (1, 3);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1);
`

const tables = [
  'account',
  'serial',
  'identity',
  'composite',
  'keyed',
  '"Odd Schema"."Sel;ect"',
  'place',
  'stairs',
  'parent',
  'child',
]

type Work = (fixture: Fixture) => Promise<unknown>

const kinds: [name: string, work: Work][] = [
  ['INSERT with its key', (f) => f.pool.query("INSERT INTO account VALUES (6, 'six', 1.50, 'x')")],
  [
    'INSERT of many rows with parameters',
    (f) => f.pool.query('INSERT INTO account VALUES ($1,$2,1), (8,$2,$3)', [7, 'x', '2.25']),
  ],
  ['INSERT with a sequence', (f) => f.pool.query("INSERT INTO serial (v) VALUES ('a'), ('b')")],
  ['INSERT of defaults', (f) => f.pool.query('INSERT INTO serial DEFAULT VALUES')],
  ['INSERT with DEFAULT', (f) => f.pool.query("INSERT INTO serial VALUES (DEFAULT, 'z', 1)")],
  ['INSERT with identity', (f) => f.pool.query("INSERT INTO identity (v) VALUES ('c')")],
  ['INSERT with a uuid', (f) => f.pool.query('INSERT INTO keyed (v) VALUES (3)')],
  ['INSERT … SELECT', (f) => f.pool.query('INSERT INTO keyed (v) SELECT id FROM account')],
  [
    'INSERT of rows that point at each other',
    (f) => f.pool.query('INSERT INTO place VALUES (11, 11, 10), (10, 10, 11)'),
  ],
  ['INSERT into a parent', (f) => f.pool.query('INSERT INTO parent VALUES (2)')],
  ['UPDATE', (f) => f.pool.query('UPDATE account SET money = money - $1 WHERE id = $2', [30, 1])],
  ['UPDATE of all rows', (f) => f.pool.query("UPDATE account SET note = 'x', owner = NULL")],
  [
    'UPDATE with a subquery, an alias, a comment and RETURNING',
    (f) =>
      f.pool.query(
        `UPDATE account AS a /* WHERE */ SET owner = $2, money = a.money * 2 -- WHERE x
         WHERE a.id IN (SELECT a FROM composite WHERE v = $1 OR v = $3) AND 'è' <> $2 -- end
         RETURNING a.id`,
        [1, 'é', 2],
      ),
  ],
  [
    'UPDATE behind WITH',
    (f) =>
      f.pool.query(
        'WITH w AS (SELECT $1::int AS id) ' +
          'UPDATE account SET money = $2 WHERE id IN (SELECT id FROM w)',
        [2, 5],
      ),
  ],
  [
    'UPDATE of several columns at once',
    (f) => f.pool.query("UPDATE account SET (owner, note) = ROW('o', 'n') WHERE money > 0"),
  ],
  [
    'UPDATE by a composite key',
    (f) => f.pool.query("UPDATE composite SET v = 9 WHERE b = 'x,;:y'"),
  ],
  ['UPDATE beside a generated column', (f) => f.pool.query("UPDATE identity SET v = 'long'")],
  ['UPDATE of a unique column', (f) => f.pool.query('UPDATE stairs SET step = step + 1')],
  [
    'UPDATE of quoted names',
    (f) =>
      f.pool.query(
        'UPDATE "Odd Schema"."Sel;ect" AS "set" SET "va""lue" = $1, "order" = 5 ' +
          'WHERE "set"."Id" = 1;',
        ['"'],
      ),
  ],
  ['DELETE', (f) => f.pool.query('DELETE FROM account WHERE id = $1', [3])],
  ['DELETE of all rows', (f) => f.pool.query('DELETE FROM composite')],
  ['DELETE with identity', (f) => f.pool.query('DELETE FROM identity')],
  [
    'DELETE … USING',
    (f) =>
      f.pool.query('DELETE FROM keyed AS k USING account a WHERE a.id = k.v AND a.id = $1', [1]),
  ],
  ['DELETE of rows that point at each other', (f) => f.pool.query('DELETE FROM place')],
  ['DELETE of a child', (f) => f.pool.query('DELETE FROM child')],
  [
    'several statements on one row',
    (f) =>
      f.pool.transaction(async (client) => {
        await client.query('UPDATE account SET money = 1 WHERE id = 1')
        await client.query('UPDATE account SET money = money + 1, note = $1 WHERE id = 1', ['n'])
        await client.query('DELETE FROM account WHERE id = 1')
        await client.query("INSERT INTO account VALUES (1, 'again', 5)")
        await client.query('UPDATE account SET owner = $1 WHERE id = 1', ['last'])
      }),
  ],
]

describe('undo in PostgreSQL', () => {
  let server: TestPostgres
  let fixture: Fixture
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())

  const dumpAll = () => Promise.all(tables.map((table) => fixture.dump(table)))

  for (const [name, work] of kinds) {
    test(`${name} is rolled back to the byte`, async () => {
      const { coordinator } = fixture
      const earlier = await dumpAll()
      const { xid } = await coordinator.run(() => work(fixture))
      assert.notDeepEqual(await dumpAll(), earlier)
      assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
      assert.deepEqual(await dumpAll(), earlier)
      assert.equal(await fixture.undoCount(), 0)
      assert.equal(coordinator.lockCount, 0)
    })
  }

  test('branches are undone from the last to the first', async () => {
    const { coordinator, pool } = fixture
    const earlier = await dumpAll()
    const { xid } = await coordinator.run(async () => {
      for (const money of [1, 2, 3]) {
        await pool.query('UPDATE account SET money = $1 WHERE id = 1', [money])
      }
    })
    await coordinator.rollback(xid)
    assert.deepEqual(await dumpAll(), earlier)
  })

  test('commit answers at once and deletes the undo rows behind it', async () => {
    const { coordinator, pool, plain } = fixture
    const { xid } = await coordinator.run(async () => {
      await pool.query("UPDATE account SET note = 'kept' WHERE id = 1")
      await pool.query("UPDATE account SET note = 'kept' WHERE id = 2")
    })
    assert.equal(await fixture.undoCount(), 2)
    assert.deepEqual(await coordinator.commit(xid), [5, 5])
    await until(async () => (await fixture.undoCount()) === 0)
    const { rows } = await plain.query("SELECT id FROM account WHERE note = 'kept' ORDER BY 1")
    assert.deepEqual(rows, [{ id: '1' }, { id: '2' }])
  })

  test('a statement that changes no row makes no branch', async () => {
    const { coordinator, pool } = fixture
    const { xid, result } = await coordinator.run(() =>
      pool.query('DELETE FROM account WHERE id = -1'),
    )
    assert.equal(result.rowCount, 0)
    assert.deepEqual(coordinator.branchesOf(xid), [])
  })

  test('the same rollback twice changes nothing more', async () => {
    const { coordinator, pool, resource } = fixture
    const { xid } = await coordinator.run(() => pool.query('DELETE FROM account WHERE id = 4'))
    const [branch] = coordinator.branchesOf(xid)
    await coordinator.rollback(xid)
    const earlier = await dumpAll()
    assert.equal(await resource.rollbackBranch(xid, branch!.branchId), 8)
    assert.equal(await resource.rollbackBranch(xid, branch!.branchId), 8)
    assert.deepEqual(await dumpAll(), earlier)
    await fixture.plain.query('DELETE FROM undo_log')
  })

  const dirtyWays: [
    name: string,
    change: string,
    spoil: string,
    restore: string,
    reason: RegExp,
  ][] = [
    [
      'a changed row',
      'UPDATE account SET money = 1 WHERE id = 5',
      'UPDATE account SET money = 2 WHERE id = 5',
      'UPDATE account SET money = 100 WHERE id = 5',
      /the UPDATE of account cannot be undone: its rows were changed since/,
    ],
    [
      'a vanished row',
      'UPDATE account SET money = 1 WHERE id = 5',
      'DELETE FROM account WHERE id = 5',
      "INSERT INTO account VALUES (5, 'owner 5', 100)",
      /its rows were changed since/,
    ],
    [
      'a key that was taken again',
      'DELETE FROM account WHERE id = 5',
      "INSERT INTO account VALUES (5, 'thief', 0)",
      "UPDATE account SET owner = 'owner 5', money = 100 WHERE id = 5",
      /the DELETE of account cannot be undone: its rows were changed since/,
    ],
    [
      'a unique value that was taken again',
      'UPDATE place SET rank = 50 WHERE id = 3',
      'INSERT INTO place VALUES (60, 1)',
      'DELETE FROM place WHERE id = 60; UPDATE place SET rank = 1 WHERE id = 3',
      /another row has taken its unique value/,
    ],
    [
      'rows that would vanish with the row',
      'INSERT INTO parent VALUES (70)',
      'INSERT INTO child VALUES (70, 70)',
      'DELETE FROM parent WHERE id = 70',
      /rows of public.child point at its rows by now/,
    ],
  ]

  for (const [name, change, spoil, restore, reason] of dirtyWays) {
    test(`${name} is dirty: the rollback gives up and says so`, async () => {
      const { coordinator, pool, plain, dirty } = fixture
      const { xid } = await coordinator.run(() => pool.query(change))
      await plain.query(spoil)
      const spoilt = await dumpAll()
      assert.deepEqual(await coordinator.rollback(xid), [
        BranchStatus.PhaseTwo_RollbackFailed_Unretryable,
      ])
      const report = dirty.pop()!
      assert.equal(report.error.code, 'SETTEE_TX_DIRTY_DATA')
      assert.match(report.error.message, reason)
      assert.equal(report.xid, xid)
      assert.equal(report.rows.length > 0, /changed since/.test(reason.source))
      assert.deepEqual(await dumpAll(), spoilt)
      assert.equal(await fixture.undoCount(), 1)
      await plain.query(`DELETE FROM undo_log; ${restore}`)
    })
  }

  test('rows that are back where they were need no undo', async () => {
    const { coordinator, pool, plain } = fixture
    const earlier = await dumpAll()
    const { xid } = await coordinator.run(() =>
      pool.query('UPDATE account SET money = 1 WHERE id = 5'),
    )
    await plain.query('UPDATE account SET money = 100 WHERE id = 5')
    assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
    assert.deepEqual(await dumpAll(), earlier)
  })

  test('an undo log that cannot be read is reported and kept', async () => {
    const { coordinator, pool, plain, dirty } = fixture
    const { xid } = await coordinator.run(() =>
      pool.query('UPDATE account SET money = 100.00 WHERE id = 5'),
    )
    await plain.query("UPDATE undo_log SET rollback_info = '{}'")
    assert.deepEqual(await coordinator.rollback(xid), [10])
    assert.equal(dirty.pop()!.error.code, 'SETTEE_TX_BAD_UNDO_LOG')
    await plain.query('DELETE FROM undo_log')
  })

  test('a rollback that overtakes phase one keeps it from committing', async () => {
    const { coordinator, pool, resource } = fixture
    const earlier = await dumpAll()
    const xid = coordinator.begin()
    const client = await pool.connect()
    await coordinator.within(xid, async () => {
      await client.query('BEGIN')
      await client.query('INSERT INTO parent VALUES (99)')
      // The rollback arrives between the registration of the branch and its undo row.
      const register = coordinator.registerBranch.bind(coordinator)
      coordinator.registerBranch = async (registration) => {
        const branchId = await register(registration)
        assert.equal(await resource.rollbackBranch(xid, branchId), 8)
        return branchId
      }
      await assert.rejects(client.query('COMMIT'), hasCode('SETTEE_TX_BRANCH_REFUSED'))
      coordinator.registerBranch = register
    })
    client.release()
    assert.deepEqual(await dumpAll(), earlier)
    assert.equal(coordinator.reports.at(-1)!.status, BranchStatus.PhaseOne_Failed)
    const { rows } = await fixture.plain.query('SELECT log_status FROM undo_log')
    assert.deepEqual(rows, [{ log_status: 1 }])
    await coordinator.rollback(xid)
    await fixture.plain.query('DELETE FROM undo_log')
  })

  test('old undo rows are deleted in batches', async () => {
    const { plain, resource } = fixture
    await plain.query(`INSERT INTO undo_log (branch_id, xid, context, rollback_info, log_status,
      log_created, log_modified)
      SELECT i, 'x', '', '', 1, now() - interval '8 days', now() FROM generate_series(1, 2500) i`)
    await plain.query('UPDATE undo_log SET log_created = now() WHERE branch_id = 2500')
    await resource.deleteUndoLogs(7)
    assert.equal(await fixture.undoCount(), 1)
    await plain.query('DELETE FROM undo_log')
  })
})
