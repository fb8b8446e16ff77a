import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type mysql from 'mysql2'
import { told } from './test-observe.ts'
import { createKinds, insert, inside, useShop } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

describe('mysql2: own statements of AT mode', () => {
  const exact = {
    supportBigNumbers: true,
    bigNumberStrings: false,
    decimalNumbers: true,
    rowsAsArray: false,
    namedPlaceholders: true,
    timezone: '+09:00',
    typeCast: () => 'cast',
    queryFormat: () => 'SELECT 2',
  } as mysql.ConnectionOptions

  test('they give the text of the server, whatever the application has set', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection(exact))
    const row = await createKinds(shop.root)
    recorder.before = async (_, session) => {
      const { rows, fields } = await session.run('SELECT * FROM kinds k')
      assert.deepEqual(rows, [row])
      const { name, orgName, table, orgTable, schema, type } = fields[0]!
      assert.deepEqual(
        [name, orgName, table, orgTable, schema, type],
        ['big', 'big', 'k', 'kinds', 'shop', 8],
      )
    }
    await inside(() => told((done) => connection.query('SELECT 1', done)))
    assert.deepEqual(
      recorder.log.filter((line) => line.startsWith('failed')),
      [],
    )
  })

  test('values are written for the mode of the session, and counted', async () => {
    const { target: connection } = shop.intercept(await shop.mysqlConnection())
    const values = ['\\ \' " \0 \n', 1.5, 2n ** 63n, true, null, Buffer.from([0, 39]), undefined]
    const sql = "SELECT ?, ?, ?, ?, ?, ?, ? /* ? */ FROM DUAL WHERE '?' = '?' -- ?"
    const seen: unknown[] = []
    recorder.before = async (_, session) => {
      seen.push((await session.run(sql, values)).rows[0])
      await assert.rejects(session.run('SELECT ?', []).then(() => session.run('SELECT ?', [1, 2])))
    }
    await inside(() => told((done) => connection.query('SELECT 1', done)))
    await told((done) =>
      connection.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", done),
    )
    await inside(() => told((done) => connection.query('SELECT 1', done)))
    const row = [
      '\\ \' " \0 \n',
      '1.5',
      '9223372036854775808',
      '1',
      null,
      Buffer.from([0, 39]),
      null,
    ]
    assert.deepEqual(seen, [row, row])
  })

  test('the state of the session is asked for only after what may have changed it', async () => {
    const { target: pool } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    const states: unknown[] = []
    recorder.before = async (_, session) => {
      const state = await session.state()
      states.push([
        state.isInTransaction,
        state.isAutocommit,
        state.hasNoBackslashEscapes,
        state.hasAnsiQuotes,
        state.database,
      ])
      assert.match(state.version, /^10\.11/)
      assert.equal(state.isMariadb, true)
    }
    const look = () => inside(() => pool.promise().query('SELECT 1'))
    const asked = async (): Promise<number> => {
      const [rows] = await shop.root.query<mysql.RowDataPacket[]>(
        "SHOW GLOBAL STATUS LIKE 'Com_select'",
      )
      return Number(rows[0]!.Value)
    }
    await look()
    const first = await asked()
    await pool.promise().query('UPDATE stock SET amount = 0')
    await look()
    assert.equal((await asked()) - first, 1)
    await pool.promise().query('SET autocommit = 0, sql_mode = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"')
    await pool.promise().query('UPDATE stock SET amount = 1')
    await look()
    await pool.promise().query('ROLLBACK')
    await pool.promise().query('USE mysql')
    await look()
    await pool.promise().query('UPDATE shop.stock SET amount = 2')
    await look()
    assert.deepEqual(states, [
      [false, true, false, false, 'shop'],
      [false, true, false, false, 'shop'],
      [true, false, true, true, 'shop'],
      [false, false, true, true, 'mysql'],
      [true, false, true, true, 'mysql'],
    ])
    await pool.promise().query('USE shop')
  })

  test('phase two has its own connections, from a pool and beside a single one', async () => {
    const { target: pool, source } = shop.intercept(shop.mysqlPool({ connectionLimit: 1 }))
    for (let round = 0; round < 3; round++) {
      const own = await inside(() => source.connect())
      await own.run('UPDATE stock SET amount = 7')
      own.release(round === 1)
    }
    assert.deepEqual(source.address, {
      host: shop.server.host,
      port: shop.server.port,
      database: 'shop',
    })
    await pool.promise().query('SELECT 1')
    const { target: connection, source: beside } = shop.intercept(await shop.mysqlConnection())
    await told((done) => connection.query('BEGIN', done))
    await told((done) => connection.query(insert, ['x', 1], done))
    const own = await beside.connect()
    assert.deepEqual((await own.run('SELECT COUNT(*) FROM stock')).rows, [['3']])
    own.release()
    await told((done) => connection.query('COMMIT', done))
    assert.equal(await shop.count(), 4)
    assert.deepEqual(recorder.log, [])
  })
})
