/** Several providers: who gets a call, and what happens when one is lost. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { createSeededRandom, SetteeError } from '@settee/kit'
import { createClient, createServer, createSignal } from '../test/cluster.ts'
import { createRpcServer, defineContract, method, type RpcServer } from './index.ts'

const contract = defineContract('test.Who', {
  read: method<number, string>({ isIdempotent: true }),
  write: method<number, string>(),
})

/** A provider that answers with its name and counts its calls. */
async function startNamed(
  t: TestContext,
  name: string,
): Promise<{ server: RpcServer; calls: () => number }> {
  const server = createServer(t)
  let calls = 0
  const answer = (): string => {
    calls++
    return name
  }
  server.serve(contract, { read: answer, write: answer })
  await server.start()
  return { server, calls: () => calls }
}

/** A provider that takes requests and dies at the first one, as a process does that is killed. */
async function startMortal(
  t: TestContext,
): Promise<{ address: string; connections: () => number }> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    connections++
    sockets.add(socket)
    socket.once('data', () => {
      server.close()
      socket.resetAndDestroy()
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
  }
}

describe('balancing', () => {
  test('round robin gives each provider the same share', async (t) => {
    const providers = await Promise.all(['a', 'b', 'c'].map((name) => startNamed(t, name)))
    const addresses = providers.map(({ server }) => server.address)
    const rpc = createClient(t, { balancing: 'roundRobin' })
    const client = rpc.client(contract, { addresses })
    await untilAllConnected(client, 3)
    const before = providers.map(({ calls }) => calls())
    for (let i = 0; i < 30; i++) await client.write(i)
    assert.deepEqual(
      providers.map(({ calls }, i) => calls() - before[i]!),
      [10, 10, 10],
    )
  })

  test('random reaches all, none much more than another', async (t) => {
    const providers = await Promise.all(['a', 'b', 'c'].map((name) => startNamed(t, name)))
    const addresses = providers.map(({ server }) => server.address)
    const rpc = createClient(t, { random: createSeededRandom(7) })
    const client = rpc.client(contract, { addresses })
    await untilAllConnected(client, 3)
    const before = providers.map(({ calls }) => calls())
    for (let i = 0; i < 300; i++) await client.write(i)
    const shares = providers.map(({ calls }, i) => calls() - before[i]!)
    assert.ok(Math.min(...shares) > 70, `shares ${shares.join(', ')}`)
  })

  async function untilAllConnected(
    client: { write(request: number): Promise<string> },
    count: number,
  ): Promise<void> {
    for (const seen = new Set<string>(); seen.size < count;) seen.add(await client.write(0))
  }
})

describe('connections', () => {
  test('one is shared by all services at the same address', async (t) => {
    const other = defineContract('test.Other', { who: method<number, string>() })
    const server = createServer(t)
    server.serve(contract, { read: String, write: (_request, call) => call.remoteAddress })
    server.serve(other, { who: (_request, call) => call.remoteAddress })
    await server.start()
    const rpc = createClient(t)
    const addresses = [server.address]
    const first = await rpc.client(contract, { addresses }).write(1)
    assert.equal(await rpc.client(other, { addresses }).who(7), first)
    assert.equal(await rpc.client(contract, { addresses: [...addresses] }).write(2), first)
  })

  test('the first calls wait for it', async (t) => {
    const { server } = await startNamed(t, 'a')
    const client = createClient(t).client(contract, { addresses: [server.address] })
    assert.deepEqual(await Promise.all([client.write(1), client.read(2)]), ['a', 'a'])
  })

  test('a call waits for a provider that is just starting', async (t) => {
    const { server } = await startNamed(t, 'first life')
    const { address } = server
    await server.stop()
    const rpc = createClient(t, { connectWaitMs: 10_000 })
    const waiting = rpc.client(contract, { addresses: [address] }).write(1, { timeoutMs: 10_000 })
    const again = createServer(t, { port: Number(address.split(':')[1]) })
    again.serve(contract, { read: () => 'second life', write: () => 'second life' })
    await again.start()
    assert.equal(await waiting, 'second life')
  })

  test('an address that is none is refused at once', (t) => {
    const rpc = createClient(t)
    for (const address of ['nonsense', '127.0.0.1:99999', '127.0.0.1:']) {
      assert.throws(() => rpc.client(contract, { addresses: [address] }), {
        code: 'SETTEE_RPC_BAD_CONTRACT',
        message: /the form is host:port/,
      })
    }
  })

  test('without a reachable provider the error names the addresses and the cause', async (t) => {
    const { server } = await startNamed(t, 'a')
    const { address } = server
    await server.stop()
    const rpc = createClient(t, { connectWaitMs: 100, maxAttempts: 1 })
    await assert.rejects(rpc.client(contract, { addresses: [address] }).write(1), {
      code: 'SETTEE_RPC_UNREACHABLE',
      message: new RegExp(`${address}.*ECONNREFUSED`),
      retryable: true,
    })
    await assert.rejects(rpc.client(contract, { addresses: [] }).write(1), {
      code: 'SETTEE_RPC_NO_PROVIDER',
      message: /test\.Who:1\.0/,
    })
  })
})

describe('a provider that dies during a call', () => {
  test('costs a call that must not be repeated', async (t) => {
    const mortal = await startMortal(t)
    const client = createClient(t).client(contract, { addresses: [mortal.address] })
    await assert.rejects(client.write(1), { code: 'SETTEE_RPC_CONNECTION_LOST', retryable: false })
  })

  test('costs an idempotent call nothing when there is another provider', async (t) => {
    const mortal = await startMortal(t)
    const { server, calls } = await startNamed(t, 'alive')
    const rpc = createClient(t, { balancing: 'roundRobin' })
    const client = rpc.client(contract, { addresses: [mortal.address, server.address] })
    for (let i = 0; mortal.connections() === 0 || i < 4; i++) {
      assert.equal(await client.read(i), 'alive')
    }
    assert.ok(calls() >= 4)
  })

  test('an idempotent call is sent as often as allowed, and not beyond the deadline', async (t) => {
    let calls = 0
    const server = createServer(t)
    const busy = (): never => {
      calls++
      throw new SetteeError('SHOP_BUSY', true, 'come again')
    }
    server.serve(contract, { read: busy, write: busy })
    await server.start()
    const addresses = [server.address]
    const client = createClient(t, { maxAttempts: 4 }).client(contract, { addresses })
    await assert.rejects(client.read(1), { code: 'SHOP_BUSY' })
    assert.equal(calls, 4)
    await assert.rejects(client.write(1), { code: 'SHOP_BUSY' })
    assert.equal(calls, 5, 'a call that must not be repeated is sent once')

    calls = 0
    const backoff = { minMs: 200, maxMs: 200, jitter: 0 }
    const patient = createClient(t, { maxAttempts: 100, backoff }).client(contract, { addresses })
    const startMs = performance.now()
    await assert.rejects(patient.read(1, { timeoutMs: 300 }), { code: 'SHOP_BUSY' })
    assert.ok(performance.now() - startMs < 300, 'the pause would end after the deadline')
    assert.ok(calls <= 2)
  })
})

describe('the life of a server', () => {
  test('starting twice and stopping twice is harmless, and it can start again', async (t) => {
    const server = createServer(t)
    server.serve(contract, { read: () => 'here', write: () => 'here' })
    await Promise.all([server.start(), server.start()])
    await server.start()
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    assert.equal(await client.write(1), 'here')
  })

  test('a port in use is one sentence, and the server may start elsewhere later', async (t) => {
    const { server } = await startNamed(t, 'a')
    const port = Number(server.address.split(':')[1])
    const second = createServer(t, { port })
    await assert.rejects(second.start(), { code: 'SETTEE_WIRE_LISTEN_FAILED' })
    await second.stop()
    await server.stop()
    await second.start()
  })

  test('stopping waits for running calls, and their answers arrive', async (t) => {
    const arrived = createSignal()
    const release = createSignal<string>()
    const server = createServer(t, { drainLimitMs: 60_000 })
    server.serve(contract, {
      read: () => 'unused',
      write: () => {
        arrived.send()
        return release.came
      },
    })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    const call = client.write(1)
    await arrived.came
    const stopped = server.stop()
    release.send('finished')
    assert.equal(await call, 'finished')
    await stopped
  })

  test('stopping does not wait for ever for a handler that never answers', async (t) => {
    const arrived = createSignal()
    const server = createServer(t, { drainLimitMs: 30 })
    server.serve(contract, {
      read: () => 'unused',
      write: () => {
        arrived.send()
        return new Promise(() => {})
      },
    })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    const call = client.write(1)
    await arrived.came
    await Promise.all([server.stop(), assert.rejects(call, { code: 'SETTEE_RPC_CONNECTION_LOST' })])
    await assert.rejects(once(connect(hostAndPort(server)), 'connect'), { code: 'ECONNREFUSED' })
  })

  function hostAndPort(server: RpcServer): { host: string; port: number } {
    const [host = '', port] = server.address.split(':')
    return { host, port: Number(port) }
  }

  test('it does not listen for other machines unless told to', async () => {
    const server = createRpcServer({ application: 'open', host: '0.0.0.0' })
    await assert.rejects(server.start(), { code: 'SETTEE_WIRE_LISTEN_FAILED' })
  })
})
