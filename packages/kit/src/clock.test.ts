import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { createManualClock, sleep, systemClock } from './clock.ts'

test('a manual clock stands still until it is moved', () => {
  const clock = createManualClock(1000)
  assert.deepEqual([clock.now(), clock.monotonic()], [1000, 0])
  clock.advance(250)
  assert.deepEqual([clock.now(), clock.monotonic()], [1250, 250])
})

test('timers run in order of due time, then of creation, each at its instant', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 30 }), fc.array(fc.nat(40)), (delays, steps) => {
      const clock = createManualClock()
      const ran: { id: number; atMs: number }[] = []
      for (const [id, delayMs] of delays.entries()) {
        clock.after(delayMs, () => ran.push({ id, atMs: clock.monotonic() }))
      }
      for (const ms of steps) clock.advance(ms)
      const expected = delays
        .map((atMs, id) => ({ id, atMs }))
        .filter(({ atMs }) => steps.length > 0 && atMs <= clock.monotonic())
        .toSorted((a, b) => a.atMs - b.atMs || a.id - b.id)
      assert.deepEqual(ran, expected)
      assert.equal(clock.pendingCount, delays.length - ran.length)
    }),
    { seed: 1 },
  )
})

test('a timer set by a timer runs in the same move when it falls due', () => {
  const clock = createManualClock()
  const ranAtMs: number[] = []
  clock.after(10, () => {
    ranAtMs.push(clock.monotonic())
    clock.after(5, () => ranAtMs.push(clock.monotonic()))
    clock.after(100, () => ranAtMs.push(clock.monotonic()))
  })
  clock.advance(50)
  assert.deepEqual(ranAtMs, [10, 15])
  assert.equal(clock.pendingCount, 1)
})

test('a cancelled timer never runs, even when a timer of the same instant cancels it', () => {
  const clock = createManualClock()
  let ran = false
  clock.after(10, () => later.cancel())
  const later = clock.after(10, () => {
    ran = true
  })
  clock.advance(10)
  assert.equal(ran, false)
})

test('sleep resolves when its clock has moved far enough', async () => {
  const clock = createManualClock()
  const slept = sleep(100, clock)
  clock.advance(99)
  assert.equal(clock.pendingCount, 1)
  clock.advance(1)
  await slept
})

test('a timer of the system clock keeps the process alive', () => {
  const source = `
    import { sleep } from ${JSON.stringify(import.meta.resolve('./clock.ts'))}
    await sleep(20)
    console.log('slept')
  `
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', source])
  assert.equal(printed.toString(), 'slept\n')
})

test('the system clock fires, and a cancelled timer does not', async () => {
  const fired = await new Promise<string>((resolve) => {
    systemClock.after(0, () => resolve('cancelled')).cancel()
    systemClock.after(-1, () => resolve('fired'))
  })
  assert.equal(fired, 'fired')
})
