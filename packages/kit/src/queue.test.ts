import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Queue } from './queue.ts'

test('pushes and shifts in any order behave like an array, across growth and wrap-around', () => {
  const step = fc.constantFrom('push', 'push', 'push', 'shift', 'shift', 'clear')
  const rarelyCleared = fc.array(step, { maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(rarelyCleared, fc.nat(40), (steps, prefilled) => {
      const queue = new Queue<number>()
      const model: number[] = []
      let next = 0
      function push(): void {
        queue.push(next)
        model.push(next++)
      }
      for (let i = 0; i < prefilled; i++) push()
      for (const [index, name] of steps.entries()) {
        if (name === 'push') push()
        else if (name === 'shift') assert.equal(queue.shift(), model.shift())
        else if (index % 10 === 0) {
          queue.clear()
          model.length = 0
        }
        assert.equal(queue.length, model.length)
        assert.equal(queue.peek(), model[0])
      }
      assert.deepEqual([...queue], model)
    }),
    { seed: 1 },
  )
})

test('an empty queue has nothing to give', () => {
  const queue = new Queue<string>()
  assert.equal(queue.shift(), undefined)
  assert.equal(queue.peek(), undefined)
  assert.deepEqual([...queue], [])
})
