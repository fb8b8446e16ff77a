import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import fc from 'fast-check'
import { decodeChangeset } from './changeset.ts'

function sampleChangeset(): Uint8Array {
  const database = new DatabaseSync(':memory:')
  database.exec(`CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE "b é" (x TEXT, y INT, z,
    PRIMARY KEY (y, x)); INSERT INTO a VALUES (1, 'old'), (2, 2.5), (3, x'0102')`)
  const session = database.createSession()
  database.exec(`UPDATE a SET v = 'new' WHERE id = 1; DELETE FROM a WHERE id = 2;
    INSERT INTO "b é" VALUES ('k', -1, NULL); INSERT INTO a VALUES (9223372036854775807, -9e999);
    UPDATE a SET v = zeroblob(300) WHERE id = 3`)
  const bytes = session.changeset()
  database.close()
  return bytes
}

test('inserts, updates and deletes of all types are decoded', () => {
  const tables = decodeChangeset(sampleChangeset())
  const byName = new Map(tables.map((table) => [table.tableName, table]))
  assert.deepEqual(byName.get('b é'), {
    tableName: 'b é',
    isKey: [true, true, false],
    rows: [{ kind: 'INSERT', after: ['k', -1n, null] }],
  })
  const rows = byName
    .get('a')!
    .rows.map((row) => JSON.stringify(row, printable))
    .toSorted()
  const zeros = 'x' + '00'.repeat(300)
  assert.deepEqual(rows, [
    '{"kind":"DELETE","before":["2n",2.5]}',
    '{"kind":"INSERT","after":["9223372036854775807n","-Infinity"]}',
    '{"kind":"UPDATE","before":["1n","old"],"after":["unset","new"]}',
    `{"kind":"UPDATE","before":["3n","x0102"],"after":["unset","${zeros}"]}`,
  ])
})

function printable(_key: string, value: unknown): unknown {
  if (value === undefined) return 'unset'
  if (typeof value === 'bigint') return `${value}n`
  if (value === -Infinity) return '-Infinity'
  return value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : value
}

test('20,000 mutations of a changeset give a value or a typed error', () => {
  const bytes = sampleChangeset()
  const position = fc.nat(bytes.length - 1)
  const mutation = fc.oneof(
    fc.record({ at: position, value: fc.nat(255), cut: fc.constant(false) }),
    fc.record({ at: position, value: fc.nat(255), cut: fc.constant(true) }),
  )
  let refused = 0
  const property = fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
    let mutated = Buffer.from(bytes)
    for (const { at, value, cut } of mutations) {
      if (cut) mutated = mutated.subarray(0, at)
      else if (at < mutated.length) mutated[at] = value
    }
    try {
      decodeChangeset(mutated)
    } catch (error) {
      assert.ok(isSetteeError(error), String(error))
      refused++
    }
  })
  fc.assert(property, { seed: 20_261, numRuns: 20_000 })
  assert.ok(refused > 5000)
})

test('a length beyond the end is refused before anything is allocated', () => {
  const insert = [0x54, 1, 1, 0x61, 0, 18, 0]
  for (const value of [[3, 0x8f, 0xff, 0xff, 0xff, 0x7f], [4, 0x81, 0x80, 0], [1, 0], [9]]) {
    assert.throws(() => decodeChangeset(Uint8Array.from([...insert, ...value])), {
      code: 'SETTEE_TX_BAD_UNDO_LOG',
    })
  }
})
