/** `tx.globalLock` on each database: outside of transactions, but not past their locks. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { createMemoryJournal } from '@settee/journal'
import { isSetteeError } from '@settee/kit'
import { createPool } from 'mysql2/promise'
import { startTestMariadb, type TestMariadb } from '../src/client/at/mysql/test-mariadb.ts'
import { startTestPostgres, type TestPostgres } from '../src/client/at/postgres/test-postgres.ts'
import { createTx, mysqlUndoLogDdl, postgresUndoLogDdl, type Tx } from '../src/index.ts'
import { createTxServer, type TxServer } from '../src/server.ts'

type Run = (sql: string) => Promise<unknown>

interface Opened {
  readonly run: Run
  readonly moneyOf: (id: number) => Promise<number>
  readonly hasForUpdate: boolean
  readonly close: () => Promise<unknown>
}

const schema = 'CREATE TABLE account (id INT PRIMARY KEY, money INT)'
const rows = 'INSERT INTO account VALUES (1, 100), (2, 100)'
const options = { lockWaitMs: 300 }
/** What another request of the application does meanwhile. */
const outside = AsyncLocalStorage.snapshot() as <Result>(work: () => Result) => Result

suite('globalLock', () => {
  let postgres: TestPostgres
  let mariadb: TestMariadb
  let coordinator: TxServer
  let tx: Tx

  before(async () => {
    ;[postgres, mariadb] = await Promise.all([startTestPostgres(), startTestMariadb()])
    coordinator = createTxServer({
      port: 0,
      journal: createMemoryJournal(),
      onFailed: (error) => {
        throw error
      },
    })
    await coordinator.start()
    tx = createTx({ applicationId: 'bank', address: coordinator.address })
  })
  after(async () => {
    await tx?.close()
    await coordinator?.stop()
    await Promise.all([postgres?.stop(), mariadb?.stop()])
  })

  const openers: Readonly<Record<string, () => Promise<Opened>>> = {
    async PostgreSQL() {
      const plain = await postgres.createPool('bank')
      await plain.query(`${postgresUndoLogDdl()}\n${schema}; ${rows}`)
      const pool = tx.at(plain, options)
      return {
        run: (sql) => pool.query(sql),
        async moneyOf(id) {
          const found = await plain.query('SELECT money FROM account WHERE id = $1', [id])
          return (found.rows as { money: number }[])[0]!.money
        },
        hasForUpdate: true,
        close: async () => undefined,
      }
    },
    async MariaDB() {
      await mariadb.createDatabase('bank')
      const { host, port, user, password } = mariadb
      const place = { host, port, user, password, database: 'bank' }
      const plain = createPool(place)
      for (const sql of [mysqlUndoLogDdl(), schema, rows]) await plain.query(sql)
      const pool = tx.at(createPool(place), options)
      return {
        run: (sql) => pool.query(sql),
        async moneyOf(id) {
          const [found] = await plain.query('SELECT money FROM account WHERE id = ?', [id])
          return (found as { money: number }[])[0]!.money
        },
        hasForUpdate: true,
        close: () => Promise.all([pool.end(), plain.end()]),
      }
    },
    async SQLite() {
      const database = new DatabaseSync(':memory:')
      database.exec(`${schema}; ${rows}`)
      const pool = tx.at(database, { ...options, resourceId: 'jdbc:sqlite:bank' })
      return {
        run: (sql) => pool.query(sql),
        moneyOf: async (id) =>
          Number(database.prepare('SELECT money FROM account WHERE id = ?').get(id)!['money']),
        hasForUpdate: false,
        close: () => pool.end(),
      }
    },
  }

  for (const [name, open] of Object.entries(openers)) {
    test(`${name}: a held row is waited for, then refused; other rows are free`, async () => {
      const { run, moneyOf, hasForUpdate, close } = await open()
      const isConflict = (error: unknown): boolean =>
        isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')
      const holding = tx.run({ name: 'holder' }, async () => {
        await run('UPDATE account SET money = 50 WHERE id = 1')
        await outside(async () => {
          await assert.rejects(
            tx.globalLock(() => run('UPDATE account SET money = money + 7 WHERE id = 1')),
            isConflict,
          )
          if (hasForUpdate) {
            await assert.rejects(
              tx.globalLock(() => run('SELECT money FROM account WHERE id = 1 FOR UPDATE')),
              isConflict,
            )
          }
          await tx.globalLock(() => run('UPDATE account SET money = money + 7 WHERE id = 2'))
        })
        throw new Error('rolls back')
      })
      await assert.rejects(holding, /rolls back/)
      assert.equal(await moneyOf(2), 107, 'written outside, so nobody undoes it')
      // Waits while the rollback is under way, and finds the row restored.
      await tx.globalLock(() => run('UPDATE account SET money = money + 7 WHERE id = 1'))
      assert.equal(await moneyOf(1), 107)
      assert.equal(coordinator.state.locks.size, 0)
      await close()
    })
  }
})
