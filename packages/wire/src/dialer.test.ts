import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import {
  createManualClock,
  systemClock,
  type Clock,
  type ManualClock,
  type SetteeError,
} from '@settee/kit'
import { Dialer } from './dialer.ts'
import { encodeTestFrames, testFrameLength } from './test-protocol.ts'

/** No jitter: each delay is the whole of its backoff. */
const steady = { float: () => 0, u32: () => 0, below: () => 0 }

const cleanups: (() => void)[] = []

interface Peer {
  readonly server: Server
  readonly port: number
  /** Connections that have arrived so far. */
  readonly sockets: Socket[]
  /** Resolves when the n-th connection has arrived. */
  arrival(count: number): Promise<Socket>
}

async function startPeer(): Promise<Peer> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    server.emit('arrival')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    server,
    port,
    sockets,
    async arrival(count) {
      while (sockets.length < count) await once(server, 'arrival')
      return sockets[count - 1]!
    },
  }
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const { server, port } = await startPeer()
  server.close()
  await once(server, 'close')
  return port
}

interface Observed {
  readonly dialer: Dialer
  readonly failureCounts: number[]
  readonly errors: SetteeError[]
  frameCount: number
  /** Resolves when `predicate` holds, looked at after everything that happens to the dialer. */
  readonly until: (predicate: () => boolean) => Promise<void>
}

function observe(port: number, clock: Clock, onFailure: () => void = () => {}): Observed {
  let check = (): void => {}
  const observed: Observed = {
    dialer: new Dialer({
      host: '127.0.0.1',
      port,
      clock,
      random: steady,
      backoff: { minMs: 100, maxMs: 1000 },
      frameLength: testFrameLength,
      open: () => {
        queueMicrotask(() => check())
        return {
          onFrame: () => {
            observed.frameCount++
            queueMicrotask(() => check())
          },
          onClose: () => queueMicrotask(() => check()),
        }
      },
      onFailure: (error, count) => {
        observed.failureCounts.push(count)
        observed.errors.push(error)
        onFailure()
        queueMicrotask(() => check())
      },
    }),
    failureCounts: [],
    errors: [],
    frameCount: 0,
    until: (predicate) =>
      new Promise((resolve) => {
        check = () => {
          if (predicate()) resolve()
        }
        check()
      }),
  }
  cleanups.push(() => observed.dialer.close())
  return observed
}

describe('dialer', () => {
  afterEach(() => {
    for (const cleanup of cleanups.splice(0).toReversed()) cleanup()
  })

  test('the pause between attempts grows up to its limit', async () => {
    const clock: ManualClock = createManualClock()
    const { dialer, failureCounts, errors, until } = observe(await freePort(), clock)
    dialer.start()
    dialer.start()
    for (const [index, pauseMs] of [100, 200, 400, 800, 1000, 1000].entries()) {
      await until(() => failureCounts.length === index + 1)
      clock.advance(pauseMs - 1)
      assert.equal(clock.pendingCount, 1, `the attempt came before its ${pauseMs} ms`)
      clock.advance(1)
      assert.equal(clock.pendingCount, 0)
    }
    assert.deepEqual(failureCounts.slice(0, 3), [1, 2, 3])
    assert.equal(errors[0]!.code, 'SETTEE_WIRE_CONNECT_FAILED')
    assert.match(errors[0]!.message, /^127\.0\.0\.1:\d+: .*ECONNREFUSED/)
  })

  test('retryNow ends the pause and changes nothing while there is none', async () => {
    const clock = createManualClock()
    const peer = await startPeer()
    const { dialer, failureCounts, until } = observe(peer.port, clock)
    dialer.retryNow()
    assert.equal(dialer.connection, undefined)
    dialer.start()
    dialer.retryNow()
    await until(() => dialer.connection !== undefined)
    dialer.retryNow()
    ;(await peer.arrival(1)).destroy()
    await until(() => failureCounts.length === 1)
    dialer.retryNow()
    dialer.retryNow()
    await until(() => dialer.connection !== undefined)
    assert.equal(clock.pendingCount, 0)
    assert.equal(peer.sockets.length, 2)
  })

  test('a peer that accepts and hangs up is not good news; one that talks is', async () => {
    const clock = createManualClock()
    const peer = await startPeer()
    const observed = observe(peer.port, clock)
    const { dialer, failureCounts, until } = observed
    dialer.start()
    for (let count = 1; count <= 3; count++) {
      ;(await peer.arrival(count)).destroy()
      await until(() => failureCounts.length === count)
      dialer.retryNow()
    }
    const talking = await peer.arrival(4)
    talking.write(encodeTestFrames(['hello']))
    await until(() => observed.frameCount === 1)
    talking.destroy()
    await until(() => failureCounts.length === 4)
    assert.deepEqual(failureCounts, [1, 2, 3, 1])
  })

  test('closed while it waits, it never tries again', async () => {
    const clock = createManualClock()
    const { dialer, failureCounts, until } = observe(await freePort(), clock)
    dialer.start()
    await until(() => failureCounts.length === 1)
    dialer.close()
    assert.equal(clock.pendingCount, 0)
    dialer.retryNow()
    dialer.start()
    clock.advance(10_000)
    await new Promise(setImmediate)
    assert.deepEqual(failureCounts, [1])
  })

  test('closed by whom it tells of a failure, it never tries again', async () => {
    const clock = createManualClock()
    const observed = observe(await freePort(), clock, () => observed.dialer.close())
    observed.dialer.start()
    await observed.until(() => observed.failureCounts.length === 1)
    assert.equal(clock.pendingCount, 0)
  })

  test('closed while it connects, it opens nothing', async () => {
    const peer = await startPeer()
    const { dialer, failureCounts } = observe(peer.port, systemClock)
    dialer.start()
    dialer.close()
    // A connection that was under way would arrive before this one.
    const later = observe(peer.port, systemClock)
    later.dialer.start()
    await later.until(() => later.dialer.connection !== undefined)
    assert.equal(dialer.connection, undefined)
    assert.deepEqual(failureCounts, [])
  })

  test('closed before it was started, it stays closed', async () => {
    const clock = createManualClock()
    const peer = await startPeer()
    const { dialer } = observe(peer.port, clock)
    dialer.close()
    dialer.start()
    await new Promise(setImmediate)
    assert.equal(peer.sockets.length, 0)
  })

  test('closing a connection is no failure', async () => {
    const peer = await startPeer()
    const { dialer, failureCounts, until } = observe(peer.port, systemClock)
    dialer.start()
    await until(() => dialer.connection !== undefined)
    dialer.close()
    await until(() => dialer.connection === undefined)
    assert.deepEqual(failureCounts, [])
  })
})
