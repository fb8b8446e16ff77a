import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapeThroughput } from './throughput.ts'

const box = { width: 100, height: 10, spanMs: 10_000 }
const point = (at: number, committedPerSecond: number, rolledBackPerSecond = 0) => ({
  at,
  committedPerSecond,
  rolledBackPerSecond,
})

test('nothing to draw is an empty path under a small scale', () => {
  const shape = shapeThroughput([], 0, box)
  assert.deepEqual(shape, {
    total: { line: '', area: '' },
    rolledBack: { line: '', area: '' },
    peak: 0,
    ceiling: 5,
  })
})

test('time runs to the right, the total is above the rolled back', () => {
  const shape = shapeThroughput([point(0, 3, 1), point(10_000, 4, 1)], 10_000, box)
  assert.equal(shape.total.line, 'M0 2L100 0')
  assert.equal(shape.rolledBack.line, 'M0 8L100 8')
  assert.equal(shape.total.area, 'M0 10L0 2L100 0L100 10Z')
})

test('points before the span are left out, also of the peak', () => {
  assert.equal(shapeThroughput([point(0, 900), point(9_000, 7)], 12_000, box).peak, 7)
})

for (const [peak, ceiling] of [
  [5, 5],
  [6, 10],
  [11, 20],
  [21, 50],
  [180, 200],
  [501, 1_000],
] as const) {
  test(`a peak of ${peak} is drawn under ${ceiling}`, () => {
    assert.equal(shapeThroughput([point(0, peak)], 0, box).ceiling, ceiling)
  })
}
