import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSeededRandom, systemRandom } from './random.ts'

test('a seed gives the same sequence everywhere', () => {
  const random = createSeededRandom(1)
  const sequence = [random.u32(), random.u32(), random.u32()]
  assert.deepEqual(sequence, [2693262067, 11749833, 2265367787])
})

test('different seeds give different sequences', () => {
  const first = new Set(Array.from({ length: 1000 }, (_, seed) => createSeededRandom(seed).u32()))
  assert.equal(first.size, 1000)
})

test('numbers stay within their range', () => {
  const seeds = fc.integer()
  const bounds = fc.integer({ min: 1, max: 2 ** 32 })
  fc.assert(
    fc.property(seeds, bounds, (seed, bound) => {
      for (const random of [createSeededRandom(seed), systemRandom]) {
        const float = random.float()
        assert.ok(float >= 0 && float < 1)
        const below = random.below(bound)
        assert.ok(Number.isInteger(below) && below >= 0 && below < bound)
        const u32 = random.u32()
        assert.ok(Number.isInteger(u32) && u32 >= 0 && u32 < 2 ** 32)
      }
    }),
    { seed: 1 },
  )
})

test('every value below a small bound comes about equally often', () => {
  const random = createSeededRandom(7)
  const counts = [0, 0, 0, 0, 0]
  for (let i = 0; i < 10_000; i++) counts[random.below(5)]!++
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 200, String(counts))
})
