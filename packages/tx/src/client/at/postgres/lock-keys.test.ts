import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TableRecords } from '../undo/undo-log.ts'
import { lockKeysOf } from './lock-keys.ts'

function image(tableName: string, ...keys: readonly (readonly string[])[]): TableRecords {
  const rows = keys.map((parts) => ({
    fields: [
      ...parts.map((text, i) => ({
        name: `k${i}`,
        isPrimaryKey: true,
        jdbcType: 12,
        value: { javaType: 'java.lang.String' as const, text },
      })),
      { name: 'v', isPrimaryKey: false, jdbcType: 12, value: null },
    ],
  }))
  return { tableName, rows }
}

const cases: [name: string, images: TableRecords[], lockKeys: string][] = [
  ['one row', [image('t', ['1'])], 't:1'],
  ['rows once each', [image('t', ['1'], ['2']), image('t', ['2'], ['3'])], 't:1,2,3'],
  ['several tables', [image('t', ['1']), image('u', ['1']), image('t', ['2'])], 't:1,2;u:1'],
  ['a composite key', [image('t', ['1', 'a'], ['2', 'b'])], 't:1_a,2_b'],
  ['an empty value, which still locks', [image('t', [''])], 't:%00'],
  ['separators in a value', [image('t', ['a,b;c:d'])], 't:a%2Cb%3Bc:d'],
  ['separators in a name', [image('"a:b;c,d"', ['1'])], '"a%3Ab%3Bc%2Cd":1'],
]

for (const [name, images, lockKeys] of cases) {
  test(`${name}: ${lockKeys}`, () => assert.equal(lockKeysOf(images), lockKeys))
}
