import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@settee/kit'
import { createCoordinatorTime } from './coordinator-time.ts'

test('time goes on by itself when the wall clock is set back or forward', () => {
  const manual = createManualClock(1_800_000_000_000)
  let steppedMs = 0
  const time = createCoordinatorTime({ ...manual, now: () => manual.now() + steppedMs }, 0)
  assert.equal(time(), 1_800_000_000_000)
  for (const step of [-3_600_000, 7_200_000]) {
    steppedMs += step
    const before = time()
    manual.advance(10.5)
    assert.ok(Number.isInteger(time()) && time() - before >= 10 && time() - before <= 11)
  }
})

test('after a restart time goes on behind the last instant that was recorded', () => {
  const manual = createManualClock(1_800_000_000_000)
  const time = createCoordinatorTime(manual, 1_800_003_600_000)
  manual.advance(5)
  assert.equal(time(), 1_800_003_600_005)
})
