import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PendingCalls } from './pending-calls.ts'

describe('pending calls', () => {
  test('behave like a map from id to call', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add'), fc.nat(400)), { maxLength: 600 }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (steps, firstId) => {
          const ring = new PendingCalls<{ name: number }>(1000, firstId)
          const model = new Map<number, { name: number }>()
          const ids: number[] = []
          for (const step of steps) {
            if (step === 'add') {
              const call = { name: ids.length }
              const id = ring.add(call)
              assert.ok(!model.has(id), 'an id in use was given out again')
              model.set(id, call)
              ids.push(id)
            } else if (ids.length > 0) {
              const id = ids[(step as number) % ids.length]!
              assert.equal(ring.take(id), model.get(id))
              model.delete(id)
            }
            assert.equal(ring.size, model.size)
          }
          assert.deepEqual(new Set(ring.takeAll()), new Set(model.values()))
          assert.equal(ring.size, 0)
        },
      ),
      { seed: 2, numRuns: 200 },
    )
  })

  test('an answer to an unknown, old or negative id finds nothing', () => {
    const ring = new PendingCalls<object>()
    const id = ring.add({})
    assert.equal(ring.take(id + 64), undefined)
    assert.equal(ring.take(-1), undefined)
    assert.ok(ring.take(id))
    assert.equal(ring.take(id), undefined)
  })

  test('ids wrap, and a signed id of the wire finds its call', () => {
    const ring = new PendingCalls<object>(10, 0xffff_ffff)
    const call = {}
    assert.equal(ring.add(call), 0xffff_ffff)
    assert.equal(ring.add({}), 0)
    assert.equal(ring.take(-1), call)
  })

  test('one call over the limit is refused and the others stay', () => {
    const ring = new PendingCalls<object>(2)
    const first = {}
    const id = ring.add(first)
    ring.add({})
    assert.throws(() => ring.add({}), { code: 'SETTEE_WIRE_OVERLOADED', retryable: true })
    assert.equal(ring.take(id), first)
  })
})
