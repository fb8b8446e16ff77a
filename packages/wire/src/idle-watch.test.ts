import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@settee/kit'
import type { Connection } from './connection.ts'
import { watchIdle } from './idle-watch.ts'

test('tells silence of each side once a period, and not while there is traffic', () => {
  const clock = createManualClock()
  let hasRead = true
  // The watch needs two questions answered; a port for them keeps the test free of sockets.
  const connection = { takeHasRead: () => hasRead, takeHasWritten: () => false } as Connection
  const told: string[] = []
  const watch = watchIdle(connection, {
    clock,
    writeIdleMs: 5000,
    readIdleMs: 15_000,
    onWriteIdle: () => told.push(`write ${clock.monotonic()}`),
    onReadIdle: () => told.push(`read ${clock.monotonic()}`),
  })
  clock.advance(10_000)
  assert.deepEqual(told, ['write 5000', 'write 10000'])
  hasRead = false
  clock.advance(15_000)
  assert.deepEqual(told.slice(2), ['write 15000', 'write 20000', 'read 25000', 'write 25000'])
  watch.cancel()
  clock.advance(60_000)
  assert.equal(told.length, 6)
  assert.equal(clock.pendingCount, 0)
})
