import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readLockOptions } from './lock-options.ts'

const none = { holdsRowLocks: false, lockWaitMs: 0 }

for (const [text, options] of [
  ['', none],
  ['null', none],
  ['7', none],
  ['not json', none],
  ['{"autoCommit":false', none],
  ['{"autoCommit":"false","lockWaitMs":"300"}', none],
  ['{"lockWaitMs":-5}', none],
  ['{"lockWaitMs":1e999}', none],
  [' {"autoCommit":false,"skipCheckLock":true}', { holdsRowLocks: true, lockWaitMs: 0 }],
  ['{"autoCommit":true,"lockWaitMs":300}', { holdsRowLocks: false, lockWaitMs: 300 }],
] as const) {
  it(`the lock options of ${JSON.stringify(text)} are read`, () => {
    assert.deepEqual(readLockOptions(text), options)
  })
}
