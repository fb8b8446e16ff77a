import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import fc from 'fast-check'
import { formatLockKeys, parseLockKeys } from './lock-key.ts'

const cases = [
  ['', []],
  [';;', []],
  ['t:1', [{ table: 't', keys: ['1'] }]],
  [
    't:1,2;u:a_b',
    [
      { table: 't', keys: ['1', '2'] },
      { table: 'u', keys: ['a_b'] },
    ],
  ],
  ['t:1;', [{ table: 't', keys: ['1'] }]],
  ['t:,1,,2', [{ table: 't', keys: ['1', '2'] }]],
  ['t:', [{ table: 't', keys: [] }]],
  ['s.t:10:30', [{ table: 's.t', keys: ['10:30'] }]],
  [
    't:1;t:2',
    [
      { table: 't', keys: ['1'] },
      { table: 't', keys: ['2'] },
    ],
  ],
] as const
for (const [text, expected] of cases) {
  test(`"${text}" names ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(parseLockKeys(text), expected)
  })
}

test('a primary key that contains a semicolon still locks, as two keys', () => {
  assert.deepEqual(parseLockKeys('t:a;b,c;u:1'), [
    { table: 't', keys: ['a', 'b', 'c'] },
    { table: 'u', keys: ['1'] },
  ])
})

test('a key without a table is refused', () => {
  for (const text of ['1,2', ':1', 't:1;:2', ';x']) {
    assert.throws(
      () => parseLockKeys(text),
      (error) =>
        isSetteeError(error, 'SETTEE_TX_BAD_MESSAGE') && /without a table/.test(error.message),
    )
  }
})

test('more rows than the limit are refused, counted over all tables and empty keys', () => {
  assert.equal(parseLockKeys('t:1,2;u:3', 3).length, 2)
  for (const text of ['t:1,2;u:3,4', 't:1,2,3,4', 't:,,,', ';;;;']) {
    assert.throws(
      () => parseLockKeys(text, 3),
      (error) =>
        isSetteeError(error, 'SETTEE_TX_BAD_MESSAGE') && /too many rows/.test(error.message),
    )
  }
})

test('what is formatted is parsed back, as long as keys contain no separator', () => {
  const name = fc.stringMatching(/^[^:;,]{1,10}$/)
  const tables = fc.array(
    fc.record({ table: name, keys: fc.array(name, { minLength: 1 }) }, { noNullPrototype: true }),
  )
  const property = fc.property(tables, (value) => {
    assert.deepEqual(parseLockKeys(formatLockKeys(value)), value)
  })
  fc.assert(property, { seed: 2026 })
})
