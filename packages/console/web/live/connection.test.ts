import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConnection, stepConnection, type Connection } from './connection.ts'

const lost = (at: number, chance = 0) => ({ type: 'lost', at, chance }) as const
const opened = (at: number) => ({ type: 'opened', at }) as const

test('away since the first loss, however many attempts fail after it', () => {
  let connection = stepConnection(createConnection(0), opened(10))
  for (const at of [100, 600, 1_600]) connection = stepConnection(connection, lost(at))
  assert.equal(connection.phase, 'waiting')
  assert.equal(connection.since, 100)
  assert.equal(connection.failures, 3)
})

test('the delay doubles up to its limit and starts anew after a success', () => {
  const delays: number[] = []
  let connection: Connection = createConnection(0)
  for (let i = 0; i < 8; i++) {
    connection = stepConnection(connection, lost(0))
    delays.push(connection.retryAt)
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
  connection = stepConnection(stepConnection(connection, opened(0)), lost(0))
  assert.equal(connection.retryAt, 500)
})

test('chance takes up to half of the delay off', () => {
  assert.equal(stepConnection(createConnection(0), lost(0, 0.5)).retryAt, 375)
})

test('a change of topics is no break: live since the first time', () => {
  const live = stepConnection(createConnection(0), opened(10))
  assert.equal(stepConnection(live, opened(99)).since, 10)
})
