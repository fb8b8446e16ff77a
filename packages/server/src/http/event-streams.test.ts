import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { createManualClock, type ManualClock } from '@settee/kit'
import type { EventStreamOptions } from './event-streams.ts'
import { createHttpServer, type HttpServer } from './http-server.ts'
import { ask, follow } from './test-client.ts'
import { createTestView, type TestView } from './test-view.ts'

const lookMs = 250

let clock: ManualClock
let view: TestView
let server: HttpServer
let isStopped = false

async function start(streams: Omit<EventStreamOptions, 'clock'> = {}): Promise<string> {
  clock = createManualClock()
  view = createTestView()
  isStopped = false
  server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    allowRemote: false,
    token: '',
    view,
    site: Promise.resolve(undefined),
    clock,
    streams,
  })
  await server.start()
  return server.url
}

/** Stops, and lets the time for the last answers pass. */
async function stop(): Promise<void> {
  isStopped = true
  const stopped = server.stop()
  clock.advance(1000)
  await stopped
}

describe('event streams', () => {
  afterEach(async () => {
    if (!isStopped) await stop()
  })

  test('send each topic at the start and again only when it has changed', async () => {
    const url = await start()
    const stream = await follow(url, 'overview,services')
    assert.equal(stream.headers['content-type'], 'text/event-stream; charset=utf-8')
    await stream.until('services')
    clock.advance(10 * lookMs)
    view.servicesVersion = 7
    clock.advance(lookMs)
    await stream.until<{ version: number }[]>('services', ([service]) => service!.version === 7)
    assert.equal(stream.count('overview'), 1)
    assert.equal(stream.count('services'), 2)
  })

  test('changes between two looks are one event: at most four a second', async () => {
    const url = await start()
    const stream = await follow(url, 'services')
    for (let i = 1; i <= 100; i++) {
      view.servicesVersion = i
      clock.advance(10)
    }
    await stream.until<{ version: number }[]>('services', ([service]) => service!.version === 100)
    assert.equal(stream.count('services'), 1 + 4)
  })

  test('many streams of a topic cost one reading of it', async () => {
    const url = await start()
    const streams = await Promise.all(Array.from({ length: 100 }, () => follow(url, 'services')))
    view.readCount = 0
    view.servicesVersion = 1
    clock.advance(lookMs)
    await Promise.all(
      streams.map((stream) =>
        stream.until<{ version: number }[]>('services', ([service]) => service!.version === 1),
      ),
    )
    assert.equal(view.readCount, 1)
  })

  test('one more than the limit is 503, and a place is free when one leaves', async () => {
    const url = await start({ maxStreams: 2 })
    const first = await follow(url, 'overview')
    await follow(url, 'overview')
    const answer = await ask(url, '/api/v1/events?topics=overview')
    assert.equal(answer.status, 503)
    assert.match(answer.text, /SETTEE_HTTP_TOO_MANY_STREAMS.*2 event streams are open/)
    first.close()
    while ((await ask(url, '/api/v1/events?topics=none')).status !== 400);
    while (server.connectionCount > 1) await new Promise(setImmediate)
    assert.equal((await follow(url, 'overview')).status, 200)
  })

  test('a quiet stream gives a sign of life', async () => {
    const url = await start({ looksPerComment: 3 })
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' })
    socket.write('GET /api/v1/events?topics=overview HTTP/1.1\r\nhost: localhost\r\n\r\n')
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    while (!text.includes('event: overview')) await once(socket, 'data')
    clock.advance(3 * lookMs)
    while (!text.includes(': still here')) await once(socket, 'data')
    socket.destroy()
  })

  test('a reader that does not keep up is sent less, and is let go in the end', async () => {
    const url = await start({ maxStalledLooks: 5 })
    view.sizeChars = 4_000_000
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write('GET /api/v1/events?topics=services HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(socket, 'readable')
    for (let i = 1; i <= 20 && server.connectionCount > 0; i++) {
      view.servicesVersion = i
      clock.advance(lookMs)
      await new Promise(setImmediate)
    }
    assert.ok(view.readCount <= 4, `${view.readCount} answers were made for nobody`)
    while (server.connectionCount > 0) await new Promise(setImmediate)
    socket.destroy()
  })

  test('nobody is looked for while there is no stream', async () => {
    const url = await start()
    const stream = await follow(url, 'overview')
    assert.equal(clock.pendingCount, 1)
    stream.close()
    while (server.connectionCount > 0) await new Promise(setImmediate)
    clock.advance(lookMs)
    assert.equal(clock.pendingCount, 0)
  })

  test('end in order when the server stops', async () => {
    const url = await start()
    const streams = await Promise.all([follow(url, 'overview'), follow(url, 'services')])
    // The clock stands still: nobody is cut off at the end of the time for last answers.
    isStopped = true
    await server.stop()
    for (const stream of streams) assert.equal(await stream.ended, true)
    assert.equal(clock.pendingCount, 0)
  })
})
