import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { BranchStatus } from '../../../protocol/status.ts'
import type { PgResult } from './pg-driver.ts'
import { createPostgresResource } from './postgres-resource.ts'
import { createFixture, hasCode, isRefused, until, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = `
CREATE TABLE account (id int8 PRIMARY KEY, money int NOT NULL CHECK (money >= 0), at timestamptz,
  code text UNIQUE DEFERRABLE INITIALLY DEFERRED);
`
const rows = `INSERT INTO account SELECT i, 100, '2024-01-01 00:00+00', 'c' || i
  FROM generate_series(1, 4) i`

let server: TestPostgres
let fixture: Fixture
describe('AT mode of a pool', () => {
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema, { lockWaitMs: 300, lockWaitWithRowLocksMs: 20 })
  })
  after(() => server.stop())
  beforeEach(async () => {
    fixture.coordinator.clear()
    await fixture.plain.query(`TRUNCATE account, undo_log; ${rows}`)
  })

  describe('results inside a global transaction are those of the driver', testResults)
  describe('explicit transactions', testTransactions)
  describe('the pool', testPool)
})

async function moneyOf(id: number): Promise<unknown> {
  const { rows: found } = await fixture.plain.query('SELECT money FROM account WHERE id = $1', [id])
  return (found as { money: number }[])[0]?.money
}

/** A result as the application sees it. */
function seen({ command, rowCount, rows: found, fields }: PgResult): unknown {
  return { command, rowCount, rows: found, fields: fields.map((field) => field.name) }
}

function testResults(): void {
  const update = 'UPDATE account SET money = money + 1 WHERE id <= 2'
  const statements: [name: string, query: string | pg.QueryConfig | pg.QueryArrayConfig][] = [
    ['without RETURNING', update],
    ['with RETURNING', `${update} RETURNING id, money AS m, at`],
    ['with RETURNING *', `${update} RETURNING *`],
    ['with names twice', `${update} RETURNING id, money AS id`],
    ['with rows as arrays', { text: `${update} RETURNING *`, rowMode: 'array' }],
    [
      'with parameters',
      { text: `${update} AND code = $1 RETURNING $2::text AS x`, values: ['c1', 'y'] },
    ],
    ['with a name', { name: 'p', text: `${update} AND id > $1 RETURNING id`, values: [1] }],
    [
      'with own types',
      {
        text: `${update} RETURNING id`,
        types: { getTypeParser: () => (v: string) => `<${v}>` },
      } as pg.QueryConfig,
    ],
    ['of INSERT', "INSERT INTO account VALUES (9, 1, NULL, 'c9') RETURNING id, at"],
    ['of DELETE', 'DELETE FROM account WHERE id = 3 RETURNING *'],
    ['of nothing', 'DELETE FROM account WHERE id = -3 RETURNING id'],
    [
      'of SELECT FOR UPDATE',
      'SELECT money, id IS DISTINCT FROM 3 AS d FROM account a WHERE id = 3 FOR UPDATE',
    ],
  ]

  for (const [name, query] of statements) {
    test(name, async () => {
      const { plain, pool, coordinator } = fixture
      const client = await plain.connect()
      await client.query('BEGIN')
      const expected = seen(await client.query(query as pg.QueryConfig))
      await client.query('ROLLBACK')
      client.release()
      const { xid, result } = await coordinator.run(() => pool.query(query as pg.QueryConfig))
      assert.deepEqual(seen(result), expected)
      await coordinator.rollback(xid)
    })
  }

  test('a prepared statement of one name works inside, outside and inside again', async () => {
    const { pool, coordinator } = fixture
    const query = {
      name: 'add',
      text: 'UPDATE account SET money = money + $1 WHERE id = 1',
      values: [1],
    }
    const client = await pool.connect()
    for (let round = 0; round < 2; round++) {
      await client.query(query)
      const { xid } = await coordinator.run(() => client.query(query))
      await coordinator.commit(xid)
    }
    client.release()
    assert.equal(await moneyOf(1), 104)
  })

  test('callbacks are called like the driver calls them', async () => {
    const { pool, coordinator } = fixture
    const { result } = await coordinator.run(
      () =>
        new Promise<pg.QueryResult>((resolve, reject) => {
          const done = (error: Error | null, value: pg.QueryResult): void =>
            error === null || error === undefined ? resolve(value) : reject(error)
          pool.connect((error, client, release) => {
            if (error !== undefined) return reject(error)
            client!.query('UPDATE account SET money = $1 WHERE id = 1', [7], (first, value) => {
              release()
              if (first !== null) reject(first)
              else pool.query('UPDATE account SET money = 8 WHERE id = 2', () => done(first, value))
            })
          })
        }),
    )
    assert.equal(result.rowCount, 1)
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [7, 8])
    const failed = new Promise((resolve) => {
      coordinator.within(coordinator.begin(), () =>
        pool.query('UPDATE account SET money = -1', (error) => resolve(error)),
      )
    })
    assert.ok(hasCode('23514')(await failed))
  })

  test('errors of the server keep their codes, and the connection stays usable', async () => {
    const { pool, coordinator, plain } = fixture
    await coordinator.run(async () => {
      const insert = "INSERT INTO account VALUES (1, 1, NULL, 'other')"
      await assert.rejects(pool.query(insert), hasCode('23505'))
      await assert.rejects(pool.query('UPDATE account SET nothing = 1'), hasCode('42703'))
      await assert.rejects(pool.query('UPDATE nowhere SET v = 1'), hasCode('42P01'))
      await assert.rejects(pool.query('DELETE FROM account WHERE id = $1'), hasCode('42P02'))
    })
    assert.equal(plain.idleCount, plain.totalCount)
  })

  test('statements sent without waiting run in order', async () => {
    const { pool, coordinator } = fixture
    const client = await pool.connect()
    const { xid } = await coordinator.run(async () => {
      const sent = [
        client.query('BEGIN'),
        client.query('UPDATE account SET money = 1 WHERE id = 1'),
        client.query('UPDATE account SET money = money + 1 WHERE id = 1'),
        client.query('COMMIT'),
        client.query('SELECT money FROM account WHERE id = 1'),
      ]
      const results = await Promise.all(sent)
      assert.deepEqual(results[4]!.rows, [{ money: 2 }])
    })
    client.release()
    await coordinator.rollback(xid)
    assert.equal(await moneyOf(1), 100)
  })
}

function testTransactions(): void {
  const set = (id: number, money: number) => `UPDATE account SET money = ${money} WHERE id = ${id}`

  async function inside(statements: readonly string[]): Promise<string> {
    const client = await fixture.pool.connect()
    const { xid } = await fixture.coordinator.run(async () => {
      for (const statement of statements) await client.query(statement).catch(() => {})
    })
    client.release()
    return xid
  }

  test('BEGIN … COMMIT is one branch', async () => {
    const { coordinator } = fixture
    const xid = await inside(['BEGIN', set(1, 1), set(2, 2), 'END'])
    assert.equal(coordinator.branchesOf(xid).length, 1)
    const { lockKeys, holdsRowLocks } = coordinator.registrations.at(-1)!
    assert.deepEqual([lockKeys, holdsRowLocks], ['account:1,2', true])
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [1, 2])
    await coordinator.rollback(xid)
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [100, 100])
  })

  test('ROLLBACK leaves no branch and no undo row', async () => {
    const xid = await inside(['BEGIN', set(1, 1), 'ROLLBACK'])
    assert.deepEqual(fixture.coordinator.branchesOf(xid), [])
    assert.equal(await fixture.undoCount(), 0)
    assert.equal(await moneyOf(1), 100)
  })

  test('what a savepoint took back is neither locked nor undone', async () => {
    const { coordinator } = fixture
    const xid = await inside([
      'START TRANSACTION',
      set(1, 1),
      'SAVEPOINT a',
      set(2, 2),
      'SAVEPOINT b',
      set(3, 3),
      'ROLLBACK TO a',
      'SAVEPOINT c',
      set(4, 4),
      'RELEASE SAVEPOINT c',
      'COMMIT',
    ])
    assert.equal(coordinator.registrations.at(-1)!.lockKeys, 'account:1,4')
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(moneyOf)), [1, 100, 100, 4])
    await coordinator.rollback(xid)
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(moneyOf)), [100, 100, 100, 100])
  })

  test('a savepoint of the same name hides the earlier one until it is released', async () => {
    const xid = await inside([
      'BEGIN',
      'SAVEPOINT a',
      set(1, 1),
      'SAVEPOINT a',
      set(2, 2),
      'RELEASE a',
      set(3, 3),
      'ROLLBACK TO a',
      set(4, 4),
      'COMMIT',
    ])
    assert.equal(fixture.coordinator.registrations.at(-1)!.lockKeys, 'account:4')
    await fixture.coordinator.rollback(xid)
  })

  test('COMMIT after a failed statement rolls back, as the server would', async () => {
    const client = await fixture.pool.connect()
    const { xid } = await fixture.coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query(set(1, 1))
      await assert.rejects(client.query(set(1, -1)), hasCode('23514'))
      await assert.rejects(client.query('SELECT 1'), hasCode('25P02'))
      assert.equal((await client.query('COMMIT')).command, 'ROLLBACK')
    })
    client.release()
    assert.deepEqual(fixture.coordinator.branchesOf(xid), [])
    assert.equal(await moneyOf(1), 100)
  })

  test('a savepoint brings a failed transaction back', async () => {
    const xid = await inside([
      'BEGIN',
      set(1, 1),
      'SAVEPOINT a',
      set(2, -1),
      'ROLLBACK TO a',
      'COMMIT',
    ])
    assert.equal(await moneyOf(1), 1)
    await fixture.coordinator.rollback(xid)
    assert.equal(await moneyOf(1), 100)
  })

  test('a COMMIT that the server refuses is reported as failed', async () => {
    const { coordinator, pool } = fixture
    const client = await pool.connect()
    const { xid } = await coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query("UPDATE account SET code = 'same' WHERE id IN (1, 2)")
      await assert.rejects(client.query('COMMIT'), hasCode('23505'))
      // The transaction is over, and the next statement is one of its own.
      await client.query('DELETE FROM account WHERE id = -1')
    })
    client.release()
    assert.equal(coordinator.reports.at(-1)!.status, BranchStatus.PhaseOne_Failed)
    assert.deepEqual(coordinator.branchesOf(xid), [])
    assert.equal(await fixture.undoCount(), 0)
  })

  test('a connection that breaks before COMMIT leaves nothing behind', async () => {
    const { coordinator, pool, plain } = fixture
    coordinator.beforeRegister = async () => {
      await plain.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND datname = current_database()`)
    }
    const xid = coordinator.begin()
    await coordinator.within(xid, () => assert.rejects(pool.query(set(1, 1))))
    coordinator.beforeRegister = () => {}
    // It is reported as failed when the driver knows that nothing was sent; else phase two looks.
    await coordinator.rollback(xid)
    assert.equal(await moneyOf(1), 100)
    await plain.query('DELETE FROM undo_log')
  })

  test('a connection that breaks during COMMIT is not reported: phase two finds out', async () => {
    const { coordinator, pool, plain } = fixture
    await plain.query(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER die AFTER INSERT ON undo_log DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION die()`)
    const reportCount = coordinator.reports.length
    const xid = coordinator.begin()
    await coordinator.within(xid, () => assert.rejects(pool.query(set(1, 1)), hasCode('57P01')))
    await plain.query('DROP TRIGGER die ON undo_log')
    assert.equal(coordinator.reports.length, reportCount)
    assert.equal(coordinator.branchesOf(xid).length, 1)
    assert.deepEqual(await coordinator.rollback(xid), [8])
    assert.equal(await moneyOf(1), 100)
  })

  test('a client that is released inside its transaction is rolled back first', async () => {
    const { coordinator, pool, plain } = fixture
    const client = await pool.connect()
    await coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query(set(1, 1))
    })
    client.release()
    await until(() => plain.idleCount === plain.totalCount)
    await plain.query(set(1, 50))
    assert.equal(await moneyOf(1), 50)
    assert.throws(() => client.release(), /already been released/)
  })

  test('a local transaction belongs to one global transaction', async () => {
    const { coordinator, pool } = fixture
    const client = await pool.connect()
    const first = coordinator.begin()
    await coordinator.within(first, async () => {
      await client.query('BEGIN')
      await client.query(set(1, 1))
    })
    const second = coordinator.begin()
    const refused = isRefused(/began in the global transaction .*, but a statement came/)
    await coordinator.within(second, () => assert.rejects(client.query(set(2, 2)), refused))
    await assert.rejects(client.query(set(2, 2)), refused)
    await client.query('ROLLBACK')
    await client.query('BEGIN')
    await coordinator.within(second, () =>
      assert.rejects(client.query(set(2, 2)), isRefused(/began outside of any global transaction/)),
    )
    await client.query('ROLLBACK')
    client.release()
    assert.equal(await moneyOf(1), 100)
  })

  test('an error that only the driver sees spoils the transaction too', async () => {
    const { coordinator, pool } = fixture
    const client = await pool.connect()
    const { xid } = await coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query(set(1, 1))
      const bomb = {
        toPostgres: () => {
          throw new Error('no value')
        },
      }
      await assert.rejects(client.query('DELETE FROM account WHERE id = $1', [bomb]), /no value/)
      await assert.rejects(client.query(set(2, 2)), /no value/)
      assert.equal((await client.query('COMMIT')).command, 'ROLLBACK')
    })
    client.release()
    assert.deepEqual(coordinator.branchesOf(xid), [])
    assert.equal(await moneyOf(1), 100)
  })
}

function testPool(): void {
  test('a row that begins to match meanwhile is not changed without an image', async () => {
    const { coordinator, pool, plain } = fixture
    const other = await plain.connect()
    await other.query('BEGIN')
    await other.query('UPDATE account SET money = 50 WHERE id = 2')
    const working = coordinator.run(() =>
      pool.query('UPDATE account SET money = 1 WHERE money >= 50'),
    )
    await until(async () => {
      const { rowCount } = await plain.query('SELECT FROM pg_locks WHERE NOT granted')
      return rowCount! > 0
    })
    await other.query("INSERT INTO account VALUES (8, 60, NULL, 'c8')")
    await other.query('COMMIT')
    other.release()
    const { xid } = await working
    assert.equal(await moneyOf(8), 60)
    await coordinator.rollback(xid)
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(moneyOf)), [100, 50, 100, 100])
  })

  test('a table altered since it was described is undone with its new columns', async () => {
    const { coordinator, pool, plain } = fixture
    await plain.query('CREATE TABLE grown (id int PRIMARY KEY); INSERT INTO grown VALUES (1)')
    const first = await coordinator.run(() => pool.query('DELETE FROM grown'))
    await coordinator.rollback(first.xid)
    await plain.query("ALTER TABLE grown ADD late text; UPDATE grown SET late = 'kept'")
    const earlier = await fixture.dump('grown')
    const { xid } = await coordinator.run(() => pool.query('DELETE FROM grown'))
    await coordinator.rollback(xid)
    assert.deepEqual(await fixture.dump('grown'), earlier)
  })

  test('a name means the table of the session that uses it', async () => {
    const { coordinator, pool, plain } = fixture
    await plain.query(`CREATE SCHEMA a; CREATE SCHEMA b;
      CREATE TABLE a.own (id int PRIMARY KEY, v int);
      CREATE TABLE b.own (id int PRIMARY KEY, w text);
      INSERT INTO a.own VALUES (1, 1); INSERT INTO b.own VALUES (1, 'b')`)
    for (const schemaName of ['a', 'b', 'a']) {
      const earlier = [await fixture.dump('a.own'), await fixture.dump('b.own')]
      const client = await pool.connect()
      await client.query(`SET search_path = ${schemaName}, public`)
      const { xid } = await coordinator.run(() => client.query('DELETE FROM own'))
      assert.equal(coordinator.registrations.at(-1)!.lockKeys, `${schemaName}.own:1`)
      await client.query('RESET ALL')
      client.release()
      assert.deepEqual(await coordinator.rollback(xid), [8])
      assert.deepEqual([await fixture.dump('a.own'), await fixture.dump('b.own')], earlier)
    }
  })

  test('it is a pg.Pool in everything else', async () => {
    const { coordinator } = fixture
    const database = fixture.plain.options.database!
    const plain = server.openPool(database, { max: 2 })
    const { pool, resource } = createPostgresResource({ pool: plain, port: coordinator })
    assert.ok(pool instanceof pg.Pool)
    assert.equal(resource.resourceId, `jdbc:postgresql://127.0.0.1:${server.port}/${database}`)
    let connected = 0
    pool.on('connect', () => connected++)
    assert.equal((await pool.query('SELECT 1')).rowCount, 1)
    assert.deepEqual([connected, pool.totalCount, pool.idleCount], [1, 1, 1])
    const result = await pool.transaction((client) => client.query('SELECT 2 AS two'))
    assert.deepEqual(result.rows, [{ two: 2 }])
    await pool.end()
    await assert.rejects(pool.query('SELECT 1'), /after calling end/)
    await coordinator.run(() =>
      assert.rejects(pool.query('DELETE FROM account'), /after calling end/),
    )
  })

  test('the id of the resource comes from a connection string too', () => {
    const port = fixture.coordinator
    const plain = new pg.Pool({
      connectionString: 'postgres://u:secret@db.example:6432/shop?ssl=1',
    })
    const { resource } = createPostgresResource({ pool: plain, port })
    assert.equal(resource.resourceId, 'jdbc:postgresql://db.example:6432/shop')
    assert.throws(() => createPostgresResource({ pool: new pg.Pool({}), port }), /resourceId/)
  })
}
