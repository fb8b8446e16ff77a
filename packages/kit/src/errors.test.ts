import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineErrors, isSetteeError, messageOf, SetteeError } from './errors.ts'

const makeError = defineErrors({
  SETTEE_TEST_BUSY: { retryable: true, summary: 'Too much to do.' },
  SETTEE_TEST_WRONG: { retryable: false, summary: 'Not like that.' },
})

test('an error carries its code, retry advice, message, cause and details', () => {
  const cause = new Error('disk full')
  const error = makeError('SETTEE_TEST_BUSY', 'wait a moment', { cause, details: { waiting: 3 } })
  assert.ok(error instanceof SetteeError)
  assert.equal(error.code, 'SETTEE_TEST_BUSY')
  assert.equal(error.retryable, true)
  assert.equal(error.message, 'wait a moment')
  assert.equal(error.cause, cause)
  assert.deepEqual(error.details, { waiting: 3 })
  assert.equal(String(error), 'SetteeError: wait a moment')
})

test('without a cause and details there is no cause, and details are empty', () => {
  const error = makeError('SETTEE_TEST_WRONG', 'no')
  assert.equal(error.retryable, false)
  assert.ok(!('cause' in error))
  assert.deepEqual(error.details, {})
})

test('errors are told apart by code', () => {
  const error: unknown = makeError('SETTEE_TEST_WRONG', 'no')
  assert.ok(isSetteeError(error))
  assert.ok(isSetteeError(error, 'SETTEE_TEST_WRONG'))
  assert.ok(!isSetteeError(error, 'SETTEE_TEST_BUSY'))
})

test('an error of another copy of the module is recognised, a lookalike is not', async () => {
  const copy = (await import('./errors.ts?copy' as string)) as { SetteeError: typeof SetteeError }
  const foreign: unknown = new copy.SetteeError('SETTEE_TEST_BUSY', true, 'from elsewhere')
  assert.ok(!(foreign instanceof SetteeError))
  assert.ok(isSetteeError(foreign, 'SETTEE_TEST_BUSY'))
  for (const other of [null, undefined, 'SETTEE_TEST_BUSY', { code: 'SETTEE_TEST_BUSY' }]) {
    assert.ok(!isSetteeError(other))
  }
})

test('anything thrown has a message', () => {
  assert.equal(messageOf(new TypeError('bad')), 'bad')
  assert.equal(messageOf('text'), 'text')
  assert.equal(messageOf(undefined), 'undefined')
  // What net.connect throws when every address of a name refuses: no message of its own.
  assert.equal(messageOf(new AggregateError([new Error('one'), new Error('two')])), 'one; two')
})
