import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as assertThat, AssertionError, unreachable } from './assert.ts'

test('an assertion that holds is silent, one that does not throws its message', () => {
  assertThat(1, 'never seen')
  assert.throws(
    () => assertThat('', 'the name is set'),
    (error) => error instanceof AssertionError && error.message === 'the name is set',
  )
})

test('an unreachable branch that is reached names the value', () => {
  assert.throws(() => unreachable('surprise' as never), /unreachable value: surprise/)
})
