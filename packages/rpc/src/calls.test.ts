/** One client and one server: what travels, and what happens when it cannot. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { currentContext, isSetteeError, runWithContext, SetteeError } from '@settee/kit'
import { createClient, createServer, createSignal } from '../test/cluster.ts'
import { defineContract, method, oneway, type StandardSchema } from './index.ts'

const echo = defineContract('test.Echo', { echo: method<unknown, unknown>() })

describe('results', () => {
  const values: readonly unknown[] = [
    { text: 'plain' },
    'Grüße 世界 🌍',
    [1, 2.5, -0.25, null, true],
    { ['__proto__']: 1, nested: [{ deep: { deeper: [] } }] },
    '',
    null,
    'x'.repeat(300_000),
  ]
  for (const value of values) {
    test(`${JSON.stringify(value).slice(0, 40)} comes back as it went`, async (t) => {
      const server = createServer(t)
      server.serve(echo, { echo: (request) => request })
      await server.start()
      const client = createClient(t).client(echo, { addresses: [server.address] })
      assert.deepEqual(await client.echo(value), value)
    })
  }

  test('a thousand calls at once get their own answers, in whatever order', async (t) => {
    const server = createServer(t)
    server.serve(echo, {
      echo: async (request) => {
        if (Number(request) % 3 === 0) await new Promise(setImmediate)
        return request
      },
    })
    await server.start()
    const client = createClient(t).client(echo, { addresses: [server.address] })
    const numbers = Array.from({ length: 1000 }, (_, i) => i)
    assert.deepEqual(await Promise.all(numbers.map((i) => client.echo(i))), numbers)
  })

  test('a oneway call resolves without an answer, and its handler runs', async (t) => {
    const contract = defineContract('test.Log', { log: oneway<string>() })
    const logged = createSignal<string>()
    const server = createServer(t)
    server.serve(contract, {
      log: (text) => {
        assert.deepEqual(currentContext(), {}, 'nobody waits, so there is no deadline')
        logged.send(text)
        throw new Error('nobody hears this')
      },
    })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    assert.equal(await client.log('a line'), undefined)
    assert.equal(await logged.came, 'a line')
  })
})

describe('errors', () => {
  async function failWith(
    t: Parameters<typeof createServer>[0],
    thrown: unknown,
  ): Promise<unknown> {
    const server = createServer(t)
    server.serve(echo, {
      echo: () => {
        throw thrown
      },
    })
    await server.start()
    const client = createClient(t).client(echo, { addresses: [server.address] })
    return await client.echo(1).catch((error: unknown) => error)
  }

  test('a typed error arrives with code, retryable and details', async (t) => {
    const details = { balance: 3, ['__proto__']: 'data', list: ['ü'] }
    const error = await failWith(t, new SetteeError('SHOP_POOR', true, 'only 3 left', { details }))
    assert.ok(isSetteeError(error, 'SHOP_POOR'))
    assert.equal(error.retryable, true)
    assert.equal(error.message, 'only 3 left')
    assert.deepEqual({ ...error.details }, details)
  })

  test('another error arrives with its message alone', async (t) => {
    const secret = new TypeError('x is not a function')
    const error = await failWith(t, secret)
    assert.ok(isSetteeError(error, 'SETTEE_RPC_HANDLER_FAILED'))
    assert.equal(error.message, 'x is not a function')
    assert.doesNotMatch(JSON.stringify(error.details) + String(error.stack), /failWith|calls\.test/)
  })

  test('what is thrown may be anything', async (t) => {
    const error = await failWith(t, 'just text')
    assert.ok(isSetteeError(error, 'SETTEE_RPC_HANDLER_FAILED'))
    assert.equal(error.message, 'just text')
  })

  const stubborn: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'are no JSON': { big: 1n },
    'are too long for a header': { text: 'x'.repeat(100_000) },
  }
  for (const [what, details] of Object.entries(stubborn)) {
    test(`an error whose details ${what} arrives without them`, async (t) => {
      const error = await failWith(t, new SetteeError('SHOP_POOR', false, 'poor', { details }))
      assert.ok(isSetteeError(error, 'SHOP_POOR'))
      assert.deepEqual(error.details, {})
    })
  }

  test('a message without end is cut', async (t) => {
    const error = await failWith(t, new Error('m'.repeat(20_000_000)))
    assert.ok(isSetteeError(error, 'SETTEE_RPC_HANDLER_FAILED'))
    assert.equal(error.message.length, 8192)
  })

  test('an unknown method and an unknown service are named', async (t) => {
    const server = createServer(t)
    server.serve(echo, { echo: (request) => request })
    await server.start()
    const rpc = createClient(t)
    const addresses = [server.address]
    const more = defineContract('test.Echo', { shout: method<string, string>() })
    await assert.rejects(rpc.client(more, { addresses }).shout('a'), {
      code: 'SETTEE_RPC_UNKNOWN_METHOD',
      message: /test\.Echo:1\.0\.shout/,
    })
    const other = defineContract('test.Other', { echo: method<string, string>() })
    await assert.rejects(rpc.client(other, { addresses }).echo('a'), {
      code: 'SETTEE_RPC_UNKNOWN_METHOD',
      message: /test\.Other:1\.0\.echo/,
    })
    // Names that every object has are no services or methods either.
    const odd = defineContract('constructor', { toString: method<string, string>() })
    await assert.rejects(rpc.client(odd, { addresses }).toString('a'), {
      code: 'SETTEE_RPC_UNKNOWN_METHOD',
    })
  })

  test('a result that cannot be encoded, or is too large, fails its own call', async (t) => {
    const contract = defineContract('test.Odd', { make: method<string, unknown>() })
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const results: Readonly<Record<string, unknown>> = {
      cycle,
      bigint: 1n,
      large: 'x'.repeat(9 * 2 ** 20),
      good: 1,
    }
    const server = createServer(t)
    server.serve(contract, { make: (name) => results[name] })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    for (const name of ['cycle', 'bigint', 'large']) {
      await assert.rejects(client.make(name), { code: 'SETTEE_RPC_BAD_RESULT' }, name)
    }
    assert.equal(await client.make('good'), 1)
  })

  test('a request that cannot be encoded, or is too large, is not sent', async (t) => {
    const server = createServer(t)
    server.serve(echo, { echo: (request) => request })
    await server.start()
    const client = createClient(t).client(echo, { addresses: [server.address] })
    for (const request of [1n, 'x'.repeat(9 * 2 ** 20)]) {
      await assert.rejects(client.echo(request), { code: 'SETTEE_RPC_BAD_ARGUMENT' })
    }
    const context = { baggage: { heavy: 'x'.repeat(40_000) } }
    await assert.rejects(
      runWithContext(context, () => client.echo(1)),
      { code: 'SETTEE_RPC_BAD_ARGUMENT', message: /heavy/ },
    )
    assert.equal(await client.echo('still there'), 'still there')
  })

  test('a request larger than the server takes costs the connection, not the server', async (t) => {
    const server = createServer(t, { maxFrameBytes: 10_000 })
    server.serve(echo, { echo: (request) => request })
    await server.start()
    const client = createClient(t).client(echo, { addresses: [server.address] })
    await assert.rejects(client.echo('x'.repeat(20_000)), { code: 'SETTEE_RPC_CONNECTION_LOST' })
    assert.equal(await client.echo('small'), 'small')
  })

  test('beyond the limit of calls at once the provider is overloaded', async (t) => {
    const server = createServer(t, { maxConcurrentCalls: 2 })
    const release = createSignal()
    server.serve(echo, { echo: () => release.came })
    await server.start()
    const client = createClient(t).client(echo, { addresses: [server.address] })
    const held = [client.echo(1), client.echo(2)]
    await assert.rejects(client.echo(3), { code: 'SETTEE_RPC_OVERLOADED', retryable: true })
    release.send()
    await Promise.all(held)
    assert.equal(await client.echo(4), undefined)
  })
})

describe('schemas', () => {
  /** A whole number of at least `min`, by hand; text of digits becomes a number. */
  function atLeast(min: number): StandardSchema<number> {
    return {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          const number = Number(value)
          if (Number.isInteger(number) && number >= min) return { value: number }
          return { issues: [{ message: `at least ${min}`, path: ['amount', { key: 0 }] }] }
        },
      },
    }
  }
  const contract = defineContract('test.Checked', {
    double: method<number, number>({ request: atLeast(1), response: atLeast(10) }),
  })

  test('check the request at the server and the result at the client', async (t) => {
    const seen: unknown[] = []
    const server = createServer(t)
    server.serve(contract, {
      double: (request) => {
        seen.push(request)
        return request * 2
      },
    })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    assert.equal(await client.double('8' as unknown as number), 16)
    await assert.rejects(client.double(0), {
      code: 'SETTEE_RPC_BAD_ARGUMENT',
      message: 'test.Checked:1.0.double: amount.0: at least 1',
    })
    await assert.rejects(client.double(2), { code: 'SETTEE_RPC_BAD_RESULT' })
    assert.deepEqual(seen, [8, 2], 'the handler sees valid requests alone, in their valid form')
  })
})

describe('context', () => {
  test('xid, trace and baggage travel to the handler and on from there', async (t) => {
    const inner = createServer(t)
    inner.serve(echo, { echo: () => currentContext() })
    await inner.start()
    const outer = createServer(t)
    const onward = createClient(t).client(echo, { addresses: [inner.address] })
    outer.serve(echo, {
      echo: async (request) => {
        await new Promise(setImmediate)
        return await onward.echo(request)
      },
    })
    await outer.start()
    const client = createClient(t).client(echo, { addresses: [outer.address] })
    const baggage = { user: 'Ada Ü', ['__proto__']: 'data', empty: '' }
    const context = { xid: '127.0.0.1:8091:42', traceId: 'abc', baggage }
    const seen = (await runWithContext(context, () => client.echo(1))) as typeof context
    assert.equal(seen.xid, context.xid)
    assert.equal(seen.traceId, context.traceId)
    assert.deepEqual(seen.baggage, baggage)
    assert.equal(Object.hasOwn(seen.baggage, '__proto__'), true)
    const bare = (await client.echo(1)) as Partial<typeof context>
    assert.deepEqual(Object.keys(bare), ['deadlineMs'], 'nothing stays from the call before')
  })
})

describe('the end of a client', () => {
  test('waiting calls fail at once, even if the provider hangs, as do later ones', async (t) => {
    const arrived = createSignal()
    // It takes requests, and answers neither them nor the end of the connection.
    const hanging = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.once('data', () => arrived.send())
      t.after(() => socket.destroy())
    })
    t.after(() => hanging.close())
    hanging.listen(0, '127.0.0.1')
    await once(hanging, 'listening')
    const { port } = hanging.address() as AddressInfo
    const rpc = createClient(t)
    const client = rpc.client(echo, { addresses: [`127.0.0.1:${port}`] })
    const waiting = client.echo(1, { timeoutMs: 60_000 }).catch((error: unknown) => error)
    await arrived.came
    rpc.close()
    const later = new Promise((resolve) => setImmediate(resolve, 'it still waits'))
    const outcome = await Promise.race([waiting, later])
    assert.ok(isSetteeError(outcome, 'SETTEE_RPC_CONNECTION_LOST'), String(outcome))
    await assert.rejects(client.echo(2), { code: 'SETTEE_RPC_CLOSED' })
  })

  test('callers that wait for a provider fail at once too', async (t) => {
    const rpc = createClient(t, { connectWaitMs: 60_000 })
    const waiting = rpc.client(echo, { addresses: ['127.0.0.1:1'] }).echo(1)
    rpc.close()
    await assert.rejects(waiting, { code: 'SETTEE_RPC_CLOSED' })
  })
})
