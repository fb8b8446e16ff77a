import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createManualClock, createSeededRandom } from '@settee/kit'
import { TimerWheel, WheelEntry } from './timer-wheel.ts'

class Alarm extends WheelEntry {
  expiredAtMs: number | undefined
  readonly #onExpire: (alarm: Alarm) => void
  constructor(onExpire: (alarm: Alarm) => void) {
    super()
    this.#onExpire = onExpire
  }
  expire(): void {
    this.#onExpire(this)
  }
}

describe('timer wheel', () => {
  test('expires never early and at most one tick late, also beyond one turn', () => {
    const clock = createManualClock()
    const wheel = new TimerWheel({ clock, tickMs: 10, slotCount: 8 })
    const random = createSeededRandom(3)
    const alarms: { alarm: Alarm; dueMs: number }[] = []
    for (let i = 0; i < 500; i++) {
      const delayMs = random.below(1000)
      const alarm = new Alarm((self) => (self.expiredAtMs = clock.monotonic()))
      wheel.arm(alarm, delayMs)
      alarms.push({ alarm, dueMs: clock.monotonic() + delayMs })
      clock.advance(random.below(7))
    }
    clock.advance(2000)
    for (const { alarm, dueMs } of alarms) {
      assert.ok(alarm.expiredAtMs !== undefined && alarm.expiredAtMs >= dueMs)
      assert.ok(alarm.expiredAtMs <= dueMs + 20, `${alarm.expiredAtMs - dueMs} ms late`)
    }
    assert.equal(wheel.armedCount, 0)
    assert.equal(clock.pendingCount, 0)
  })

  test('a disarmed entry does not expire, and disarming twice is harmless', () => {
    const clock = createManualClock()
    const wheel = new TimerWheel({ clock })
    const alarm = new Alarm(() => assert.fail('expired'))
    wheel.arm(alarm, 50)
    wheel.disarm(alarm)
    wheel.disarm(alarm)
    clock.advance(1000)
    assert.equal(wheel.armedCount, 0)
  })

  test('a callback may disarm and re-arm entries of its own slot', () => {
    const clock = createManualClock()
    const wheel = new TimerWheel({ clock, slotCount: 4 })
    const expired: string[] = []
    const third = new Alarm(() => expired.push('third'))
    const second = new Alarm(() => expired.push('second'))
    const first = new Alarm(() => {
      expired.push('first')
      wheel.disarm(second)
      wheel.arm(third, 100)
    })
    for (const alarm of [first, second, third]) wheel.arm(alarm, 50)
    clock.advance(60)
    assert.deepEqual(expired, ['first'])
    clock.advance(110)
    assert.deepEqual(expired, ['first', 'third'])
  })

  test('a delay counts from the time that the caller has read', () => {
    const clock = createManualClock()
    const wheel = new TimerWheel({ clock })
    const early = new Alarm((self) => (self.expiredAtMs = clock.monotonic()))
    const startMs = clock.monotonic()
    clock.advance(70)
    wheel.arm(early, 100, startMs)
    clock.advance(100)
    assert.equal(early.expiredAtMs, 100)
  })

  test('after a long stall everything due expires in one go', () => {
    const clock = createManualClock()
    const wheel = new TimerWheel({ clock: { ...clock, after: () => ({ cancel() {} }) } })
    let count = 0
    for (let i = 0; i < 100; i++) wheel.arm(new Alarm(() => count++), i * 97)
    // The tick callback is captured by a second wheel whose clock jumps in one step.
    const ticks: (() => void)[] = []
    const jumping = new TimerWheel({
      clock: { ...clock, after: (_delayMs, tick) => (ticks.push(tick), { cancel() {} }) },
    })
    for (let i = 0; i < 100; i++) jumping.arm(new Alarm(() => count++), i * 97)
    clock.advance(60_000)
    ticks.shift()!()
    assert.equal(count, 100)
  })
})
