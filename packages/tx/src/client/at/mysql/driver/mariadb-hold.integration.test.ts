import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import type * as mariadb from 'mariadb'
import type { RowDataPacket } from 'mysql2/promise'
import { plainRows, settled, streamed } from './test-observe.ts'
import { createKinds, insert, inside, useShop, type Opened } from './test-shop.ts'

const shop = useShop()
const { recorder } = shop

async function openAt(own: mariadb.ConnectionConfig = {}): Promise<Opened<mariadb.Connection>> {
  return shop.intercept(await shop.mariadbConnection(own))
}

describe('mariadb: a held statement', () => {
  test('what is sent meanwhile waits, in order', async () => {
    const { target: connection } = await openAt()
    const order: string[] = []
    recorder.before = (_, session) => session.run('SELECT SLEEP(0.02)')
    recorder.after = (call) => order.push(`done ${call.sql}`)
    const say = (name: string) => () => order.push(name)
    await Promise.all([
      inside(() => connection.query('SELECT 1')).then(say('1')),
      connection.query('SELECT 2').then(say('2')),
      inside(() => connection.execute('SELECT 3')).then(say('3')),
      connection.ping().then(say('ping')),
      streamed(inside(() => connection.queryStream('SELECT 4'))).then(say('4')),
      streamed(connection.queryStream('SELECT 5')).then(say('5')),
    ])
    assert.deepEqual(
      order.filter((name) => name !== 'ping'),
      ['done SELECT 1', '1', '2', 'done SELECT 3', '3', 'done SELECT 4', '4', '5'],
    )
  })

  test('an error before or after it is the error of the application', async () => {
    const { target: pool } = shop.intercept(shop.mariadbPool({ connectionLimit: 1 }))
    const refusal = new Error('refused')
    recorder.before = () => Promise.reject(refusal)
    await assert.rejects(
      inside(() => pool.query(insert, ['x', 1])),
      refusal,
    )
    await assert.rejects(
      inside(() => pool.batch(insert, [['x', 1]])),
      refusal,
    )
    const connection = await pool.getConnection()
    const stream = inside(() => connection.queryStream('SELECT 1'))
    stream.resume()
    assert.deepEqual(await once(stream, 'error'), [refusal])
    await connection.release()
    assert.equal(await shop.count(), 3)
    recorder.before = () => {}
    recorder.after = () => Promise.reject(refusal)
    await assert.rejects(
      inside(() => pool.query(insert, ['x', 1])),
      refusal,
    )
    recorder.clear()
    await inside(() => pool.query('SELECT 1'))
  })

  test('it says what the server has said, with keys of 64 bits', async () => {
    const { target: pool } = shop.intercept(
      shop.mariadbPool({ insertIdAsNumber: true, metaAsArray: true }),
    )
    await shop.root.query('ALTER TABLE stock AUTO_INCREMENT = 9007199254740993')
    await inside(() => pool.query(insert, ['x', 1]))
    await inside(() => pool.execute(insert, ['x', 1]))
    await inside(() => pool.query('UPDATE stock SET amount = 1'))
    await inside(() => pool.query('SELECT 1'))
    assert.deepEqual(
      recorder.results.map(({ affectedRows, insertId }) => [affectedRows, insertId]),
      [
        [1, '9007199254740993'],
        [1, '9007199254740994'],
        [5, '0'],
        [-1, '0'],
      ],
    )
  })

  test('another text runs instead, or again, or as one of several', async () => {
    const { target: connection } = await openAt({ namedPlaceholders: true })
    const prepared = await connection.prepare('SELECT 2')
    recorder.run = (call) => call.run({ sql: 'SELECT ? AS a, ? AS b', values: ["o'k\\", 7] })
    const rows = [["o'k\\", 7]]
    const query = { sql: 'SELECT 1', rowsAsArray: true }
    await inside(async () => {
      assert.deepEqual(plainRows(await connection.query(query)), rows)
      assert.deepEqual(plainRows(await connection.execute(query)), [["o'k\\", 7]])
      assert.deepEqual(plainRows(await executeWith(prepared, { rowsAsArray: true })), rows)
      assert.deepEqual(await streamed(connection.queryStream(query)), rows)
    })
    recorder.run = async (call) => {
      call.buffer()
      await call.run()
      return call.run()
    }
    await inside(async () => {
      await connection.query('UPDATE stock SET amount = amount + 1')
      assert.deepEqual(await streamed(connection.queryStream('SELECT sku FROM stock LIMIT 1')), [
        { sku: 'a' },
      ])
    })
    const [left] = await shop.root.query<RowDataPacket[]>('SELECT amount FROM stock WHERE id = 1')
    assert.equal(left[0]!.amount, '3.5000')
    recorder.run = async (call) => {
      await call.run({ sql: 'SELECT 1 AS one', values: [] })
      return call.run({ sql: 'UPDATE stock SET amount = 9', values: [] }, { isAppended: true })
    }
    const sql = 'SELECT 1 AS one; UPDATE stock SET amount = 9'
    const actual = await inside(() => settled(connection.query(sql)))
    await shop.root.query('UPDATE stock SET amount = 0')
    assert.deepEqual(actual, await settled(connection.query(sql)))
  })

  test('a batch has its rows, and runs in parts too', async () => {
    const { target: pool } = shop.intercept(shop.mariadbPool())
    const rows = [
      ['x', 1],
      ['y', 2],
    ]
    recorder.run = async (call) => {
      assert.deepEqual([call.values, call.batch, call.isPrepared], [[], rows, true])
      let result = await call.run({ sql: call.sql, values: call.batch![0]! })
      for (const values of call.batch!.slice(1)) {
        result = await call.run({ sql: call.sql, values }, { isAppended: true })
      }
      return result
    }
    const parts = await inside(() => pool.batch(insert, rows))
    assert.equal(await shop.count(), 5)
    recorder.clear()
    await shop.root.query('DELETE FROM stock WHERE id > 3')
    await shop.root.query('ALTER TABLE stock AUTO_INCREMENT = 4')
    const whole = await inside(() => pool.batch(insert, rows))
    assert.deepEqual(plainRows(parts), plainRows(whole))
  })

  test('under NO_BACKSLASH_ESCAPES a value stays in its quotes', async () => {
    const { target: connection } = await openAt()
    await connection.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    const attack = "\\' OR 1 = 1 -- "
    const sql = 'SELECT sku FROM stock WHERE sku = ?'
    assert.deepEqual(plainRows(await inside(() => connection.query(sql, [attack]))), [])
    assert.deepEqual((await recorder.sessions.at(-1)!.run('SELECT ?', [attack])).rows, [[attack]])
  })

  test('what goes past the undo log is refused in a global transaction', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'settee-import-'))
    shop.atEnd(() => rm(directory, { recursive: true }))
    const file = join(directory, 'rows.sql')
    await writeFile(file, "INSERT INTO stock (sku, amount) VALUES ('x', 1);")
    const { target: pool } = shop.intercept(shop.mariadbPool())
    const { target: connection } = await openAt()
    const isRefusal = (error: unknown): boolean => isSetteeError(error, 'SETTEE_TX_UNSUPPORTED_SQL')
    await assert.rejects(
      inside(() => pool.importFile({ file })),
      isRefusal,
    )
    await assert.rejects(
      inside(() => connection.importFile({ file })),
      isRefusal,
    )
    assert.equal(await shop.count(), 3)
    await pool.importFile({ file })
    await connection.importFile({ file })
    assert.equal(await shop.count(), 5)
  })

  test('own statements give the text of the server, whatever the application has set', async () => {
    const { target: connection } = await openAt({
      rowsAsArray: true,
      nestTables: '_',
      dateStrings: true,
      bigIntAsNumber: true,
      insertIdAsNumber: true,
      decimalAsNumber: true,
      checkNumberRange: true,
      timezone: '+09:00',
      typeCast: () => 'cast',
      autoJsonMap: true,
      bitOneIsBoolean: true,
    } as mariadb.ConnectionConfig)
    const kinds = await createKinds(shop.root)
    recorder.before = async (_, session) => {
      const { rows, fields } = await session.run('SELECT * FROM kinds k')
      assert.deepEqual(rows, [kinds])
      const { name, orgName, table, orgTable, schema, type } = fields[0]!
      assert.deepEqual(
        [name, orgName, table, orgTable, schema, type],
        ['big', 'big', 'k', 'kinds', 'shop', 8],
      )
      const values = ['\\ \' "', 1.5, 2n ** 63n, null, Buffer.from([0, 39])]
      const [row] = (await session.run('SELECT ?, ?, ?, ?, ?', values)).rows
      assert.deepEqual(row, ['\\ \' "', '1.5', '9223372036854775808', null, Buffer.from([0, 39])])
      const state = await session.state()
      assert.deepEqual(
        [state.isInTransaction, state.isAutocommit, state.database],
        [false, true, 'shop'],
      )
    }
    await inside(() => connection.query('SELECT 1'))
  })
})

/** The options of one execution are missing in the driver's types. */
function executeWith(prepared: mariadb.Prepare, own: object): Promise<unknown> {
  return (prepared as unknown as { execute(v: unknown[], o: object): Promise<unknown> }).execute(
    [],
    own,
  )
}
