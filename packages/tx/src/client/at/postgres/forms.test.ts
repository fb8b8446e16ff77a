/**
 * Every form of statement that changes rows: its answer is the one of the bare driver, and the
 * rollback takes all of it back, on PostgreSQL 18 and as before it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { BranchStatus } from '../../../protocol/status.ts'
import { createFixture, hasCode, isRefused, until, type Fixture } from './test-fixture.ts'
import { asOlderServer } from './test-older-server.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = `
CREATE TABLE t (id int PRIMARY KEY, v int, u int UNIQUE, w text
  GENERATED ALWAYS AS (v::text) STORED);
INSERT INTO t (id, v, u) VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3), (4, NULL, NULL);
CREATE TABLE s (id int PRIMARY KEY, ref int, "Odd ""name" text);
INSERT INTO s VALUES (1, 1, 'a'), (2, 2, '"b\\", (c)'), (3, 2, ''), (4, 9, NULL);
CREATE TABLE archive (id int, v int, at timestamptz DEFAULT now(), PRIMARY KEY (id));
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int DEFAULT 7);
CREATE TABLE serials (id serial PRIMARY KEY, n int);
CREATE TABLE uuids (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, n int);
CREATE TABLE composed (a int, b text, c int, PRIMARY KEY (b, a));
INSERT INTO composed VALUES (1, 'x', 1), (2, 'x', 2), (1, 'y', 3);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1);
CREATE TABLE old (id int PRIMARY KEY, v int);
INSERT INTO old VALUES (1, 5);
`
const tables =
  'SELECT t::text AS row FROM t UNION ALL SELECT s::text FROM s UNION ALL SELECT a::text FROM ' +
  'archive a UNION ALL SELECT n::text FROM numbered n UNION ALL SELECT x::text FROM serials x ' +
  'UNION ALL SELECT u::text FROM uuids u UNION ALL SELECT c::text FROM composed c UNION ALL ' +
  'SELECT p::text FROM parent p UNION ALL SELECT c::text FROM child c UNION ALL SELECT o::text ' +
  'FROM old o ORDER BY 1'

/** Statements of which the server itself always gives the same answer. */
const forms: readonly (readonly [sql: string, values?: unknown[]])[] = [
  ['INSERT INTO t (id, v) VALUES (10, 1), (11, $1) RETURNING id, w AS text', [2]],
  ['INSERT INTO archive (id, v) SELECT id, v FROM t WHERE id > $1', [1]],
  ['INSERT INTO serials DEFAULT VALUES'],
  ['INSERT INTO numbered DEFAULT VALUES RETURNING n'],
  ['INSERT INTO uuids (n) VALUES (1), (2) RETURNING n'],
  ['INSERT INTO composed VALUES (5, $1, $2) RETURNING *', ['z', 1]],
  ['INSERT INTO t (id, v) VALUES (1, 1), (10, 1) ON CONFLICT DO NOTHING RETURNING *'],
  ['INSERT INTO t (id, u) VALUES (9, 1) ON CONFLICT (u) DO NOTHING'],
  ['INSERT INTO t (id, v) VALUES (1, 5), (10, 6) ON CONFLICT (id) DO UPDATE SET v = excluded.v'],
  [
    'INSERT INTO t AS x (id, v, u) VALUES ($1, 5, 8), (12, 6, 9) ON CONFLICT (id) DO UPDATE ' +
      'SET v = excluded.v + x.v, id = excluded.id WHERE x.v > 5 RETURNING x.id, x.v',
    [2],
  ],
  [
    'INSERT INTO t (id, v, u) VALUES (77, 5, 1) ON CONFLICT ON CONSTRAINT t_u_key ' +
      'DO UPDATE SET v = 1, u = 50 RETURNING *',
  ],
  [
    'INSERT INTO t (id, v) SELECT id, ref FROM s ON CONFLICT (id) DO UPDATE SET v = excluded.v ' +
      'WHERE t.v IS DISTINCT FROM excluded.v',
  ],
  ['INSERT INTO t (id, v) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = 1 WHERE false'],
  [
    'INSERT INTO composed VALUES (1, $1, 9), (9, $1, 9) ON CONFLICT (a, b) DO UPDATE ' +
      'SET c = excluded.c RETURNING c, a',
    ['x'],
  ],
  ['UPDATE t SET v = v + 1, u = u + 10 WHERE id IN ($2, $1) RETURNING id, v', [1, 3]],
  ['UPDATE t SET v = s.ref FROM s WHERE s.id = t.id AND s.ref < $1 RETURNING t.id, s.*', [5]],
  ['UPDATE t SET v = b.v FROM t AS b WHERE b.id = t.id + 1'],
  [
    'UPDATE t AS x SET (v, u) = (b.v, b.id + 60) FROM t b JOIN s ON s.id = b.id WHERE b.id - 1 ' +
      '= x.id',
  ],
  ['UPDATE t SET v = s.ref FROM s WHERE s.ref = t.id'],
  ['UPDATE t SET v = x.n FROM (VALUES (1, 7), (2, 8)) AS x (id, n) WHERE x.id = t.id RETURNING *'],
  ['WITH x AS (SELECT id FROM s WHERE ref = 2) UPDATE t SET v = 0 FROM x WHERE x.id = t.id'],
  ['UPDATE t SET v = (SELECT count(*) FROM s WHERE s.ref = t.id)'],
  ['UPDATE t SET u = CASE id WHEN 1 THEN 30 WHEN 2 THEN 31 END WHERE id < 3'],
  [
    'UPDATE t SET v = 99 WHERE id = (SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP ' +
      'LOCKED) ' +
      'RETURNING *',
  ],
  ['UPDATE old SET v = 6 RETURNING old.v'],
  ['UPDATE t SET v = old.v FROM old WHERE old.id = t.id RETURNING old.v, t.v'],
  ['UPDATE composed SET c = c + 1 WHERE b = $1 RETURNING *', ['x']],
  ['DELETE FROM t USING s WHERE s.ref = t.id RETURNING t.*'],
  ['DELETE FROM t x USING t y WHERE y.id = x.id + 1'],
  ['WITH x AS (SELECT 2 AS id) DELETE FROM t USING x WHERE x.id = t.id RETURNING x.id, t.v'],
  ['DELETE FROM composed WHERE (a, b) IN (SELECT 1, $1) RETURNING c', ['y']],
  ['WITH moved AS (DELETE FROM t WHERE v > 10 RETURNING *) SELECT id, w FROM moved ORDER BY id'],
  [
    'WITH moved AS (DELETE FROM t WHERE v > $1 RETURNING id, v) ' +
      'INSERT INTO archive (id, v) SELECT * FROM moved RETURNING id, v',
    [10],
  ],
  [
    'WITH moved (a) AS MATERIALIZED (DELETE FROM s WHERE id > 900 RETURNING id) SELECT * FROM ' +
      'moved',
  ],
  [
    'WITH one AS (INSERT INTO parent VALUES (8) RETURNING id), two AS (INSERT INTO child ' +
      'SELECT 8, id FROM one) SELECT id, count(*) FROM one GROUP BY id',
  ],
  ['WITH two AS (INSERT INTO child VALUES (7, 7)) INSERT INTO parent VALUES (7)'],
  ['WITH one AS (DELETE FROM parent WHERE id = 1) DELETE FROM child'],
  [
    'WITH s2 AS (UPDATE s SET ref = ref + 1 WHERE id > 1 RETURNING id, "Odd ""name"), n AS ' +
      '(SELECT max(id) AS m FROM s2) UPDATE t SET v = n.m FROM n WHERE t.id < n.m RETURNING t.id',
  ],
  [
    'WITH up AS (INSERT INTO t (id, v) VALUES (1, 0), (20, 0) ON CONFLICT (id) DO UPDATE ' +
      'SET v = excluded.v RETURNING *), gone AS (DELETE FROM s RETURNING s.*) ' +
      'SELECT (SELECT count(*) FROM up) AS a, (SELECT count(*) FROM gone) AS b',
  ],
  [
    'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3), ' +
      'd AS (DELETE FROM t WHERE id IN (SELECT i FROM n)) SELECT * FROM n',
  ],
]

/** PostgreSQL 18 and later. */
const newerForms: typeof forms = [
  [
    'MERGE INTO t USING s ON s.id = t.id WHEN MATCHED AND t.v > 25 THEN DELETE WHEN MATCHED THEN ' +
      'UPDATE SET v = s.ref WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 1) ' +
      'RETURNING merge_action(), t.id',
  ],
  [
    'MERGE INTO t USING (VALUES (50)) AS x (id) ON x.id = t.id WHEN NOT MATCHED THEN INSERT ' +
      '(id) VALUES (x.id)',
  ],
  [
    'WITH m AS (MERGE INTO t USING s ON s.id = t.id WHEN MATCHED THEN UPDATE SET v = s.ref ' +
      'RETURNING t.id) SELECT * FROM m ORDER BY id',
  ],
  ['UPDATE t SET v = v + 1 WHERE id = 1 RETURNING old.v, new.v AS after'],
  ['UPDATE t SET v = 1 RETURNING WITH (OLD AS before) before.v, new.*'],
]

/** The server says nothing of the order in which it returns changed rows. */
const sorted = (rows: readonly unknown[]): readonly unknown[] =>
  rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

describe('forms of statements in PostgreSQL', () => {
  let server: TestPostgres
  before(async () => {
    server = await startTestPostgres()
  })
  after(() => server.stop())

  for (const version of ['PostgreSQL 18', 'before PostgreSQL 18'] as const) {
    const isOlder = version !== 'PostgreSQL 18'
    describe(version, () => {
      let fixture: Fixture
      let plain: pg.Pool
      let afterQuery = async (_text: string): Promise<void> => {}
      before(async () => {
        const wrap = (pool: pg.Pool): pg.Pool =>
          asOlderServer(pool, { after: (text) => afterQuery(text) })
        const mayBeOlder = isOlder ? { wrap } : {}
        fixture = await createFixture(server, schema, { ...mayBeOlder, lockWaitMs: 500 })
        plain = fixture.plain
      })

      const dump = async (): Promise<unknown> => (await plain.query(tables)).rows

      async function bareAnswer(
        sql: string,
        values: unknown[] | undefined,
      ): Promise<pg.QueryResult> {
        const client = await plain.connect()
        await client.query('BEGIN')
        const result = await client.query(sql, values)
        await client.query('ROLLBACK')
        client.release()
        return result
      }

      for (const [sql, values] of isOlder ? forms : [...forms, ...newerForms]) {
        test(sql, async () => {
          const earlier = await dump()
          const bare = await bareAnswer(sql, values)
          const { coordinator, pool } = fixture
          const xid = coordinator.begin()
          const result = await coordinator.within(xid, () => pool.query(sql, values))
          const wasChanged = (result.rowCount ?? 0) > 0
          const changed = await dump()
          const branches = coordinator.branchesOf(xid).length
          const statuses = await coordinator.rollback(xid)
          assert.deepEqual(await dump(), earlier)
          assert.deepEqual(
            [branches, statuses],
            wasChanged ? [1, [BranchStatus.PhaseTwo_Rollbacked]] : [0, []],
          )
          if (wasChanged) assert.notDeepEqual(changed, earlier)
          assert.deepEqual(sorted(result.rows), sorted(bare.rows))
          assert.deepEqual(
            [result.rowCount, result.command, result.fields.map(({ name }) => name)],
            [bare.rowCount, bare.command, bare.fields.map(({ name }) => name)],
          )
          assert.deepEqual(
            result.fields.map(({ dataTypeID, tableID }) => [dataTypeID, tableID > 0]),
            bare.fields.map(({ dataTypeID, tableID }) => [dataTypeID, tableID > 0]),
          )
        })
      }

      test('several statements in one string are one branch, with an answer each', async () => {
        const earlier = await dump()
        const { coordinator, pool } = fixture
        const sql = "UPDATE t SET v = 0; SELECT ';' AS one; DELETE FROM s RETURNING id;"
        const xid = coordinator.begin()
        const results: unknown = await coordinator.within(xid, () => pool.query(sql))
        assert.deepEqual(
          (results as pg.QueryResult[]).map(({ command, rowCount }) => [command, rowCount]),
          [
            ['UPDATE', 4],
            ['SELECT', 1],
            ['DELETE', 4],
          ],
        )
        assert.equal(coordinator.branchesOf(xid).length, 1)
        await coordinator.rollback(xid)
        assert.deepEqual(await dump(), earlier)
      })

      test('a statement that fails takes those of its string back', async () => {
        const earlier = await dump()
        const { coordinator, pool } = fixture
        const sql = 'UPDATE t SET v = 0; INSERT INTO t (id) VALUES (1)'
        const xid = coordinator.begin()
        await assert.rejects(
          coordinator.within(xid, () => pool.query(sql)),
          /duplicate key/,
        )
        assert.deepEqual(await dump(), earlier)
        assert.deepEqual(coordinator.branchesOf(xid), [])
      })

      test('a string may begin and commit its own transaction', async () => {
        const earlier = await dump()
        const { coordinator, pool } = fixture
        const sql = 'BEGIN; UPDATE t SET v = 0; SAVEPOINT a; DELETE FROM t; ROLLBACK TO a; COMMIT'
        const xid = coordinator.begin()
        const results: unknown = await coordinator.within(xid, () => pool.query(sql))
        assert.equal((results as unknown[]).length, 6)
        assert.equal(coordinator.branchesOf(xid).length, 1)
        await coordinator.rollback(xid)
        assert.deepEqual(await dump(), earlier)
      })

      test('a string that commits in between is refused', async () => {
        const { coordinator, pool } = fixture
        await assert.rejects(
          coordinator.run(() => pool.query('UPDATE t SET v = 0; COMMIT; UPDATE t SET v = 1')),
          isRefused(/^a string that ends a transaction between its statements was refused/),
        )
      })

      test('FOR UPDATE looks at the global locks of every table', async () => {
        const { coordinator, pool } = fixture
        const asked: string[] = []
        const isLockable = coordinator.isLockable.bind(coordinator)
        coordinator.isLockable = async (xid, resourceId, lockKeys) => {
          asked.push(lockKeys)
          return isLockable(xid, resourceId, lockKeys)
        }
        const texts = [
          'SELECT t.id, s.ref FROM t JOIN s ON s.id = t.id WHERE t.id < 3 ORDER BY t.id FOR UPDATE',
          'SELECT * FROM t, s WHERE s.id = t.id AND t.id = 1 FOR SHARE OF s FOR NO KEY UPDATE OF t',
          'SELECT 1 AS one FROM t, s WHERE s.id = 1 AND t.id = 2 FOR KEY SHARE OF s NOWAIT',
          'SELECT id FROM t, generate_series(1, 1) WHERE id = 3 FOR UPDATE SKIP LOCKED',
        ]
        for (const text of texts) {
          const { result } = await coordinator.run(() => pool.query(text))
          assert.deepEqual(result.rows, (await plain.query(text)).rows)
        }
        coordinator.isLockable = isLockable
        assert.deepEqual(asked, ['t:1,2;s:1,2', 't:1;s:1', 's:1', 't:3'])
      })

      test('NOWAIT does not wait for the global lock of another transaction', async () => {
        const { coordinator, pool } = fixture
        const { xid } = await coordinator.run(() => pool.query('UPDATE s SET ref = 5'))
        const select = 'SELECT * FROM s FOR UPDATE NOWAIT'
        const startMs = performance.now()
        await assert.rejects(
          coordinator.run(() => pool.query(select)),
          hasCode('SETTEE_TX_LOCK_CONFLICT'),
        )
        assert.ok(performance.now() - startMs < 450, 'it waited')
        await coordinator.rollback(xid)
      })

      test('a cursor of SQL may be read and deleted at', async () => {
        const earlier = await dump()
        const { coordinator, pool } = fixture
        const xid = coordinator.begin()
        await coordinator.within(xid, () =>
          pool.transaction(async (client) => {
            await client.query('DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id')
            assert.deepEqual((await client.query('FETCH 2 FROM c')).rows, [{ id: 1 }, { id: 2 }])
            await client.query('DECLARE d CURSOR FOR SELECT * FROM s')
            await client.query('FETCH 1 FROM d')
            await client.query('DELETE FROM s WHERE CURRENT OF d')
            const update = 'UPDATE s SET ref = 0 WHERE CURRENT OF d'
            await client.query('FETCH 1 FROM d')
            if (isOlder) await assert.rejects(client.query(update), isRefused(/WHERE CURRENT OF/))
            else await client.query(update)
            await client.query('CLOSE d')
          }),
        )
        assert.notDeepEqual(await dump(), earlier)
        await coordinator.rollback(xid)
        assert.deepEqual(await dump(), earlier)
      })

      if (isOlder) {
        test('MERGE is refused with the version that it needs', async () => {
          const { coordinator, pool } = fixture
          const sql = 'MERGE INTO t USING s ON s.id = t.id WHEN MATCHED THEN DELETE'
          await assert.rejects(
            coordinator.run(() => pool.query(sql)),
            isRefused(/^MERGE was refused.*from PostgreSQL 18 on/),
          )
        })

        test('a row that another inserts behind the rehearsal is found by a second', async () => {
          const earlier = await dump()
          const { coordinator, pool } = fixture
          let reads = 0
          afterQuery = async (text) => {
            if (!text.endsWith('FOR NO KEY UPDATE') || reads++ > 0) return
            await plain.query('INSERT INTO t (id, v) VALUES (61, 1)')
          }
          const sql = 'INSERT INTO t (id, v) VALUES (61, 2) ON CONFLICT (id) DO UPDATE SET v = 2'
          const { xid } = await coordinator.run(() => pool.query(sql))
          afterQuery = async () => {}
          assert.equal(reads, 2)
          await coordinator.rollback(xid)
          const { rows } = await plain.query('DELETE FROM t WHERE id = 61 RETURNING v')
          assert.deepEqual(rows, [{ v: 1 }])
          assert.deepEqual(await dump(), earlier)
        })

        test('a row that another inserts during the rehearsal is waited for and kept', async () => {
          const earlier = await dump()
          const { coordinator, pool } = fixture
          const other = await plain.connect()
          await other.query('BEGIN')
          await other.query('INSERT INTO t (id, v) VALUES (60, 1)')
          const sql =
            'INSERT INTO t (id, v) VALUES (60, 2) ON CONFLICT (id) DO UPDATE SET v = 2 RETURNING v'
          const xid = coordinator.begin()
          const running = coordinator.within(xid, () => pool.query(sql))
          await until(async () => {
            const { rows } = await plain.query('SELECT FROM pg_locks WHERE NOT granted')
            return rows.length > 0
          })
          await other.query('COMMIT')
          other.release()
          await running
          await coordinator.rollback(xid)
          const { rows } = await plain.query('DELETE FROM t WHERE id = 60 RETURNING v')
          assert.deepEqual(rows, [{ v: 1 }])
          assert.deepEqual(await dump(), earlier)
        })
      }
    })
  }
})
