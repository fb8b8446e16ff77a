import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@settee/kit'
import { createPushPacer } from './push-pacer.ts'

test('pushes the first change at once and a storm once a pause', () => {
  const clock = createManualClock()
  const pacer = createPushPacer(clock, 50)
  const pushes: string[] = []
  const change = (name: string): void =>
    pacer.changed('datum', () => pushes.push(`${name} at ${clock.monotonic()}`))
  change('first')
  assert.deepEqual(pushes, ['first at 0'])
  for (let i = 0; i < 10; i++) {
    clock.advance(3)
    change(`change ${i}`)
  }
  clock.advance(100)
  assert.deepEqual(pushes, ['first at 0', 'change 9 at 50'])
  clock.advance(1000)
  change('quiet again')
  assert.deepEqual(pushes.at(-1), 'quiet again at 1130')
  assert.equal(clock.pendingCount, 1)
  pacer.stop()
  assert.equal(clock.pendingCount, 0)
})

test('keys do not wait for each other', () => {
  const clock = createManualClock()
  const pacer = createPushPacer(clock, 50)
  const pushes: string[] = []
  pacer.changed('a', () => pushes.push('a'))
  pacer.changed('b', () => pushes.push('b'))
  assert.deepEqual(pushes, ['a', 'b'])
  pacer.stop()
})
