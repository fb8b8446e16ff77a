/** Providers that the registry finds, and that come and go while calls run. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { createRegistryClient, type RegistryClient } from '@settee/registry'
import { createRegistryServer, type RegistryServer } from '@settee/registry/server'
import { createClient, createServer, createSignal } from '../test/cluster.ts'
import { defineContract, method, type CallOptions, type RpcServer } from './index.ts'

const contract = defineContract('test.Who', { who: method<number, string>() })

async function startRegistry(t: TestContext): Promise<RegistryServer> {
  const registry = createRegistryServer({ port: 0, warmUpMs: 0 })
  await registry.start()
  t.after(() => registry.stop())
  return registry
}

function join(t: TestContext, registry: RegistryServer, application: string): RegistryClient {
  const client = createRegistryClient({ address: registry.address, application })
  t.after(() => client.close())
  return client
}

async function startProvider(
  t: TestContext,
  registry: RegistryServer,
  name: string,
): Promise<RpcServer> {
  const server = createServer(t, { registry: join(t, registry, name), drainLimitMs: 10_000 })
  server.serve(contract, {
    who: async () => {
      await new Promise(setImmediate)
      return name
    },
  })
  await server.start()
  return server
}

describe('with a registry', () => {
  test('a call waits for the first provider that is announced', async (t) => {
    const registry = await startRegistry(t)
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    const client = rpc.client(contract)
    const waiting = client.who(1, { timeoutMs: 10_000 })
    await startProvider(t, registry, 'a')
    assert.equal(await waiting, 'a')
  })

  test('a provider without a usable address costs the others nothing', async (t) => {
    const registry = await startRegistry(t)
    const bad = join(t, registry, 'bad')
    for (const data of ['nonsense', '127.0.0.1:99999?settee=1', '']) {
      await bad.publish('test.Who:1.0@DEFAULT', data).acknowledged
    }
    await startProvider(t, registry, 'good')
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    assert.equal(await rpc.client(contract).who(1, { timeoutMs: 10_000 }), 'good')
  })

  test('a service that nobody provides is named', async (t) => {
    const registry = await startRegistry(t)
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 50 })
    await assert.rejects(rpc.client(contract).who(1), {
      code: 'SETTEE_RPC_NO_PROVIDER',
      message: /test\.Who:1\.0/,
    })
  })

  test('calls reach a service that is added after the start', async (t) => {
    const registry = await startRegistry(t)
    const server = await startProvider(t, registry, 'a')
    const late = defineContract('test.Late', { echo: method<number, number>() })
    server.serve(late, { echo: (request) => request })
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    assert.equal(await rpc.client(late).echo(3, { timeoutMs: 10_000 }), 3)
  })

  test('providers that come and go under load cost no call', async (t) => {
    const registry = await startRegistry(t)
    const first = await startProvider(t, registry, 'a')
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    const client = rpc.client(contract)
    let isOver = false
    const answered = { a: 0, b: 0 }
    const heardOfB = createSignal()
    const lane = async (): Promise<void> => {
      while (!isOver) {
        const name = (await client.who(1)) as 'a' | 'b'
        answered[name]++
        if (name === 'b') heardOfB.send()
      }
    }
    const lanes = Promise.all(Array.from({ length: 16 }, lane))
    await startProvider(t, registry, 'b')
    await heardOfB.came
    await first.stop()
    const before = { ...answered }
    while (answered.b < before.b + 100) await new Promise(setImmediate)
    isOver = true
    await lanes
    assert.ok(before.a > 0 && answered.a === before.a, 'nobody calls a provider that has stopped')
  })

  test('a provider no longer listed finishes its calls and loses its connection', async (t) => {
    const registry = await startRegistry(t)
    const arrived = createSignal()
    const release = createSignal<string>()
    const server = createServer(t)
    server.serve(contract, {
      who: () => {
        arrived.send()
        return release.came
      },
    })
    await server.start()
    const closed = createSignal()
    const [host = '', port] = server.address.split(':')
    const relay = createTcpServer((caller) => {
      caller.pipe(connect(Number(port), host)).pipe(caller)
      caller.on('close', () => closed.send())
    })
    t.after(() => relay.close())
    relay.listen(0, '127.0.0.1')
    await once(relay, 'listening')
    const relayPort = (relay.address() as AddressInfo).port
    const publication = join(t, registry, 'a').publish(
      'test.Who:1.0@DEFAULT',
      `127.0.0.1:${relayPort}?settee=1`,
    )
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    const client = rpc.client(contract)
    const call = client.who(1, { timeoutMs: 10_000 })
    await arrived.came
    await publication.withdraw()
    await assert.rejects(untilRejected(client), { code: 'SETTEE_RPC_NO_PROVIDER' })
    release.send('finished')
    assert.equal(await call, 'finished')
    await closed.came
  })

  /** Calls until the news has come that nobody is listed any more. */
  async function untilRejected(client: {
    who(request: number, options: CallOptions): Promise<string>
  }): Promise<never> {
    for (;;) {
      await client.who(1, { timeoutMs: 20 }).catch((error: unknown) => {
        if (!isSetteeError(error, 'SETTEE_RPC_TIMEOUT')) throw error
      })
    }
  }

  test('calls go on while the registry is away', async (t) => {
    const registry = await startRegistry(t)
    await startProvider(t, registry, 'a')
    const rpc = createClient(t, { registry: join(t, registry, 'consumer'), connectWaitMs: 10_000 })
    const client = rpc.client(contract)
    await client.who(1, { timeoutMs: 10_000 })
    await registry.stop()
    for (let i = 0; i < 20; i++) assert.equal(await client.who(i), 'a')
  })
})
