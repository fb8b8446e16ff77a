import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLockKeys } from '../../protocol/lock-key.ts'
import { buildLockKeys } from './lock-keys.ts'

test('rows become table:pk1,pk2;table2:pk, each row once', () => {
  const rows = [
    { tableName: 'stock', key: ['1'] },
    { tableName: 'orders', key: ['7', 'a'] },
    { tableName: 'stock', key: ['2'] },
    { tableName: 'stock', key: ['1'] },
  ]
  assert.equal(buildLockKeys(rows), 'stock:1,2;orders:7_a')
})

test('values cannot break the grammar, and an empty key still locks', () => {
  const rows = [
    { tableName: 'a;b', key: ['x,y', ':'] },
    { tableName: 't', key: [''] },
    { tableName: 't', key: ['100%'] },
  ]
  assert.equal(buildLockKeys(rows), 'a%3Bb:x%2Cy_:;t:%00,100%')
  assert.deepEqual(parseLockKeys(buildLockKeys(rows)), [
    { table: 'a%3Bb', keys: ['x%2Cy_:'] },
    { table: 't', keys: ['%00', '100%'] },
  ])
})

test('no rows, no keys', () => {
  assert.equal(buildLockKeys([]), '')
})
