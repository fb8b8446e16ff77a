import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DueIndex } from './due-index.ts'

it('takes what is due in order, and the last due time of an item counts', () => {
  const index = new DueIndex<string>()
  index.set('a', 30)
  index.set('b', 20)
  index.set('c', 10)
  index.set('a', 5)
  index.delete('b')
  assert.equal(index.nextDueAt, 5)
  assert.deepEqual(index.takeAllDue(9), ['a'])
  assert.deepEqual(index.takeAllDue(100), ['c'])
  assert.deepEqual(index.takeAllDue(100), [])
})

it('an item may be set to the same time twice and is due once', () => {
  const index = new DueIndex<string>()
  index.set('a', 5)
  index.set('a', 5)
  assert.deepEqual(index.takeAllDue(5), ['a'])
})

it('memory follows the live items, not those that came and went', () => {
  const index = new DueIndex<number>()
  for (let i = 0; i < 100_000; i++) {
    index.set(i, 60_000 + i)
    index.delete(i)
  }
  index.set(7, 1_000_000)
  assert.equal(index.size, 1)
  assert.ok(index.entryCount <= 1100)
  assert.deepEqual(index.takeAllDue(1_000_000), [7])
})
