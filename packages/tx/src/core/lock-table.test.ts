/** The lock table by itself. Cases: LockManagerTest and FileLockManagerImplTest of Seata. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLockKeys } from '../protocol/lock-key.ts'
import { LockTable } from './lock-table.ts'
import type { RowLock } from './transaction.ts'

const since = 1_700_000_000_000

function acquire(
  table: LockTable,
  xid: string,
  branchId: number,
  keys: string,
): readonly RowLock[] {
  return table.acquire(xid, { branchId, resourceId: 'db' }, parseLockKeys(keys), since)
}

describe('the lock table', () => {
  it('gives a row to one transaction and shows it to the others as held', () => {
    const table = new LockTable()
    acquire(table, 'x1', 1, 't:1,2')
    assert.equal(table.findHeld('x2', 'db', parseLockKeys('t:2,3'))?.xid, 'x1')
    assert.equal(table.findHeld('x1', 'db', parseLockKeys('t:1,2')), undefined)
    assert.equal(table.findHeld('x2', 'db', parseLockKeys('t:3;u:1')), undefined)
    assert.equal(table.findHeld('x2', 'other', parseLockKeys('t:1')), undefined)
  })

  it('a row that the transaction holds already stays with its first branch', () => {
    const table = new LockTable()
    acquire(table, 'x1', 1, 't:1')
    const second = acquire(table, 'x1', 2, 't:1,2')
    assert.deepEqual(
      second.map(({ key }) => key),
      ['2'],
    )
    assert.equal(table.get('db', 't', '1')?.branchId, 1)
    table.release(second)
    assert.equal(table.get('db', 't', '1')?.xid, 'x1')
  })

  it('a row that is named twice is locked once', () => {
    const table = new LockTable()
    assert.equal(acquire(table, 'x1', 1, 't:1,1;t:1').length, 1)
    assert.equal(table.size, 1)
  })

  it('is empty when all is released, and releasing again changes nothing', () => {
    const table = new LockTable()
    const locks = [...acquire(table, 'x1', 1, 't:1;u:1'), ...acquire(table, 'x2', 2, 't:2')]
    table.release(locks)
    table.release(locks)
    assert.equal(table.size, 0)
    assert.deepEqual([...table], [])
  })

  it('many transactions on many rows leave each row with one holder', () => {
    const table = new LockTable()
    for (let number = 0; number < 1000; number++) {
      const keys = `t:${number % 10},${10 + (number % 7)}`
      const xid = `x${number}`
      if (table.findHeld(xid, 'db', parseLockKeys(keys)) !== undefined) continue
      const locks = acquire(table, xid, number, keys)
      assert.equal(locks.length, 2)
      if (number % 3 === 0) table.release(locks)
    }
    const rows = [...table].map(({ key }) => key)
    assert.equal(new Set(rows).size, rows.length)
    assert.equal(table.size, rows.length)
  })
})
