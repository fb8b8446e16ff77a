import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { once } from 'node:events'
import { systemClock, systemRandom, type SetteeError } from '@settee/kit'
import type { Connection, ConnectionHandler, ConnectionLimits } from './connection.ts'
import { Dialer } from './dialer.ts'
import { Listener } from './listener.ts'
import { encodeTestFrame, encodeTestFrames, testFrameLength } from './test-protocol.ts'

type Accept = (connection: Connection) => ConnectionHandler

const listeners: Listener[] = []
after(() => Promise.all(listeners.map((listener) => listener.stop())))

async function startListener(accept: Accept, limits: ConnectionLimits = {}): Promise<Listener> {
  const listener = new Listener({
    name: 'test',
    port: 0,
    frameLength: testFrameLength,
    accept,
    ...limits,
  })
  listeners.push(listener)
  await listener.start()
  return listener
}

const echo: Accept = (connection) => ({
  onFrame(reader) {
    reader.skip(4)
    connection.send(encodeTestFrame, reader.utf8(reader.remaining))
  },
  onClose() {},
})

async function rawSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Reads until `bytes` arrived or the peer closed. */
async function receive(socket: Socket, bytes: number): Promise<string> {
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.length >= bytes) break
  }
  return text
}

describe('connection', () => {
  test('answers pipelined frames in order, in few writes', async () => {
    const listener = await startListener(echo)
    const socket = await rawSocket(listener.port)
    const sent = Array.from({ length: 500 }, (_, i) => `message ${i}`)
    const stream = encodeTestFrames(sent)
    socket.write(stream)
    assert.equal(await receive(socket, stream.length), stream.toString())
    socket.destroy()
  })

  test('a bad frame closes its connection with a typed reason; others go on', async () => {
    const closed = Promise.withResolvers<SetteeError>()
    const listener = await startListener((connection) => ({
      onFrame: (reader) => echo(connection).onFrame(reader),
      onClose: closed.resolve,
    }))
    const bad = await rawSocket(listener.port)
    const good = await rawSocket(listener.port)
    bad.write(Buffer.concat([encodeTestFrames(['last words']), Buffer.alloc(4)]))
    assert.equal((await receive(bad, 1e9)).slice(4), 'last words')
    assert.equal((await closed.promise).code, 'SETTEE_WIRE_BAD_FRAME')
    good.write(encodeTestFrames(['hello']))
    assert.equal((await receive(good, 9)).slice(4), 'hello')
    good.destroy()
  })

  test('what a handler throws closes the connection and not the process', async () => {
    const closed = Promise.withResolvers<SetteeError>()
    const listener = await startListener(() => ({
      onFrame: () => {
        throw new TypeError('a defect')
      },
      onClose: closed.resolve,
    }))
    const socket = await rawSocket(listener.port)
    socket.write(encodeTestFrames(['x']))
    assert.match((await closed.promise).message, /a defect/)
  })

  test('an encoder that throws sends nothing of its message', async () => {
    const listener = await startListener((connection) => ({
      onFrame() {
        connection.send(encodeTestFrame, 'before')
        assert.throws(() =>
          connection.send((writer) => {
            writer.utf8('half a message')
            throw new Error('no')
          }, undefined),
        )
        connection.send(encodeTestFrame, 'after')
      },
      onClose() {},
    }))
    const socket = await rawSocket(listener.port)
    socket.write(encodeTestFrames(['go']))
    const expected = encodeTestFrames(['before', 'after'])
    assert.equal(await receive(socket, expected.length), expected.toString())
    socket.destroy()
  })

  test('a peer that does not read is not read either, and at the limit sending fails', async () => {
    const failed = Promise.withResolvers<unknown>()
    const answer = 'x'.repeat(100_000)
    let frameCount = 0
    const listener = await startListener(
      (connection) => ({
        onFrame() {
          frameCount++
          connection.send(encodeTestFrame, answer)
        },
        onClose: failed.resolve,
      }),
      { pauseAboveBytes: 200_000, maxBacklogBytes: 4_000_000 },
    )
    const socket = await rawSocket(listener.port)
    socket.pause()
    // One chunk with more requests than the backlog holds: pausing alone cannot help here.
    socket.write(encodeTestFrames(Array.from({ length: 1000 }, () => '')))
    assert.equal(((await failed.promise) as SetteeError).code, 'SETTEE_WIRE_OVERLOADED')
    assert.ok(frameCount < 1000, `all ${frameCount} requests were served`)
    socket.destroy()
  })

  test('sending on a closed connection says why it is closed', async () => {
    const opened = Promise.withResolvers<Connection>()
    const closed = Promise.withResolvers<SetteeError>()
    const listener = await startListener((connection) => {
      opened.resolve(connection)
      return { onFrame() {}, onClose: closed.resolve }
    })
    const socket = await rawSocket(listener.port)
    const connection = await opened.promise
    socket.end()
    await closed.promise
    assert.throws(() => connection.send(encodeTestFrame, 'x'), {
      code: 'SETTEE_WIRE_CLOSED',
      message: /closed the connection/,
    })
  })

  test('stopping a listener sends what waits and closes its connections', async () => {
    const opened = Promise.withResolvers<Connection>()
    const listener = await startListener((connection) => {
      opened.resolve(connection)
      return { onFrame() {}, onClose() {} }
    })
    const socket = await rawSocket(listener.port)
    const connection = await opened.promise
    connection.send(encodeTestFrame, 'farewell')
    const received = receive(socket, 1e9)
    await listener.stop()
    assert.equal((await received).slice(4), 'farewell')
    assert.equal(listener.connectionCount, 0)
  })
})

describe('listener', () => {
  test('a port in use is one sentence with the fix', async () => {
    const first = await startListener(echo)
    const second = new Listener({
      name: 'tx',
      port: first.port,
      frameLength: testFrameLength,
      accept: echo,
    })
    await assert.rejects(second.start(), {
      code: 'SETTEE_WIRE_LISTEN_FAILED',
      message: /in use by another program; stop it or choose another port with --tx\.port/,
    })
  })

  test('does not bind beyond loopback unless told to', async () => {
    const options = { name: 'tx', host: '0.0.0.0', port: 0, frameLength: testFrameLength }
    const refused = new Listener({ ...options, accept: echo })
    await assert.rejects(refused.start(), { code: 'SETTEE_WIRE_LISTEN_FAILED' })
    const allowed = new Listener({ ...options, accept: echo, allowRemote: true })
    await allowed.start()
    await allowed.stop()
  })
})

describe('dialer', () => {
  test('connects again after the peer was away, and stops when closed', async () => {
    // A port that was just free: nothing listens on it until the second half of the test.
    const probe = createServer()
    probe.listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const port = (probe.address() as { port: number }).port
    probe.close()
    await once(probe, 'close')

    const failures: number[] = []
    const connected = Promise.withResolvers<Connection>()
    let lost = Promise.withResolvers<SetteeError>()
    const failedTwice = Promise.withResolvers<void>()
    const dialer = new Dialer({
      host: '127.0.0.1',
      port,
      clock: systemClock,
      random: systemRandom,
      backoff: { minMs: 1, maxMs: 5 },
      frameLength: testFrameLength,
      open: (connection) => {
        connected.resolve(connection)
        return { onFrame() {}, onClose: (reason) => lost.resolve(reason) }
      },
      onFailure: (_error, count) => {
        failures.push(count)
        if (count === 2) failedTwice.resolve()
      },
    })
    dialer.start()
    await failedTwice.promise
    const listener = new Listener({
      name: 'test',
      port,
      frameLength: testFrameLength,
      accept: echo,
    })
    await listener.start()
    const connection = await connected.promise
    assert.equal(dialer.connection, connection)
    await listener.stop()
    await lost.promise
    assert.equal(dialer.connection, undefined)
    lost = Promise.withResolvers()
    dialer.close()
    assert.deepEqual(failures.slice(0, 2), [1, 2])
  })
})
