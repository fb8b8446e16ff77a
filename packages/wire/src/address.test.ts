import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from './address.ts'

const cases: readonly [address: string, parsed: { host: string; port: number } | undefined][] = [
  ['127.0.0.1:8091', { host: '127.0.0.1', port: 8091 }],
  ['db.example:1', { host: 'db.example', port: 1 }],
  ['[::1]:65535', { host: '::1', port: 65_535 }],
  ['::1:8091', undefined],
  ['[db.example]:1', undefined],
  ['localhost', undefined],
  ['localhost:', undefined],
  [':8091', undefined],
  ['localhost:65536', undefined],
  ['localhost:-1', undefined],
  ['http://localhost:80', undefined],
  ['local host:80', undefined],
]

for (const [address, parsed] of cases) {
  test(`"${address}" is ${parsed === undefined ? 'no address' : 'an address'}`, () => {
    assert.deepEqual(parseAddress(address), parsed)
  })
}
