import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TimelineEntry } from '../src/api.ts'
import { groupTimeline } from './timeline.ts'

const entry = (at: number, kind: TimelineEntry['kind'], branch = '1', reason = 'away') =>
  ({ at, kind, branchId: branch, actor: 'coordinator', status: null, reason }) as const

const shown = (timeline: readonly TimelineEntry[]) =>
  groupTimeline(timeline).map((line) => [line.entry.at, line.count, line.lastAt])

test('retries of one branch for one reason are one line', () => {
  const timeline = [1, 2, 3].map((at) => entry(at, 'branchRetry'))
  assert.deepEqual(shown(timeline), [[1, 3, 3]])
})

test('two branches that alternate are two lines', () => {
  const timeline = [
    entry(1, 'branchRetry', 'a'),
    entry(2, 'branchRetry', 'b'),
    entry(3, 'branchRetry', 'a'),
    entry(4, 'branchRetry', 'b'),
  ]
  assert.deepEqual(shown(timeline), [
    [1, 2, 3],
    [2, 2, 4],
  ])
})

test('another reason, or anything in between, begins a new line', () => {
  const timeline = [
    entry(1, 'branchRetry'),
    entry(2, 'branchRetry', '1', 'disk full'),
    entry(3, 'resumed'),
    entry(4, 'branchRetry'),
  ]
  assert.equal(shown(timeline).length, 4)
})

test('other entries are never put together', () => {
  const timeline = [entry(1, 'branchRegistered'), entry(2, 'branchRegistered')]
  assert.equal(shown(timeline).length, 2)
})
