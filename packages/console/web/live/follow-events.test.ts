import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConnection, type Connection } from './connection.ts'
import { followEvents, type EventPorts } from './follow-events.ts'

type Attempt = (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>

const encoder = new TextEncoder()
const streamOf = (text: string): ReadableStream<Uint8Array> =>
  ReadableStream.from([encoder.encode(text)])
const refuse: Attempt = () => Promise.reject(new Error('connection refused'))
const silent: Attempt = () => Promise.resolve(new ReadableStream())

/** Plays the attempts one after the other, then stops; time only moves by waiting. */
async function play(attempts: readonly Attempt[], silenceLimitMs?: number) {
  const controller = new AbortController()
  const phases: Connection['phase'][] = []
  const topics: string[] = []
  const delays: number[] = []
  let at = 0
  let next = 0
  const ports: EventPorts = {
    open: (signal) => attempts[next++]!(signal),
    now: () => at,
    random: () => 0,
    wait(delayMs) {
      at += delayMs
      delays.push(delayMs)
      if (next === attempts.length) controller.abort()
      return Promise.resolve()
    },
  }
  await followEvents(ports, {
    from: createConnection(0),
    signal: controller.signal,
    ...(silenceLimitMs === undefined ? {} : { silenceLimitMs }),
    onConnection: ({ phase }) => phases.push(phase),
    onEvent: ({ topic }) => topics.push(topic),
  })
  return { phases, topics, delays }
}

test('a stream that ends is opened again and its events arrive', async () => {
  const { phases, topics, delays } = await play([
    () => Promise.resolve(streamOf('event: overview\ndata: {}\n\n')),
    refuse,
    refuse,
    () => Promise.resolve(streamOf('event: services\ndata: []\n\n')),
  ])
  assert.deepEqual(phases, ['live', 'waiting', 'waiting', 'waiting', 'live', 'waiting'])
  assert.deepEqual(topics, ['overview', 'services'])
  assert.deepEqual(delays, [500, 1_000, 2_000, 500])
})

test('a stream that falls silent counts as lost', async () => {
  const { phases } = await play([silent, refuse], 5)
  assert.deepEqual(phases, ['live', 'waiting', 'waiting'])
})

test('text that is cut within a character is put together', async () => {
  const bytes = encoder.encode('event: 余额\ndata: 1\n\n')
  const { topics } = await play([
    () => Promise.resolve(ReadableStream.from([bytes.slice(0, 8), bytes.slice(8)])),
  ])
  assert.deepEqual(topics, ['余额'])
})

test('an abort ends an open stream without a further attempt', async () => {
  const controller = new AbortController()
  let isCancelled = false
  const stream = new ReadableStream<Uint8Array>({
    cancel() {
      isCancelled = true
    },
  })
  const phases: string[] = []
  await followEvents(
    {
      open: () => Promise.resolve(stream),
      now: () => 0,
      random: () => 0,
      wait: () => Promise.reject(new Error('nothing to wait for')),
    },
    {
      from: createConnection(0),
      signal: controller.signal,
      onConnection(connection) {
        phases.push(connection.phase)
        controller.abort()
      },
      onEvent: () => undefined,
    },
  )
  assert.deepEqual(phases, ['live'])
  assert.ok(isCancelled)
})
