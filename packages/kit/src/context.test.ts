import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { currentContext, runWithContext } from './context.ts'

test('outside of a request the context is empty', () => {
  assert.deepEqual(currentContext(), {})
})

test('the context follows what is awaited and ends with it', async () => {
  const seen = await runWithContext({ xid: '127.0.0.1:8091:1' }, async () => {
    await nextTurn()
    return currentContext().xid
  })
  assert.equal(seen, '127.0.0.1:8091:1')
  assert.equal(currentContext().xid, undefined)
})

test('concurrent requests do not see each other', async () => {
  const xids = await Promise.all(
    ['1', '2', '3'].map((xid) =>
      runWithContext({ xid }, async () => {
        await nextTurn()
        await nextTurn()
        return currentContext().xid
      }),
    ),
  )
  assert.deepEqual(xids, ['1', '2', '3'])
})

test('an inner context replaces the outer one and gives it back, even when it throws', () => {
  runWithContext({ xid: 'outer', traceId: 't' }, () => {
    assert.throws(() =>
      runWithContext({ xid: 'inner' }, () => {
        assert.deepEqual(currentContext(), { xid: 'inner' })
        throw new Error('inside')
      }),
    )
    assert.deepEqual(currentContext(), { xid: 'outer', traceId: 't' })
  })
})
