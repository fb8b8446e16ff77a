import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { createRegistryClient, type RegistryClient } from './client/registry-client.ts'
import { createRegistryServer, type RegistryServer } from './server.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function startServer(port = 0, warmUpMs = 0): Promise<RegistryServer> {
  const server = createRegistryServer({ port, warmUpMs })
  await server.start()
  cleanups.push(() => server.stop())
  return server
}

function connectClient(server: RegistryServer, application = 'test'): RegistryClient {
  const client = createRegistryClient({ application, address: server.address })
  cleanups.push(() => client.close())
  return client
}

/** The pushes of a subscription, one after the other. */
function collect(client: RegistryClient, dataId: string): { next: () => Promise<string[]> } {
  const pushes: string[][] = []
  let waiting: ((urls: string[]) => void) | undefined
  client.subscribe(dataId, (urls) => {
    const copy = [...urls]
    if (waiting === undefined) pushes.push(copy)
    else waiting(copy)
    waiting = undefined
  })
  return {
    next: () =>
      new Promise((resolve) => {
        const ready = pushes.shift()
        if (ready !== undefined) resolve(ready)
        else waiting = resolve
      }),
  }
}

async function nextWith(
  pushes: { next: () => Promise<string[]> },
  wanted: readonly string[],
): Promise<void> {
  for (;;) {
    const urls = await pushes.next()
    if (JSON.stringify(urls.toSorted()) === JSON.stringify(wanted.toSorted())) return
  }
}

describe('registry server and client', () => {
  test('a subscriber is pushed the full list at every change', async () => {
    const server = await startServer()
    const pushes = collect(connectClient(server), 'shop@DEFAULT')
    assert.deepEqual(await pushes.next(), [])
    const provider = connectClient(server)
    const publication = provider.publish('shop@DEFAULT', '127.0.0.1:1?app_name=a')
    await publication.acknowledged
    await nextWith(pushes, ['127.0.0.1:1?app_name=a'])
    connectClient(server).publish('shop@DEFAULT', '127.0.0.1:2')
    await nextWith(pushes, ['127.0.0.1:1?app_name=a', '127.0.0.1:2'])
    await publication.withdraw()
    await nextWith(pushes, ['127.0.0.1:2'])
  })

  test('an endpoint leaves when its connection does', async () => {
    const server = await startServer()
    const pushes = collect(connectClient(server), 'shop@DEFAULT')
    const provider = connectClient(server)
    provider.publish('shop@DEFAULT', '127.0.0.1:1')
    await nextWith(pushes, ['127.0.0.1:1'])
    provider.close()
    await nextWith(pushes, [])
  })

  test('clients announce themselves again after the server was away', async () => {
    const first = createRegistryServer({ port: 0, warmUpMs: 0 })
    await first.start()
    const { port } = first
    const subscriber = connectClient(first)
    const pushes = collect(subscriber, 'shop@DEFAULT')
    const provider = connectClient(first)
    provider.publish('shop@DEFAULT', '127.0.0.1:1')
    await nextWith(pushes, ['127.0.0.1:1'])
    await first.stop()
    const second = await startServer(port, 200)
    // The list never becomes empty in between: pushes of a fresh server only add.
    let urls: string[] = []
    while (
      second.data.get('shop@DEFAULT#@#DEFAULT_INSTANCE_ID#@#DEFAULT_GROUP')?.publishers.size !== 1
    ) {
      urls = await Promise.race([
        pushes.next(),
        new Promise<string[]>((resolve) => setImmediate(() => resolve(['127.0.0.1:1']))),
      ])
      assert.deepEqual(urls, ['127.0.0.1:1'])
    }
  })

  test('the end of the warm-up makes a list final: who did not come back is dropped', async () => {
    const first = createRegistryServer({ port: 0, warmUpMs: 0 })
    await first.start()
    const { port } = first
    const pushes = collect(connectClient(first), 'shop@DEFAULT')
    const stays = connectClient(first)
    stays.publish('shop@DEFAULT', '127.0.0.1:1')
    const leaves = connectClient(first)
    leaves.publish('shop@DEFAULT', '127.0.0.1:2')
    await nextWith(pushes, ['127.0.0.1:1', '127.0.0.1:2'])
    await first.stop()
    leaves.close()
    await startServer(port, 300)
    await nextWith(pushes, ['127.0.0.1:1'])
  })

  test('a refused registration is told with its reason and not tried again', async () => {
    const server = createRegistryServer({ port: 0, limits: { maxPublishedBytes: 10 } })
    await server.start()
    cleanups.push(() => server.stop())
    const refused = Promise.withResolvers<Error>()
    const client = createRegistryClient({
      application: 'test',
      address: server.address,
      onRefused: refused.resolve,
    })
    cleanups.push(() => client.close())
    client.publish('shop@DEFAULT', 'x'.repeat(11))
    assert.match((await refused.promise).message, /11 bytes; the limit is 10/)
  })

  test('garbage on the port closes its connection and disturbs nobody', async () => {
    const server = await startServer()
    const pushes = collect(connectClient(server), 'shop@DEFAULT')
    assert.deepEqual(await pushes.next(), [])
    const socket = connect({ port: server.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
    connectClient(server).publish('shop@DEFAULT', '127.0.0.1:1')
    await nextWith(pushes, ['127.0.0.1:1'])
  })

  test('publishing with a closed client is a typed error', async () => {
    const server = await startServer()
    const client = connectClient(server)
    client.close()
    assert.throws(() => client.publish('a', 'b'), { code: 'SETTEE_REGISTRY_CLOSED' })
  })
})
