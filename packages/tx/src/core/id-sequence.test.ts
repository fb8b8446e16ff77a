import assert from 'node:assert/strict'
import { it } from 'node:test'
import { IdSequence } from './id-sequence.ts'

const now = 1_790_000_000_000

it('ids carry the time, and rise within one ms', () => {
  const ids = new IdSequence(0)
  const first = ids.next(now)
  assert.equal(first, (now - 1_588_435_200_000) * 4096)
  assert.equal(ids.next(now), first + 1)
  assert.ok(Number.isSafeInteger(first))
})

it('ids go on rising when the clock steps back, and after a restart', () => {
  const ids = new IdSequence(0)
  const first = ids.next(now)
  assert.equal(ids.next(now - 3_600_000), first + 1)
  assert.equal(new IdSequence(first + 1).next(now - 3_600_000), first + 2)
})

it('more than 4096 ids in one ms borrow from the next', () => {
  const ids = new IdSequence(0)
  const first = ids.next(now)
  for (let i = 1; i < 5000; i++) ids.next(now)
  assert.equal(ids.next(now + 1), first + 5000)
})
