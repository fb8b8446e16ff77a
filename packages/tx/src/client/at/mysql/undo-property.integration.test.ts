/**
 * Random tables over all column types, random rows, random statements in a global transaction that
 * is rolled back: the table must be what it was, to the byte. Sessions differ in their time zone,
 * sql_mode and character set.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PoolConnection } from 'mysql2/promise'
import { isSetteeError } from '@settee/kit'
import { BranchStatus } from '../../../protocol/status.ts'
import { createFixture, type Fixture } from './test-fixture.ts'
import { startTestMariadb, type TestMariadb } from './test-mariadb.ts'
import { TableMaker, typeCount, type RandomTable } from './test-random-table.ts'

const tableCount = Number(process.env.SETTEE_TEST_TABLES ?? 30)
const casesPerTable = 8
const firstSeed = Number(process.env.SETTEE_TEST_SEED ?? 1)

let server: TestMariadb
let fixture: Fixture
before(async () => {
  server = await startTestMariadb()
  fixture = await createFixture(server, 'SELECT 1')
})
after(async () => {
  await fixture.close()
  await server.stop()
})

const sessions = [
  "SET time_zone = 'SYSTEM'",
  "SET time_zone = '+05:30', sql_mode = ''",
  "SET time_zone = '-08:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
  "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
  "SET NAMES latin1, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
  "SET sql_mode = 'TRADITIONAL,PAD_CHAR_TO_FULL_LENGTH'",
]

/** All that a row holds: its bytes, its text, and the number behind a word of an ENUM. */
async function stateOf({ name }: RandomTable): Promise<unknown> {
  const columns = (await fixture.rows(
    `SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_NAME = '${name}' ` +
      'AND TABLE_SCHEMA = DATABASE() ORDER BY ORDINAL_POSITION',
  )) as string[][]
  const list = columns.map(([column, type]) => {
    const sql = `\`${column!.replaceAll('`', '``')}\``
    const more = /float|double/.test(type!) ? ' * 1e0' : /enum|set/.test(type!) ? ' + 0' : ''
    return `HEX(${sql}), CONCAT(${sql}${more})`
  })
  const rows = (await fixture.rows(`SELECT ${list.join(', ')} FROM \`${name}\``)) as unknown[][]
  return rows.map((row) => JSON.stringify(row)).toSorted()
}

/** Runs statements as an application would: a failed one is left behind. */
async function runStatements(client: PoolConnection, maker: TableMaker, table: RandomTable) {
  const run: string[] = []
  let changes = 0
  const isLong = maker.chance(0.5)
  if (isLong) await client.query(maker.pick(['BEGIN', 'SET autocommit = 0']))
  const count = 1 + maker.below(4)
  for (let i = 0; i < count; i++) {
    const isMarked = isLong && maker.chance(0.3)
    if (isMarked) await client.query('SAVEPOINT s')
    const sql = maker.statement(table)
    run.push(sql)
    try {
      const [result] = await (maker.chance(0.5) ? client.query(sql) : client.execute(sql))
      changes += (result as { affectedRows: number }).affectedRows
    } catch (error) {
      const isServers = error instanceof Error && 'errno' in error
      assert.ok(
        isServers || isSetteeError(error, 'SETTEE_TX_UNSUPPORTED_SQL'),
        `${sql}\n${String(error)}`,
      )
      run.push(`-- ${String(error).slice(0, 200)}`)
      if (!isServers && isLong) break
    }
    if (isMarked && maker.chance(0.5)) await client.query('ROLLBACK TO s')
  }
  if (isLong) {
    await client.query('COMMIT').catch((error: unknown) => run.push(`-- COMMIT: ${String(error)}`))
    await client.query('ROLLBACK')
    await client.query('SET autocommit = 1')
  }
  return { run, changes }
}

test(
  'random statements on random tables are undone to the byte',
  { timeout: 300_000 },
  async () => {
    let changed = 0
    for (let i = 0; i < tableCount; i++) {
      const seed = firstSeed + i
      const maker = new TableMaker(seed)
      // Every key and every type has its turn.
      const numbers = Array.from({ length: 6 }, (_, n) => (seed * 6 + n) % typeCount)
      const table = maker.table(`t${seed}`, seed, numbers)
      await fixture.plain.query(table.ddl)
      const setup = await fixture.plain.getConnection()
      await setup.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
      for (let row = 0; row < 10; row++) {
        await setup.query(maker.insert(table, 'INSERT IGNORE', 1))
      }
      setup.destroy()
      for (let number = 0; number < casesPerTable; number++) {
        const context = `seed ${seed}, case ${number}`
        const start = await stateOf(table)
        const client = await fixture.pool.getConnection()
        await client.query(maker.pick(sessions))
        const xid = fixture.coordinator.begin()
        const { run, changes } = await fixture.coordinator.within(xid, () =>
          runStatements(client, maker, table),
        )
        client.destroy()
        if (changes > 0) changed++
        const statuses = await fixture.coordinator.rollback(xid)
        const dirty = fixture.dirty.at(-1)?.error.message
        const story = `${context}\n${table.ddl}\n${run.join('\n')}\n${dirty}`
        assert.ok(
          statuses.every((one) => one === BranchStatus.PhaseTwo_Rollbacked),
          story,
        )
        assert.deepEqual(await stateOf(table), start, story)
      }
      await fixture.plain.query(`DROP TABLE \`t${seed}\``)
    }
    assert.equal(await fixture.undoCount(), 0)
    const cases = tableCount * casesPerTable
    assert.ok(changed > cases / 2, `${changed} of ${cases} cases changed something`)
  },
)
