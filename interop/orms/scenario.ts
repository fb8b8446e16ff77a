/**
 * What every ORM and query builder here must do, on PostgreSQL and on MariaDB: two inserts, an
 * update and a delete in a global transaction that fails, after which the table is as before to the
 * byte; and the same in one that succeeds, so that the test cannot pass by doing nothing.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createMemoryJournal } from '@settee/journal'
import { createTx, type Tx } from '@settee/tx'
import { createTxServer, type TxServer } from '@settee/tx/server'
import {
  createDatabase,
  startDatabases,
  type TestDatabase,
  type TestDatabases,
} from '../src/harness-databases.ts'

/** An ORM on one database. Ids are given by the database. */
export interface OpenOrm {
  /** Inserts Cy with 30.10 and Di with 40.20 and a note, gives Ann 1.05 more, deletes Bo. */
  change(): Promise<void>
  close(): Promise<void>
}

export type OpenOrmOn = (tx: Tx, database: TestDatabase) => Promise<OpenOrm>

const schemas = {
  postgres: `CREATE TABLE account (
    id serial PRIMARY KEY, owner varchar(40) NOT NULL UNIQUE, money numeric(12, 2) NOT NULL,
    note text, changed_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
  mariadb: `CREATE TABLE account (
    id int AUTO_INCREMENT PRIMARY KEY, owner varchar(40) NOT NULL UNIQUE,
    money decimal(12, 2) NOT NULL, note text,
    changed_at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) DEFAULT CHARSET utf8mb4`,
} as const

const rows = `INSERT INTO account (owner, money, note, changed_at) VALUES
  ('Ann', 100.00, 'a ''note'' with \u00e4 and \u{1f6cb}', '2026-01-02 03:04:05.678'),
  ('Bo', 0.10, NULL, '2026-01-02 03:04:05.000')`

const dumps = {
  postgres:
    `SELECT encode(convert_to(account::text, 'UTF8'), 'hex') AS line ` + 'FROM account ORDER BY id',
  mariadb: `SELECT CONCAT_WS('|', id, HEX(owner), money, HEX(note), changed_at) AS line
    FROM account ORDER BY id`,
} as const

let databaseCount = 0

/** Registers the tests of one ORM. */
export function testOrm(
  name: string,
  openers: Readonly<Partial<Record<TestDatabase['kind'], OpenOrmOn>>>,
): void {
  suite(name, () => {
    let servers: TestDatabases
    let coordinator: TxServer

    before(async () => {
      servers = await startDatabases()
      coordinator = createTxServer({
        port: 0,
        journal: createMemoryJournal(),
        onFailed: (error) => {
          throw error
        },
      })
      await coordinator.start()
    })
    after(async () => {
      await coordinator?.stop()
      await servers?.stop()
    })

    for (const [kind, open] of Object.entries(openers) as [TestDatabase['kind'], OpenOrmOn][]) {
      test(`on ${kind}: what fails is rolled back to the byte, what succeeds stays`, async () => {
        const database = await createDatabase(servers, kind, `orm_${++databaseCount}`)
        await database.query(schemas[kind])
        await database.query(rows)
        const dump = async (): Promise<unknown[]> =>
          (await database.query(dumps[kind])).map(({ line }) => line)
        const earlier = await dump()

        const tx = createTx({ applicationId: 'orm', address: coordinator.address })
        const orm = await open(tx, database)
        try {
          let changed: unknown[] = []
          const failing = tx.run({ name: 'fails' }, async () => {
            await orm.change()
            changed = await dump()
            throw new Error('the other service refused')
          })
          await assert.rejects(failing, /the other service refused/)
          assert.equal(changed.length, 3, 'the changes were committed locally')
          assert.deepEqual(await dump(), earlier)

          await tx.run({ name: 'succeeds' }, () => orm.change())
          const found = await database.query('SELECT owner, money FROM account ORDER BY owner')
          assert.deepEqual(
            found.map(({ owner, money }) => `${String(owner)} ${String(money)}`),
            ['Ann 101.05', 'Cy 30.10', 'Di 40.20'],
          )
        } finally {
          await orm.close()
          await tx.close()
        }
      })
    }
  })
}
