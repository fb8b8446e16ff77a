import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { heard, streamed, told } from './test-observe.ts'
import { insert, inside, useShop } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

describe('mysql2: a held statement', () => {
  test('its callback, `end` and OK come after AT mode is done, its rows before', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    const order: string[] = []
    recorder.after = async (call, session) => {
      await session.run('SELECT SLEEP(0.02)')
      order.push(`done ${call.sql}`)
    }
    const listen = async (sql: string, name: string): Promise<void> => {
      const command = connection.query(sql)
      for (const event of ['fields', 'result', 'end']) command.on(event, () => order.push(event))
      await heard(command)
      order.push(name)
    }
    await inside(() => listen('UPDATE stock SET amount = 0', 'update'))
    await inside(() => listen('SELECT 1', 'select'))
    await inside(() => told((done) => connection.query('DELETE FROM stock', done)))
    order.push('callback')
    assert.deepEqual(
      order.join(', '),
      [
        'done UPDATE stock SET amount = 0, fields, result, end, update',
        'fields, result, done SELECT 1, end, select',
        'done DELETE FROM stock, callback',
      ].join(', '),
    )
  })

  test('what is sent meanwhile waits, in order, also from outside of the transaction', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    const order: string[] = []
    const say = (name: string) => () => order.push(name)
    recorder.before = (_, session) => session.run('SELECT SLEEP(0.02)')
    recorder.after = (call) => order.push(`done ${call.sql}`)
    const last = new Promise((resolve) => {
      inside(() => connection.query('SELECT 1', say('1')))
      connection.query('SELECT 2', say('2'))
      inside(() => connection.execute('SELECT 3', say('3')))
      connection.execute('SELECT 4', say('4'))
      connection.ping(say('5'))
      inside(() => connection.query('SELECT 6', say('6')))
      connection.query('SELECT 7', resolve)
    })
    await last
    assert.deepEqual(order, [
      'done SELECT 1',
      '1',
      '2',
      'done SELECT 3',
      '3',
      '4',
      '5',
      'done SELECT 6',
      '6',
    ])
  })

  test('an error before or after it is the error of the application', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    const refusal = new Error('refused')
    recorder.before = () => Promise.reject(refusal)
    const command = inside(() => pool.query(insert, ['x', 1]))
    assert.deepEqual((await heard(command)).length, 2)
    await assert.rejects(
      inside(() => pool.promise().query(insert, ['x', 1])),
      refusal,
    )
    await assert.rejects(
      inside(() => pool.promise().execute(insert, ['x', 1])),
      refusal,
    )
    assert.equal(await shop.count(), 3)
    recorder.before = () => {}
    recorder.after = () => Promise.reject(refusal)
    await assert.rejects(
      inside(() => pool.promise().query(insert, ['x', 1])),
      refusal,
    )
    recorder.clear()
    await inside(() => pool.promise().query('SELECT 1'))
  })

  test('it says what the server has said, with keys of 64 bits', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool())
    await shop.root.query('ALTER TABLE stock AUTO_INCREMENT = 9007199254740993')
    await inside(() => pool.promise().query(insert, ['x', 1]))
    await inside(() => pool.promise().execute(insert, ['x', 1]))
    await inside(() => pool.promise().query('UPDATE stock SET amount = 1'))
    await inside(() => pool.promise().query('SELECT 1'))
    const said = recorder.results.map(({ affectedRows, insertId, message }) => [
      affectedRows,
      insertId,
      message,
    ])
    assert.deepEqual(said, [
      [1, '9007199254740993', ''],
      [1, '9007199254740994', ''],
      [5, '0', 'Rows matched: 5  Changed: 3  Warnings: 0'],
      [-1, '0', ''],
    ])
  })

  test('another text runs instead, in both protocols, with the options of the call', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    recorder.run = (call) => call.run({ sql: 'SELECT ? AS a, ? AS b', values: ["o'k\\", 7] })
    const query = { sql: 'SELECT 1', rowsAsArray: true }
    const results = [
      await inside(() => told((done) => connection.query(query, done))),
      await inside(() => told((done) => connection.execute(query, done))),
    ]
    for (const [error, rows] of results) assert.deepEqual([error, rows], [null, [["o'k\\", 7]]])
  })

  test('it runs again as if it had not run', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    recorder.run = async (call, session) => {
      call.buffer()
      await session.run('BEGIN')
      await call.run()
      await session.run('ROLLBACK')
      await session.run('DELETE FROM stock WHERE id = 1')
      return call.run()
    }
    const sql = 'SELECT sku FROM stock ORDER BY id'
    const rows = [{ sku: 'b' }, { sku: 'c' }]
    assert.deepEqual((await inside(() => told((done) => connection.query(sql, done))))[1], rows)
    assert.deepEqual((await inside(() => told((done) => connection.execute(sql, done))))[1], rows)
    assert.deepEqual(await inside(() => streamed(connection.query(sql).stream())), rows)
    await inside(() =>
      told((done) => connection.query('UPDATE stock SET amount = amount + 1', done)),
    )
    const [left] = await shop.root.query('SELECT amount FROM stock')
    assert.deepEqual(left, [{ amount: '3.0000' }, { amount: '4.0000' }])
  })

  test('several runs become the results of several statements', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    recorder.run = async (call) => {
      await call.run({ sql: 'SELECT ? AS one', values: [1] })
      await call.run({ sql: 'UPDATE stock SET amount = 9', values: [] }, { isAppended: true })
      return call.run({ sql: 'SELECT 2 AS two', values: [] }, { isAppended: true })
    }
    const sql = 'SELECT ? AS one; UPDATE stock SET amount = 9; SELECT 2 AS two'
    const actual = await inside(() => told((done) => connection.query(sql, [1], done)))
    await shop.root.query('UPDATE stock SET amount = 0')
    const expected = await told((done) => connection.query(sql, [1], done))
    // The driver says in each result but the last that more follow.
    const withoutStatus = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (key, inner) => (key === 'serverStatus' ? 0 : inner)))
    assert.deepEqual(withoutStatus(actual), withoutStatus(expected))
  })

  test('values come apart from the text when each stands for one `?`', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection({ timezone: 'Z' }))
    const at = new Date('2026-11-21T04:05:06.007Z')
    const sql = "SELECT ?, ?, ?, ?, ?, ? -- o'k"
    const values = ['a', 1, true, null, at, Buffer.from('b')]
    const forms = [
      () => told((done) => connection.query(sql, values, done)),
      () => told((done) => connection.execute(sql, values, done)),
    ]
    for (const run of forms) await inside(run)
    for (const call of recorder.calls) {
      assert.deepEqual(
        [call.sql, call.values],
        [sql, ['a', 1, true, null, '2026-11-21 04:05:06.007', Buffer.from('b')]],
      )
    }
    assert.deepEqual(
      recorder.calls.map((call) => call.isPrepared),
      [false, true],
    )
  })

  test('under NO_BACKSLASH_ESCAPES a value stays in its quotes, or is refused', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    await told((done) => connection.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", done))
    const attack = "\\' OR 1 = 1 -- "
    const sql = 'SELECT sku FROM stock WHERE sku = ?'
    const [, broken] = await told((done) => connection.query(sql, [attack], done))
    assert.equal(Array.isArray(broken), true)
    const [error, rows] = await inside(() => told((done) => connection.query(sql, [attack], done)))
    assert.deepEqual([error, rows], [null, []])
    const [refused] = await inside(() =>
      told((done) => connection.query('SELECT sku FROM stock WHERE sku IN (?)', [[attack]], done)),
    )
    assert.equal((refused as { code: string }).code, 'SETTEE_TX_UNSUPPORTED_SQL')
    const own = await recorder.sessions.at(-1)!.run('SELECT ?', [attack])
    assert.deepEqual(own.rows, [[attack]])
  })

  test('a file of the client is not sent in a global transaction', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'settee-infile-'))
    shop.atEnd(() => rm(directory, { recursive: true }))
    const file = join(directory, 'rows')
    await writeFile(file, 'x\t1\n')
    const { target: connection } = shop.intercept(
      await shop.mysqlConnection({ flags: ['LOCAL_FILES'] }),
    )
    const command = {
      sql: `LOAD DATA LOCAL INFILE '${file}' INTO TABLE stock (sku, amount)`,
      infileStreamFactory: () => createReadStream(file),
    }
    const [error] = await inside(() => told((done) => connection.query(command, done)))
    assert.match((error as Error).message, /LOCAL INFILE/)
    assert.equal(await shop.count(), 3)
    await told((done) => connection.query(command, done))
    assert.equal(await shop.count(), 4)
  })
})
