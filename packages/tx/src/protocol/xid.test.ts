import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { formatXid, parseXid } from './xid.ts'

const cases = [
  ['127.0.0.1:8091:42', '127.0.0.1', 8091, 42],
  ['tc.example.org:8091:9007199254740991', 'tc.example.org', 8091, 2 ** 53 - 1],
  ['10.0.0.7:8091:2612345678901234567', '10.0.0.7', 8091, 2_612_345_678_901_234_567n],
  ['::1:8091:7', '::1', 8091, 7],
  ['[fe80::1]:65535:7', '[fe80::1]', 65_535, 7],
  ['h:0:9223372036854775807', 'h', 0, 2n ** 63n - 1n],
] as const
for (const [xid, host, port, transactionId] of cases) {
  test(`${xid} is read and written`, () => {
    assert.deepEqual(parseXid(xid), { host, port, transactionId })
    assert.equal(formatXid(host, port, transactionId), xid)
  })
}

const refused = [
  ['no parts', 'abc'],
  ['no host', ':8091:1'],
  ['no port', 'h:1'],
  ['a port that is none', 'h:65536:1'],
  ['no transaction id', 'h:8091:'],
  ['a negative transaction id', 'h:8091:-1'],
  ['a transaction id of more than 63 bits', 'h:8091:9223372036854775808'],
  ['letters in the transaction id', 'h:8091:1a'],
  ['a line break behind', 'h:8091:1\n'],
  ['more than 128 characters', `${'h'.repeat(125)}:1:1`],
] as const
for (const [name, xid] of refused) {
  test(`an xid with ${name} is refused`, () => {
    assert.throws(
      () => parseXid(xid),
      (error) =>
        isSetteeError(error, 'SETTEE_TX_BAD_MESSAGE') && error.message.includes('host:port'),
    )
  })
}
