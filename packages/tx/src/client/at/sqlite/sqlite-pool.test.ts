import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createManualClock, runWithContext } from '@settee/kit'
import { openTestDatabase, temporaryFile } from './test-database.ts'

const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, v, w TEXT);
  INSERT INTO t VALUES (1, 'one', 'w')`

test('values go in and come out as with pg', async (t) => {
  const { pool } = openTestDatabase(t, `CREATE TABLE v (id INTEGER PRIMARY KEY, a, b TEXT)`)
  const cases: readonly [input: unknown, type: string, output: unknown][] = [
    [1, 'integer', 1],
    [-0, 'real', -0],
    [1.5, 'real', 1.5],
    [2 ** 53, 'real', 2 ** 53],
    [2n ** 53n, 'integer', 2n ** 53n],
    [-(2n ** 63n), 'integer', -(2n ** 63n)],
    [Infinity, 'real', Infinity],
    [NaN, 'null', null],
    [true, 'integer', 1],
    [false, 'integer', 0],
    [undefined, 'null', null],
    [null, 'null', null],
    ['a\0ü', 'text', 'a\0ü'],
    [Buffer.from([0, 255]), 'blob', Buffer.from([0, 255])],
    [new Date(0), 'text', '1970-01-01T00:00:00.000Z'],
    [{ a: [1] }, 'text', '{"a":[1]}'],
  ]
  for (const [input, type, output] of cases) {
    const text = `INSERT INTO v (a) VALUES ($1) RETURNING a, typeof(a) AS type`
    const { rows, rowCount, fields } = await pool.query(text, [input])
    assert.deepEqual(rows, [{ a: output, type }])
    assert.equal(rowCount, 1)
    assert.deepEqual(fields, [{ name: 'a' }, { name: 'type' }])
  }
  await assert.rejects(pool.query(`SELECT $1`, [() => 1]), { code: 'SETTEE_TX_BAD_QUERY' })
  // An integer stays one in a text column: 7, not 7.0.
  const text = await pool.query(`INSERT INTO v (b) VALUES (?) RETURNING b`, [7])
  assert.deepEqual(text.rows, [{ b: '7' }])
  const { rows } = await pool.query(`SELECT 1 AS "__proto__", 2 AS b`)
  assert.deepEqual(Object.keys(rows[0]!), ['__proto__', 'b'])
})

test('rowCount counts changed or returned rows and is null otherwise', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const insert = await pool.query(`INSERT INTO t (v) VALUES (1), (2)`)
  assert.deepEqual([insert.rows, insert.rowCount], [[], 2])
  assert.equal((await pool.query(`UPDATE t SET v = 0 WHERE id = 99`)).rowCount, 0)
  assert.equal((await pool.query(`SELECT * FROM t`)).rowCount, 3)
  assert.equal((await pool.query(`CREATE TABLE x (a)`)).rowCount, null)
})

test('parameters that SQLite would silently misread are refused', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const cases: readonly [text: string, values: readonly unknown[], reason: RegExp][] = [
    ['SELECT $1, $2', [1], /2 parameters, but 1 values/],
    ['SELECT $1', [1, 2], /1 parameters, but 2 values/],
    ['SELECT ?', [], /1 parameters, but 0 values/],
    ['SELECT $1, ?', [1, 2], /both/],
    ['SELECT $2', [1], /\$1 is left out/],
    ['SELECT $1::int', [1], /no :: casts/],
    ['SELECT :name', [1], /:name is not supported/],
    ['SELECT ?3', [1], /\?3 is not supported/],
    ['SELECT 1; SELECT 2', [], /several statements/],
  ]
  for (const [text, values, message] of cases) {
    await assert.rejects(pool.query(text, values), { message }, text)
  }
  const fine = await pool.query(
    `SELECT $1 AS a, '$9' AS b, "v" AS c, [w] AS d /* ? $8 */
     FROM t WHERE id = $2 AND v <> $1 -- :x`,
    ['x', 1],
  )
  assert.deepEqual(fine.rows, [{ a: 'x', b: '$9', c: 'one', d: 'w' }])
})

test('a client begins, commits and rolls back by hand', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(`INSERT INTO t VALUES (2, 'two', '')`)
  await client.query('ROLLBACK')
  await client.query('ROLLBACK')
  await client.query('begin transaction')
  await client.query(`INSERT INTO t VALUES (3, 'three', '')`)
  await client.query('COMMIT')
  await client.query(`INSERT INTO t VALUES (4, 'alone', '')`)
  // Not awaited one by one: queries of a client run in the order of the calls.
  const results = [
    client.query('BEGIN'),
    client.query(`DELETE FROM t WHERE id = 4`),
    client.query(`SELECT count(*) AS n FROM t`),
    client.query('END'),
  ]
  assert.deepEqual((await Promise.all(results))[2]!.rows, [{ n: 2 }])
  await client.query('BEGIN')
  await client.query(`DELETE FROM t`)
  client.release()
  await assert.rejects(client.query('SELECT 1'), { code: 'SETTEE_TX_BAD_QUERY' })
  const { rows } = await pool.query('SELECT id FROM t ORDER BY id')
  assert.deepEqual(rows, [{ id: 1 }, { id: 3 }])
})

test('transaction commands in the wrong place are refused', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const bad = { code: 'SETTEE_TX_BAD_QUERY' }
  for (const text of ['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'RELEASE a']) {
    await assert.rejects(pool.query(text), bad)
  }
  const client = await pool.connect()
  await assert.rejects(client.query('COMMIT'), bad)
  await client.query('BEGIN')
  await assert.rejects(client.query('BEGIN'), bad)
  client.release()
  await assert.rejects(
    pool.transaction((inner) => inner.query('COMMIT')),
    bad,
  )
})

test('transaction commits what resolves and rolls back what rejects', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  assert.equal(
    await pool.transaction(async (client) => {
      await client.query(`INSERT INTO t VALUES (2, 'two', '')`)
      return 'done'
    }),
    'done',
  )
  const failing = pool.transaction(async (client) => {
    await client.query(`DELETE FROM t`)
    throw new Error('no')
  })
  await assert.rejects(failing, /no/)
  assert.equal((await pool.query('SELECT * FROM t')).rowCount, 2)
})

test('a transaction that SQLite rolled back by itself does not go on', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(`INSERT INTO t VALUES (2, 'two', '')`)
  await assert.rejects(client.query(`INSERT OR ROLLBACK INTO t VALUES (1, '', '')`), /UNIQUE/)
  const gone = { code: 'SETTEE_TX_BAD_QUERY', message: /rolled? the transaction back|roll/ }
  await assert.rejects(client.query(`INSERT INTO t VALUES (3, 'three', '')`), gone)
  await assert.rejects(client.query('COMMIT'), gone)
  client.release()
  assert.equal((await pool.query('SELECT * FROM t')).rowCount, 1)
})

test('reads outside of a transaction never see what is not committed', async (t) => {
  for (const path of [':memory:', temporaryFile(t)]) {
    const { pool } = openTestDatabase(t, schema, { path })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(`INSERT INTO t VALUES (2, 'two', '')`)
    const reading = pool.query('SELECT count(*) AS n FROM t')
    // A file has a connection for readers; in memory the read waits for the end.
    if (path !== ':memory:') assert.deepEqual((await reading).rows, [{ n: 1 }])
    await client.query(path === ':memory:' ? 'ROLLBACK' : 'COMMIT')
    client.release()
    assert.deepEqual((await reading).rows, [{ n: 1 }])
    const after = path === ':memory:' ? 1 : 2
    assert.deepEqual((await pool.query('SELECT count(*) AS n FROM t')).rows, [{ n: after }])
  }
})

test('reads that only the writing connection can answer go there', async (t) => {
  const path = temporaryFile(t)
  const { database, pool } = openTestDatabase(t, schema, { path })
  database.function('twice', (n) => Number(n) * 2)
  await pool.query(`INSERT INTO t VALUES (41, '', '')`)
  const { rows } = await pool.query(`SELECT last_insert_rowid() AS id`)
  assert.deepEqual(rows, [{ id: 41 }])
  assert.deepEqual((await pool.query('SELECT twice(id) AS n FROM t LIMIT 1')).rows, [{ n: 2 }])
  database.exec(`CREATE TEMP TABLE scratch AS SELECT 5 AS five`)
  assert.deepEqual((await pool.query('SELECT five FROM scratch')).rows, [{ five: 5 }])
  assert.deepEqual((await pool.query('SELECT count(*) AS n FROM scratch')).rows, [{ n: 1 }])
})

test('callers get the writer in the order in which they asked', async (t) => {
  const { pool } = openTestDatabase(t, schema)
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      pool.transaction(async (client) => {
        order.push(i)
        await client.query(`UPDATE t SET v = $1`, [i])
        await new Promise(setImmediate)
      }),
    ),
  )
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test('too many callers, too long a wait and too long a transaction are typed errors', async (t) => {
  const clock = createManualClock()
  const { database, pool } = openTestDatabase(t, schema, {
    clock,
    maxWaiting: 1,
    queueWaitMs: 1000,
    transactionMs: 5000,
  })
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('DELETE FROM t')
  const waiting = assert.rejects(pool.query('DELETE FROM t'), { code: 'SETTEE_TX_POOL_TIMEOUT' })
  const overloaded = { code: 'SETTEE_TX_POOL_OVERLOADED', retryable: true }
  await assert.rejects(pool.query('DELETE FROM t'), overloaded)
  clock.advance(1000)
  await waiting
  const deadlineMs = clock.monotonic() + 10
  const hurried = assert.rejects(
    runWithContext({ deadlineMs }, () => pool.query('DELETE FROM t')),
    { code: 'SETTEE_TX_POOL_TIMEOUT' },
  )
  clock.advance(10)
  await hurried
  clock.advance(5000)
  assert.equal(database.isTransaction, false)
  await assert.rejects(client.query('SELECT 1'), {
    code: 'SETTEE_TX_POOL_TIMEOUT',
    message: /open for 5000 ms/,
  })
  await assert.rejects(client.query('COMMIT'), { code: 'SETTEE_TX_POOL_TIMEOUT' })
  assert.equal((await pool.query('UPDATE t SET v = 2')).rowCount, 1)
  client.release()
})

test('a file that another process writes to is waited for without blocking', async (t) => {
  const path = temporaryFile(t)
  const { pool } = openTestDatabase(t, schema, { path, busyMs: 400 })
  using other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  const writing = pool.query('UPDATE t SET v = 2')
  await new Promise((resolve) => setTimeout(resolve, 60))
  other.exec('COMMIT')
  assert.equal((await writing).rowCount, 1)
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(pool.query('UPDATE t SET v = 3'), {
    code: 'SETTEE_TX_POOL_TIMEOUT',
    message: /another connection holds/,
  })
  other.exec('ROLLBACK')
})

test('after end the pool refuses work and the database is closed', async (t) => {
  const { database, pool, resource } = openTestDatabase(t, schema, { path: temporaryFile(t) })
  const running = pool.query('UPDATE t SET v = 2')
  await pool.end()
  await running
  await pool.end()
  await resource.close()
  assert.equal(database.isOpen, false)
  const closed = { code: 'SETTEE_TX_POOL_CLOSED' }
  await assert.rejects(pool.query('UPDATE t SET v = 2'), closed)
  await assert.rejects(pool.query('SELECT 1'), closed)
  await assert.rejects(
    pool.transaction(async () => {}),
    closed,
  )
  await assert.rejects(resource.commitBranch('x', 1), closed)
  await assert.rejects(resource.rollbackBranch('x', 1), closed)
  await assert.rejects(resource.deleteUndoLogs(1), closed)
})

test('a transaction that cannot record its changes is not left open', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  database.createSession = () => {
    throw new Error('out of memory')
  }
  await assert.rejects(
    coordinator.within(coordinator.begin(), () => pool.query('DELETE FROM t')),
    /out of memory/,
  )
  assert.equal(database.isTransaction, false)
})

test('a temporary table is read in place of the table that it hides', async (t) => {
  const { pool } = openTestDatabase(t, schema, { path: temporaryFile(t) })
  assert.equal((await pool.query('SELECT * FROM t')).rowCount, 1)
  await pool.query('CREATE TEMP TABLE t (id)')
  assert.equal((await pool.query('SELECT * FROM t')).rowCount, 0)
})

test('a statement compiled for a schema that was rolled back is compiled anew', async (t) => {
  const { coordinator, pool } = openTestDatabase(
    t,
    `${schema}; CREATE TABLE log (x);
    CREATE TRIGGER logged AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END`,
  )
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('DROP TRIGGER logged')
  const write = coordinator.within(coordinator.begin(), () =>
    pool.query('INSERT INTO t (v) VALUES (1)'),
  )
  await client.query('ROLLBACK')
  client.release()
  await assert.rejects(write, /log has no primary key/)
})
