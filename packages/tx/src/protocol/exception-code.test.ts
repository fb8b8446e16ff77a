import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isVersionAtLeast, mergedReplyForm } from './client-version.ts'
import { fromWireOrdinal, toWireOrdinal } from './exception-code.ts'
import { ExceptionCode } from './status.ts'

const { FailedStore, NotRaftLeader, LockKeyConflictFailFast, TransactionTimeout, Broken } =
  ExceptionCode

const sent = [
  ['2.0.0', { NotRaftLeader: 19, LockKeyConflictFailFast: 20, TransactionTimeout: 21, Broken: 23 }],
  ['1.8.0', { NotRaftLeader: 0, LockKeyConflictFailFast: 19, TransactionTimeout: 20, Broken: 22 }],
  ['1.7.0', { NotRaftLeader: 0, LockKeyConflictFailFast: 19, TransactionTimeout: 20, Broken: 22 }],
  ['1.6.1', { NotRaftLeader: 0, LockKeyConflictFailFast: 19, TransactionTimeout: 0, Broken: 0 }],
  ['1.4.2', { NotRaftLeader: 0, LockKeyConflictFailFast: 2, TransactionTimeout: 0, Broken: 0 }],
  ['', { NotRaftLeader: 0, LockKeyConflictFailFast: 2, TransactionTimeout: 0, Broken: 0 }],
] as const
for (const [version, ordinals] of sent) {
  test(`a client of version "${version}" gets only exception codes it knows`, () => {
    for (const [name, ordinal] of Object.entries(ordinals)) {
      assert.equal(toWireOrdinal(ExceptionCode[name as keyof typeof ordinals], version), ordinal)
    }
    for (let code = 0; code <= FailedStore; code++) {
      assert.equal(toWireOrdinal(code as ExceptionCode, version), code)
    }
  })
}

test('the ordinals of a coordinator are read as its version counts them', () => {
  assert.equal(fromWireOrdinal(18, '1.5.2'), FailedStore)
  assert.equal(fromWireOrdinal(19, '1.8.0'), LockKeyConflictFailFast)
  assert.equal(fromWireOrdinal(20, '1.8.0'), TransactionTimeout)
  assert.equal(fromWireOrdinal(22, '1.8.0'), Broken)
  assert.equal(fromWireOrdinal(19, '2.6.0'), NotRaftLeader)
  assert.equal(fromWireOrdinal(23, '2.6.0'), Broken)
  assert.equal(fromWireOrdinal(24, '2.6.0'), ExceptionCode.Unknown)
  assert.equal(fromWireOrdinal(255, ''), ExceptionCode.Unknown)
})

test('messages of a MergedWarp are answered one by one from client 2.3 on', () => {
  const separate = ['2.3.0', '2.3.0-SNAPSHOT', '2.6.0', '2.10.1', '3.0.0']
  for (const version of separate) assert.equal(mergedReplyForm(version), 'separate', version)
  const merged = ['2.2.0', '2.2.9', '1.5.2', '1.9.0', '0.9.0', '', 'null', 'x.3.0']
  for (const version of merged) assert.equal(mergedReplyForm(version), 'mergeResult', version)
})

test('versions are compared by number, and unreadable ones are the oldest', () => {
  assert.equal(isVersionAtLeast('1.10.0', 1, 9), true)
  assert.equal(isVersionAtLeast('2', 1, 9), true)
  assert.equal(isVersionAtLeast('2', 2, 1), false)
  assert.equal(isVersionAtLeast('2.3x', 2, 3), false)
  assert.equal(isVersionAtLeast('v2.3.0', 0, 0), false)
})
