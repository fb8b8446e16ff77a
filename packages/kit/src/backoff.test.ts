import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from './backoff.ts'
import { createSeededRandom, type Random } from './random.ts'

const options = { minMs: 100, maxMs: 2000 }
const noJitter: Random = { float: () => 0, u32: () => 0, below: () => 0 }

test('the delay doubles from its minimum to its maximum and stays there', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 1000].map((n) => backoffMs(n, options, noJitter))
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 2000, 2000, 2000])
})

test('growth and jitter are options', () => {
  const tripled = { ...options, factor: 3, jitter: 0 }
  const random = createSeededRandom(1)
  assert.deepEqual(
    [1, 2, 3].map((n) => backoffMs(n, tripled, random)),
    [100, 300, 900],
  )
})

test('the delay lies between the unjittered share and the ceiling, whatever the seed', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(10_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (seed, failures, jitter) => {
        const ceilingMs = backoffMs(failures, { ...options, jitter: 0 }, noJitter)
        const delayMs = backoffMs(failures, { ...options, jitter }, createSeededRandom(seed))
        assert.ok(delayMs <= ceilingMs)
        assert.ok(delayMs >= ceilingMs * (1 - jitter))
      },
    ),
    { seed: 1 },
  )
})
