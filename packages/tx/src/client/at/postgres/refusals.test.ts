import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createFixture, isRefused, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = `
CREATE TABLE t (id int PRIMARY KEY, v int, u int UNIQUE);
INSERT INTO t VALUES (1, 1, 1);
CREATE TABLE keyless (v int);
CREATE TABLE triggered (id int PRIMARY KEY);
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER watch BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION noop();
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE also AS ON DELETE TO ruled DO ALSO SELECT 1;
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE SET NULL,
  code int REFERENCES parent (code) ON UPDATE CASCADE);
INSERT INTO parent VALUES (1, 1);
CREATE VIEW seen AS SELECT * FROM t;
CREATE PROCEDURE work() LANGUAGE sql AS 'SELECT 1';
`

const refused: [sql: string, message: RegExp][] = [
  [
    'CREATE TABLE x (id int)',
    /^CREATE was refused inside a global .*: a change of the schema cannot be undone; run it/,
  ],
  ['ALTER TABLE t ADD c int', /^ALTER TABLE was refused.*schema/],
  ['DROP TABLE t', /^DROP was refused.*schema/],
  ['CREATE INDEX i ON t (v)', /^INDEX was refused.*schema/],
  ['CREATE TABLE x AS SELECT 1', /^CREATE TABLE AS was refused.*schema/],
  ['GRANT SELECT ON t TO PUBLIC', /^GRANT was refused.*schema/],
  ['TRUNCATE t', /^TRUNCATE was refused.*use DELETE/],
  ['COPY t FROM STDIN', /^COPY was refused.*use INSERT/],
  ['MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED THEN DELETE', /^MERGE was refused/],
  [
    'WITH w AS (DELETE FROM t RETURNING *) SELECT * FROM w',
    /^a WITH clause that writes was refused/,
  ],
  [
    'WITH w AS (INSERT INTO t VALUES (2) RETURNING id) UPDATE t SET v = 1',
    /^a WITH clause that writes/,
  ],
  [
    'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING',
    /^INSERT … ON CONFLICT was refused.*SELECT … FOR UPDATE/,
  ],
  [
    'INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 2',
    /^INSERT … ON CONFLICT was refused/,
  ],
  ['UPDATE t SET v = s.v FROM t s WHERE s.id = t.id', /^UPDATE … FROM was refused.*subquery/],
  ['UPDATE t SET v = 1 WHERE CURRENT OF c', /^WHERE CURRENT OF was refused/],
  ['UPDATE t SET id = 2 WHERE id = 1', /^UPDATE t SET id was refused.*primary key changes/],
  ['SELECT * INTO x FROM t', /^SELECT INTO was refused/],
  ['SELECT * FROM (SELECT * FROM t FOR UPDATE) s', /^FOR UPDATE in a subquery was refused/],
  [
    'SELECT * FROM t, parent FOR UPDATE',
    /^SELECT … FOR UPDATE of several tables was refused.*FOR UPDATE OF/,
  ],
  ['DELETE FROM t; DELETE FROM t', /^several statements in one string was refused/],
  ['DO $$ BEGIN END $$', /^DO was refused/],
  ['CALL work()', /^CALL was refused/],
  ['PREPARE p AS DELETE FROM t', /^PREPARE was refused/],
  ['EXECUTE p', /^EXECUTE was refused/],
  ['EXPLAIN ANALYZE DELETE FROM t', /^EXPLAIN was refused/],
  ['DECLARE c CURSOR FOR SELECT 1', /^DECLARE CURSOR was refused.*not known to be safe/],
  ['VACUUM t', /^VACUUM was refused.*not known to be safe/],
  ["PREPARE TRANSACTION 'x'", /^PREPARE TRANSACTION was refused/],
  ['COMMIT AND CHAIN', /^AND CHAIN was refused/],
  [
    'DELETE FORM t',
    /^a statement was refused.*cannot be parsed \(syntax error at or near "FORM"\)/,
  ],
  ['DELETE FROM keyless', /^a change of public\.keyless was refused.*no primary key/],
  ['INSERT INTO triggered VALUES (1)', /^a change of public\.triggered was refused.*trigger watch/],
  ['DELETE FROM ruled', /^a change of public\.ruled was refused.*rule also/],
  ['INSERT INTO parted VALUES (1)', /^a change of public\.parted was refused.*partitioned/],
  ['INSERT INTO parted_1 VALUES (1)', /^a change of public\.parted_1 was refused.*partitioned/],
  ['UPDATE seen SET v = 2', /^a change of public\.seen was refused.*view/],
  ['DELETE FROM parent', /^DELETE FROM parent was refused.*foreign key of public\.child/],
  ['UPDATE parent SET code = 2', /^UPDATE parent was refused.*foreign key of public\.child/],
]

const passing = [
  '',
  ' -- nothing\n;',
  'SELECT count(*) FROM t',
  'VALUES (1), (2)',
  'TABLE t',
  'WITH w AS (SELECT 1) SELECT * FROM w',
  'SET search_path = public',
  "SET LOCAL lock_timeout = '1s'",
  'SET TRANSACTION READ ONLY',
  'SHOW search_path',
  'LISTEN c',
  'UNLISTEN c',
  "NOTIFY c, 'x'",
  'SET CONSTRAINTS ALL DEFERRED',
  'DEALLOCATE ALL',
]

describe('statements that cannot be undone', () => {
  let server: TestPostgres
  let fixture: Fixture
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())

  for (const [sql, message] of refused) {
    test(`refused before it runs: ${sql}`, async () => {
      const { coordinator, pool } = fixture
      const xid = coordinator.begin()
      const client = await pool.connect()
      await coordinator.within(xid, async () => {
        await assert.rejects(client.query(sql), isRefused(message))
        // In a local transaction, which goes on.
        await client.query('BEGIN')
        await assert.rejects(client.query(sql), isRefused(message))
        assert.equal((await client.query('SELECT 1 AS one')).rows.length, 1)
        await client.query('COMMIT')
      })
      client.release()
      assert.deepEqual(coordinator.branchesOf(xid), [])
    })
  }

  for (const sql of passing) {
    test(`passes: ${JSON.stringify(sql)}`, async () => {
      const { coordinator, pool } = fixture
      const { xid } = await coordinator.run(() => pool.query(sql))
      assert.deepEqual(coordinator.branchesOf(xid), [])
    })
  }

  test('outside of a global transaction everything runs', async () => {
    const { pool } = fixture
    await pool.query('TRUNCATE keyless; INSERT INTO keyless VALUES (1), (2)')
    assert.equal((await pool.query('DELETE FROM keyless')).rowCount, 2)
  })

  test('a cursor or Query object is refused with the reason', () => {
    const { coordinator, pool } = fixture
    const cursor = { text: 'SELECT 1', submit: () => {} }
    coordinator.within(coordinator.begin(), () => {
      assert.throws(() => pool.query(cursor), isRefused(/^a Query object or cursor was refused/))
    })
  })

  test('BEGIN on a pool is refused', async () => {
    const { coordinator, pool } = fixture
    await assert.rejects(
      coordinator.run(() => pool.query('BEGIN')),
      isRefused(/^BEGIN on a pool was refused.*pool\.transaction/),
    )
  })

  test('more rows than the limit are refused, and nothing is left behind', async () => {
    const { coordinator, pool, plain } = await createFixture(
      server,
      'CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT generate_series(1, 20)',
      { maxRows: 10 },
    )
    const tooMany = isRefused(/of more than 10 rows was refused/)
    const statements = [
      'UPDATE t SET v = 1',
      'DELETE FROM t',
      'INSERT INTO t SELECT generate_series(21, 40)',
      'SELECT * FROM t FOR UPDATE',
    ]
    for (const sql of statements)
      await assert.rejects(
        coordinator.run(() => pool.query(sql)),
        tooMany,
      )
    await coordinator.run(() => pool.query('UPDATE t SET v = 2 WHERE id <= 10'))
    const { rows } = await plain.query('SELECT count(*)::int AS all, count(v)::int AS set FROM t')
    assert.deepEqual(rows, [{ all: 20, set: 10 }])
  })

  test('a missing undo table is named, with the SQL that creates it', async () => {
    const { coordinator, pool, plain } = await createFixture(
      server,
      'CREATE TABLE t (id int PRIMARY KEY); DROP TABLE undo_log',
      { tableTtlMs: 0 },
    )
    const insert = () => coordinator.run(() => pool.query('INSERT INTO t VALUES (1)'))
    let ddl = ''
    await assert.rejects(insert(), (error: Error) => {
      ddl = /CREATE TABLE IF NOT EXISTS undo_log[^]*$/.exec(error.message)![0]
      return isRefused(/the table undo_log does not exist; create it with/)(error)
    })
    await plain.query(ddl)
    await insert()
  })
})
