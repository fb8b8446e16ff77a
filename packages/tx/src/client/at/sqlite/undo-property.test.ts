import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { FakeCoordinator } from './test-coordinator.ts'
import { createSqliteResource } from './sqlite-resource.ts'
import { dump, undoRowCount } from './test-database.ts'

const keys = [
  'id INTEGER PRIMARY KEY, k',
  'id INTEGER PRIMARY KEY DESC NOT NULL, k',
  'id INTEGER PRIMARY KEY AUTOINCREMENT, k',
  'id TEXT PRIMARY KEY NOT NULL, k',
  'id INT PRIMARY KEY NOT NULL, k',
  'id NUMERIC NOT NULL, k INT NOT NULL DEFAULT 1, PRIMARY KEY (k, id)',
  'id TEXT NOT NULL, k VARCHAR(9) NOT NULL DEFAULT 0, PRIMARY KEY (id, k)',
]
const columns = ['', 'INT', 'REAL', 'TEXT', 'NUMERIC', 'BLOB', 'TEXT COLLATE NOCASE', 'UNIQUE']
const references = [
  '',
  'REFERENCES t0 (u) ON DELETE CASCADE ON UPDATE CASCADE',
  'REFERENCES t0 (u) ON DELETE SET NULL ON UPDATE SET NULL',
  'REFERENCES t0 (u) DEFERRABLE INITIALLY DEFERRED',
]
const tableIndex = fc.nat(2)

const table = fc.record({
  key: fc.constantFrom(...keys),
  a: fc.constantFrom(...columns),
  b: fc.constantFrom(...columns),
  reference: fc.constantFrom(...references),
  isClustered: fc.boolean(),
  generated: fc.constantFrom('', ', g AS (a || b)', ', g INT AS (length(a)) STORED'),
})

const values =
  "NULL 0 1 2 3 -0.0 1.0 2.5 9e999 -9e999 1e-310 0.1 '' 'a' 'A' 'b' '1' '1.0' '1e3' 'ü'||char(0) " +
  "x'' x'61' x'00ff' 9223372036854775807 -9223372036854775808 9007199254740993 k a b"
const value = fc.constantFrom(...values.split(' '))
const literal = value.filter((text) => !/^[kab]$/.test(text))
const column = fc.constantFrom('id', 'k', 'a', 'b', 'u')
const conflict = fc.constantFrom('', 'OR IGNORE', 'OR REPLACE')
const condition = fc
  .tuple(column, fc.constantFrom('=', '<>', '<', '>=', 'IS'), value)
  .map(([name, operator, operand]) => `${name} ${operator} ${operand}`)

const insert = fc
  .tuple(conflict, tableIndex, fc.array(literal, { minLength: 5, maxLength: 5 }))
  .map(([how, i, row]) => `INSERT ${how} INTO t${i} (id, k, a, b, u) VALUES (${row.join()})`)
const update = fc
  .tuple(conflict, tableIndex, column, value, condition)
  .map(([how, i, name, to, where]) => `UPDATE ${how} t${i} SET ${name} = ${to} WHERE ${where}`)
const remove = fc
  .tuple(tableIndex, condition)
  .map(([i, where]) => `DELETE FROM t${i} WHERE ${where}`)
const other = fc.constantFrom(
  'DELETE FROM t0',
  'DELETE FROM t1',
  'INSERT OR REPLACE INTO t1 (id, k, a, b, u) SELECT id, k, b, a, NULL FROM t0',
  'UPDATE t1 SET a = t0.b, b = t0.a FROM t0 WHERE t0.k = t1.k',
  'SAVEPOINT s',
  'ROLLBACK TO s',
  'RELEASE s',
)
const statement = fc.oneof({ weight: 4, arbitrary: insert }, update, remove, other)
const trigger = fc.tuple(
  fc.constantFrom('INSERT', 'UPDATE', 'DELETE', 'UPDATE OF a'),
  tableIndex,
  fc.oneof(insert, update, remove).map((text) => text.replaceAll(/\bOR \w+ /g, '')),
)

const scenario = fc.record({
  tables: fc.array(table, { minLength: 3, maxLength: 3 }),
  triggers: fc.array(trigger, { maxLength: 2 }),
  initial: fc.array(insert, { minLength: 4, maxLength: 12 }),
  branches: fc.array(fc.array(statement, { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 4,
  }),
})
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never

function createDatabase({ tables, triggers, initial }: Scenario): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  for (const [i, { key, a, b, reference, isClustered, generated }] of tables.entries()) {
    const definition = key.includes('PRIMARY KEY (')
      ? key.replace(', PRIMARY', `, a ${a}, b ${b}, u UNIQUE ${reference}${generated}, PRIMARY`)
      : `${key}, a ${a}, b ${b}, u UNIQUE ${reference}${generated}`
    const isRowid = !isClustered || key.includes('AUTOINCREMENT')
    database.exec(`CREATE TABLE t${i} (${definition}) ${isRowid ? '' : 'WITHOUT ROWID'}`)
  }
  for (const text of initial) attempt(() => database.exec(text))
  for (const [i, [event, on, body]] of triggers.entries()) {
    database.exec(`CREATE TRIGGER r${i} AFTER ${event} ON t${on} BEGIN ${body}; END`)
  }
  return database
}

/** Whatever a constraint of the random schema refuses, it refuses without a trace. */
function attempt(run: () => void): void {
  try {
    run()
  } catch {
    // Not the subject of the test.
  }
}

test('random transactions on random schemas are rolled back to the byte', async () => {
  let undone = 0
  let failed = 0
  const property = fc.asyncProperty(scenario, async (drawn) => {
    const database = createDatabase(drawn)
    const coordinator = new FakeCoordinator()
    const { pool, resource } = createSqliteResource({
      database,
      port: coordinator,
      resourceId: 'random',
    })
    coordinator.addResource(resource)
    const before = dump(database)
    const xid = coordinator.begin()
    for (const branch of drawn.branches) {
      const running = coordinator.within(xid, () =>
        pool.transaction(async (client) => {
          for (const text of branch) await client.query(text).catch(() => failed++)
        }),
      )
      // Deferred foreign keys may fail the commit.
      await running.catch(() => {})
    }
    const isChanged = dump(database) !== before
    const statuses = await coordinator.rollback(xid)
    assert.ok(statuses.every((status) => status === 8))
    assert.equal(dump(database), before)
    assert.equal(undoRowCount(database), 0)
    if (isChanged) undone++
    await pool.end()
  })
  await fc.assert(property, { seed: 8091, numRuns: 120 })
  assert.ok(undone > 60, `only ${undone} of the scenarios changed something`)
  assert.ok(failed > 0)
})
