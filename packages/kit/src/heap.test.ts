import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MinHeap } from './heap.ts'

test('an empty heap has no item and an infinite key', () => {
  const heap = new MinHeap<string>()
  assert.equal(heap.pop(), undefined)
  assert.equal(heap.minKey, Infinity)
  assert.equal(heap.length, 0)
})

test('pushes and pops in any order behave like a sorted array', () => {
  const step = fc.option(fc.integer({ min: -20, max: 20 }), { nil: 'pop' as const })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new MinHeap<number>()
      const model: number[] = []
      for (const key of steps) {
        if (key === 'pop') {
          assert.equal(heap.pop(), model.shift())
        } else {
          heap.push(key, key)
          model.push(key)
          model.sort((a, b) => a - b)
        }
        assert.equal(heap.length, model.length)
        assert.equal(heap.minKey, model[0] ?? Infinity)
      }
      assert.deepEqual(
        model.map(() => heap.pop()),
        model,
      )
    }),
    { seed: 1 },
  )
})
