import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LockWaitQueue, type LockWaiter } from './lock-wait.ts'
import type { LockRow, RowLock } from './transaction.ts'

const row = (key: string): LockRow => ({ resourceId: 'db', table: 't', key })
const lock = (key: string, xid = 'holder'): RowLock => ({
  ...row(key),
  xid,
  branchId: 1,
  since: 0,
})

function park(
  queue: LockWaitQueue<string>,
  name: string,
  key: string,
  fields: Partial<{ holdsRowLocks: boolean; lockWaitMs: number; now: number }> = {},
): LockWaiter<string> {
  const wait = { xid: name, holdsRowLocks: false, lockWaitMs: 100, now: 0, ...fields }
  const waiter = queue.park(name, row(key), wait)
  assert.ok(waiter !== null)
  return waiter
}

const names = (waiters: readonly LockWaiter<string>[]): string[] =>
  waiters.map((waiter) => waiter.request)

describe('requests that wait for a row', () => {
  it('are woken one by one, first come, first served', () => {
    const queue = new LockWaitQueue<string>()
    const first = park(queue, 'first', '1')
    park(queue, 'second', '1')
    assert.deepEqual(names(queue.released([lock('1'), lock('2')])), ['first'])
    assert.deepEqual(names(queue.released([lock('1')])), [], 'it is trying already')
    assert.deepEqual(names(queue.leave(first)), ['second'])
    assert.deepEqual(queue.leave(first), [])
    assert.equal(queue.size, 1)
  })

  it('are not overtaken by a newcomer, unless its transaction holds the row or waits first', () => {
    const queue = new LockWaitQueue<string>()
    park(queue, 'first', '1')
    const newcomer = (xid: string): object => ({
      xid,
      resourceId: 'db',
      rows: [{ table: 't', keys: ['0', '1'] }],
    })
    const rowAhead = (xid: string, holds: boolean): LockRow | null =>
      queue.rowAhead(newcomer(xid) as Parameters<typeof queue.rowAhead>[0], () => holds)
    assert.deepEqual(rowAhead('late', false), row('1'))
    assert.equal(rowAhead('late', true), null)
    assert.equal(rowAhead('first', false), null)
  })

  it('keep their place when the row was taken again, and move when another row is held', () => {
    const queue = new LockWaitQueue<string>()
    const first = park(queue, 'first', '1')
    park(queue, 'second', '1')
    queue.released([lock('1')])
    assert.deepEqual(queue.move(first, row('1')), [])
    assert.deepEqual(names(queue.released([lock('1')])), ['first'])
    assert.deepEqual(names(queue.move(first, row('2'))), ['second'])
    assert.deepEqual(names(queue.released([lock('2')])), ['first'])
  })

  it('are refused at their deadline, but not while they try', () => {
    const queue = new LockWaitQueue<string>({ maxWaitMs: 50 })
    const first = park(queue, 'first', '1')
    park(queue, 'second', '1', { lockWaitMs: 10 })
    park(queue, 'third', '1', { lockWaitMs: 1000, now: 20 })
    assert.deepEqual(names(queue.expire(9).expired), [])
    assert.deepEqual(names(queue.expire(10).expired), ['second'])
    queue.released([lock('1')])
    assert.deepEqual(names(queue.expire(60).expired), [])
    queue.move(first, row('1'))
    const { expired, next } = queue.expire(60)
    assert.deepEqual(names(expired), ['first'])
    assert.deepEqual(names(next), ['third'])
    assert.deepEqual(names(queue.expire(1000).expired), [], 'it is trying')
    assert.equal(queue.size, 1)
  })

  it('are refused when the holder rolls back and needs the rows that they hold', () => {
    const queue = new LockWaitQueue<string>()
    park(queue, 'holds rows', '1', { holdsRowLocks: true })
    park(queue, 'holds none', '1')
    park(queue, 'elsewhere', '2', { holdsRowLocks: true })
    assert.deepEqual(names(queue.holderRollsBack([lock('1')])), ['holds rows'])
    assert.equal(queue.size, 2)
    assert.deepEqual(names(queue.released([lock('1')])), ['holds none'])
  })

  it('do not wait when they do not want to, or when too many do', () => {
    const queue = new LockWaitQueue<string>({ maxWaiters: 1 })
    const wait = { xid: 'x', holdsRowLocks: false, lockWaitMs: 0, now: 0 }
    assert.equal(queue.park('x', row('1'), wait), null)
    park(queue, 'first', '1')
    assert.equal(queue.park('x', row('1'), { ...wait, lockWaitMs: 5 }), null)
  })
})
