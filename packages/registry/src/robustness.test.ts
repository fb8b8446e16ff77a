/** The registry under bad company, long absence and large numbers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { BoltCall, BoltPeer, FrameEncoder, frameLength, type RequestTemplate } from '@settee/bolt'
import {
  createManualClock,
  createSeededRandom,
  systemClock,
  systemRandom,
  type Random,
} from '@settee/kit'
import { ByteWriter, Dialer, Listener, TimerWheel } from '@settee/wire'
import { createRegistryClient, type RegistryClient } from './client/registry-client.ts'
import { publisherTemplate, subscriberTemplate } from './protocol/templates.ts'
import { createRegistryServer, type RegistryServer, type RegistryServerOptions } from './server.ts'

const cleanups: (() => Promise<void> | void)[] = []

async function startServer(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const server = createRegistryServer({ port: 0, warmUpMs: 0, ...options })
  await server.start()
  cleanups.push(() => server.stop())
  return server
}

function connectClient(address: string, application = 'test'): RegistryClient {
  const client = createRegistryClient({ application, address })
  cleanups.push(() => client.close())
  return client
}

/** A subscription whose newest list can be waited for. */
interface Watched {
  readonly lists: (readonly string[])[]
  until(predicate: (urls: readonly string[]) => boolean): Promise<void>
}

function watch(client: RegistryClient, dataId: string): Watched {
  const lists: (readonly string[])[] = []
  let check = (): void => {}
  client.subscribe(dataId, (urls) => {
    lists.push(urls)
    check()
  })
  return {
    lists,
    until: (predicate) =>
      new Promise((resolve) => {
        check = () => {
          if (lists.length > 0 && predicate(lists.at(-1)!)) resolve()
        }
        check()
      }),
  }
}

const hasCount =
  (count: number) =>
  (urls: readonly string[]): boolean =>
    urls.length === count

function encodeRequest(template: RequestTemplate, content: unknown): Buffer {
  const writer = new ByteWriter(1024, 2 ** 20)
  const encoder = new FrameEncoder()
  encoder.beginRequest(writer, template, 1, 1000)
  encoder.finish(content)
  return Buffer.from(writer.bytes())
}

const register = { dataId: 'mutated', registId: 'r1', version: 1, appName: 'a', zone: 'z' }
const validFrames = [
  encodeRequest(publisherTemplate, { ...register, dataList: [{ data: '127.0.0.1:1?weight=1' }] }),
  encodeRequest(publisherTemplate, { ...register, eventType: 'UNREGISTER', version: 2 }),
  encodeRequest(subscriberTemplate, { ...register, scope: 'global' }),
  encodeRequest(subscriberTemplate, { ...register, eventType: 'UNREGISTER' }),
]
/** Behind the header of a v1 request: what is changed there leaves the framing as it is. */
const requestHeaderBytes = 22

/** A valid frame with some bytes changed; anywhere, or where the framing survives. */
function mutateFrame(random: Random, isAnywhere: boolean): Buffer {
  const frame = Buffer.from(validFrames[random.below(validFrames.length)]!)
  const start = isAnywhere ? 0 : requestHeaderBytes
  for (let changes = 1 + random.below(6); changes > 0; changes--) {
    frame[start + random.below(frame.length - start)] = random.below(256)
  }
  return frame
}

/** Sends one batch of mutated frames over a connection of its own and waits for its end. */
async function sendMutations(port: number, random: Random, count: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.resume()
  const frames = Array.from({ length: count }, (_, i) => mutateFrame(random, i === count - 1))
  socket.end(Buffer.concat(frames))
  await once(socket, 'close')
}

describe('registry under bad company', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  test('100,000 mutated frames disturb nobody and leave nothing behind', async () => {
    const server = await startServer()
    const provider = connectClient(server.address)
    await provider.publish('shop', '127.0.0.1:1').acknowledged
    const random = createSeededRandom(20_260_102)
    for (let round = 0; round < 100; round++) {
      await Promise.all(Array.from({ length: 10 }, () => sendMutations(server.port, random, 100)))
    }
    while (server.connectionCount > 1) await new Promise(setImmediate)
    assert.deepEqual(
      [...server.data.values()].map(({ dataId }) => dataId),
      ['shop'],
    )
    await watch(connectClient(server.address), 'shop').until(hasCount(1))
  })

  test('a subscriber that does not answer is asked a few times and keeps nobody', async () => {
    const clock = createManualClock()
    const server = await startServer({ clock })
    let pushCount = 0
    const opened = Promise.withResolvers<BoltPeer>()
    const pushed = Promise.withResolvers<void>()
    const wheel = new TimerWheel({ clock: systemClock })
    const silent = new Dialer({
      host: '127.0.0.1',
      port: server.port,
      clock: systemClock,
      random: systemRandom,
      frameLength,
      open: (connection) => {
        const peer = new BoltPeer({
          connection,
          clock: systemClock,
          wheel,
          onRequest: () => {
            pushCount++
            pushed.resolve()
          },
        })
        queueMicrotask(() => opened.resolve(peer))
        return peer
      },
    })
    cleanups.push(() => silent.close())
    silent.start()
    const peer = await opened.promise
    peer.call(new SubscribeCall({ ...register, dataId: 'shop', scope: 'global' }))
    await pushed.promise
    const prompt = watch(connectClient(server.address), 'shop')
    await prompt.until(hasCount(0))
    await connectClient(server.address).publish('shop', '127.0.0.1:1').acknowledged
    await prompt.until(hasCount(1))
    // It is told when it comes, when the list changes and when the warm-up ends: 5 times each.
    for (let i = 0; i < 2000; i++) {
      clock.advance(50)
      if (i % 20 === 0) await new Promise(setImmediate)
    }
    await new Promise(setImmediate)
    assert.ok(pushCount >= 5 && pushCount <= 15, `${pushCount} pushes`)
    const [datum] = server.data.values()
    const knows = [...datum!.subscriptions.values()].map(({ pushedVersion }) => pushedVersion)
    assert.deepEqual(
      knows.toSorted((one, other) => one - other),
      [0, datum!.version],
    )
  })

  test('one client may have 10,000 subscriptions, and no more than the limit', async () => {
    const server = await startServer({ limits: { maxRegistrationsPerConnection: 10_000 } })
    const refused = Promise.withResolvers<Error>()
    const client = createRegistryClient({
      application: 'test',
      address: server.address,
      onRefused: refused.resolve,
    })
    cleanups.push(() => client.close())
    const all = Promise.withResolvers<void>()
    let pushCount = 0
    for (let i = 0; i < 10_000; i++) {
      client.subscribe(`service-${i}`, () => {
        if (++pushCount === 10_000) all.resolve()
      })
    }
    await all.promise
    assert.equal(server.data.size, 10_000)
    client.subscribe('one-more', () => {})
    assert.match((await refused.promise).message, /10000 registrations came over this connection/)
    client.close()
    while (server.data.size > 0) await new Promise(setImmediate)
  })

  test('the same endpoint published twice is listed as often, and leaves as often', async () => {
    const server = await startServer()
    const watched = watch(connectClient(server.address), 'shop')
    const client = connectClient(server.address)
    const [first, second] = [client.publish('shop', 'same'), client.publish('shop', 'same')]
    await watched.until(hasCount(2))
    await first.withdraw()
    await watched.until(hasCount(1))
    await first.withdraw()
    await second.withdraw()
    await watched.until(hasCount(0))
  })

  test('a subscriber that fails does not keep the list from its neighbours', async () => {
    const server = await startServer()
    const warned = once(process, 'warning')
    const client = connectClient(server.address)
    client.subscribe('shop', () => {
      throw new Error('a defect of the application')
    })
    await watch(client, 'shop').until(hasCount(0))
    assert.match(String((await warned)[0]), /onChange of shop failed: a defect/)
  })
})

describe('registry in order', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  test('publications are seen in their order, each list with all before it', async () => {
    const server = await startServer({ pushPauseMs: 0 })
    const watched = watch(connectClient(server.address), 'shop')
    await watched.until(hasCount(0))
    const provider = connectClient(server.address)
    for (let i = 1; i <= 20; i++) {
      await provider.publish('shop', `127.0.0.1:${i}`).acknowledged
      await watched.until((urls) => urls.includes(`127.0.0.1:${i}`))
    }
    for (const [index, urls] of watched.lists.entries()) {
      const expected = Array.from({ length: urls.length }, (_, i) => `127.0.0.1:${i + 1}`)
      assert.deepEqual(urls, expected)
      assert.ok(index === 0 || urls.length >= watched.lists[index - 1]!.length)
    }
  })

  test('the push of a change leaves with its acknowledgement, not after a pause', async () => {
    // The clock of the server stands still: whatever waited for it would never come.
    const server = await startServer({ clock: createManualClock() })
    const watched = watch(connectClient(server.address), 'shop')
    await watched.until(hasCount(0))
    await connectClient(server.address).publish('shop', '127.0.0.1:1').acknowledged
    await watched.until(hasCount(1))
  })

  test('all lists are complete again after a restart and never empty', async () => {
    const first = await startServer()
    const { port, address } = first
    const names = ['order', 'stock', 'account']
    for (const name of names) connectClient(address, name).publish(name, `${name}-endpoint`)
    connectClient(address, 'stock').publish('stock', 'stock-second')
    const clients = Array.from({ length: 5 }, (_, i) => connectClient(address, `caller-${i}`))
    const watched = clients.flatMap((client) => names.map((name) => watch(client, name)))
    const isWhole = (urls: readonly string[]): boolean =>
      urls.length === (urls[0]?.startsWith('stock') === true ? 2 : 1)
    await Promise.all(watched.map((one) => one.until(isWhole)))
    await first.stop()
    const before = watched.map(({ lists }) => lists.length)

    const second = await startServer({ port, warmUpMs: 700 })
    const isBack = (): boolean => {
      const data = [...second.data.values()]
      const count = data.reduce((sum, { publishers }) => sum + publishers.size, 0)
      return count === 4 && data.every(({ subscriptions }) => subscriptions.size === 5)
    }
    while (!isBack()) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all(
      watched.map((one, i) => one.until((urls) => one.lists.length > before[i]! && isWhole(urls))),
    )
    for (const [i, { lists }] of watched.entries()) {
      for (const urls of lists.slice(before[i])) assert.ok(isWhole(urls), urls.join())
    }
  })
})

describe('registry client', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  test('keeps the last list while the server is away', async () => {
    const server = await startServer()
    const provider = connectClient(server.address)
    await provider.publish('shop', '127.0.0.1:1').acknowledged
    const client = connectClient(server.address)
    const watched = watch(client, 'shop')
    await watched.until(hasCount(1))
    await server.stop()
    while (client.isConnected) await new Promise(setImmediate)
    assert.deepEqual(watched.lists.at(-1), ['127.0.0.1:1'])
  })

  test('closing settles what waits for an acknowledgement', async () => {
    // A server that takes everything and answers nothing.
    const arrived = Promise.withResolvers<void>()
    const mute = new Listener({
      name: 'mute',
      port: 0,
      frameLength,
      accept: () => ({ onFrame: () => arrived.resolve(), onClose() {} }),
    })
    await mute.start()
    cleanups.push(() => mute.stop())
    const client = connectClient(mute.address)
    const waiting = client.publish('shop', '127.0.0.1:1')
    const withdrawn = client.publish('shop', '127.0.0.1:2')
    await arrived.promise
    const taken = withdrawn.withdraw()
    client.close()
    await assert.rejects(waiting.acknowledged, { code: 'SETTEE_REGISTRY_CLOSED' })
    await assert.rejects(withdrawn.acknowledged, { code: 'SETTEE_REGISTRY_CLOSED' })
    await taken
  })

  test('a refusal is what the acknowledgement rejects with', async () => {
    const server = await startServer({ limits: { maxPublishedBytes: 4 } })
    const client = createRegistryClient({
      application: 'test',
      address: server.address,
      onRefused: () => {},
    })
    cleanups.push(() => client.close())
    await assert.rejects(client.publish('shop', '12345').acknowledged, {
      code: 'SETTEE_REGISTRY_REFUSED',
      message: /refused shop: .*5 bytes; the limit is 4/,
    })
  })

  test('an address of a wrong form is a typed error', () => {
    for (const address of ['', '127.0.0.1', 'localhost:', ':9600', 'a:70000', 'a:b', '::1:9600']) {
      assert.throws(() => createRegistryClient({ application: 'test', address }), {
        code: 'SETTEE_REGISTRY_BAD_OPTION',
      })
    }
  })

  test('a process that has only a client ends when it is closed', async () => {
    const server = await startServer()
    const script = `
      const { createRegistryClient } = await import('@settee/registry')
      const client = createRegistryClient({ application: 'test', address: '${server.address}' })
      await client.publish('shop', '127.0.0.1:1').acknowledged
      client.subscribe('shop', () => client.close())`
    const child = spawn(process.execPath, [
      ...process.execArgv.filter((argument) => argument.startsWith('--conditions')),
      '--input-type=module',
      '--eval',
      script,
    ])
    let output = ''
    child.stderr.on('data', (text: Buffer) => (output += String(text)))
    const [code] = (await once(child, 'exit')) as [number]
    assert.equal(code, 0, output)
  })
})

class SubscribeCall extends BoltCall {
  readonly template = subscriberTemplate
  readonly timeoutMs = 1000
  readonly content: unknown
  constructor(content: unknown) {
    super()
    this.content = content
  }
  onAnswer(): void {}
  onFailure(): void {}
}
