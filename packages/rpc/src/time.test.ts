/** Deadlines, which shrink from hop to hop, and cancellation. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, test } from 'node:test'
import { currentContext, isSetteeError, runWithContext, sleep } from '@settee/kit'
import { createClient, createServer, createSignal, never } from '../test/cluster.ts'
import { defineContract, method, type CallInfo } from './index.ts'

const contract = defineContract('test.Slow', {
  wait: method<unknown, unknown>(),
  quick: method<unknown, unknown>({ timeoutMs: 40 }),
})

const ignored = { wait: () => 0, quick: () => 0 }

function leftMs(): number {
  return (currentContext().deadlineMs ?? Infinity) - performance.now()
}

describe('deadlines', () => {
  test('a call without an answer fails at its timeout, a later answer is ignored', async (t) => {
    const server = createServer(t)
    const release = createSignal<string>()
    server.serve(contract, { ...ignored, quick: () => release.came })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    const startMs = performance.now()
    await assert.rejects(client.quick(1), { code: 'SETTEE_RPC_TIMEOUT' })
    assert.ok(performance.now() - startMs >= 40, 'never early')
    release.send('late')
    assert.equal(await client.wait(1), 0, 'the connection goes on')
  })

  test('the handler sees the time that is left, and its own calls get no more', async (t) => {
    const last = createServer(t)
    last.serve(contract, { ...ignored, wait: leftMs })
    await last.start()
    const middle = createServer(t)
    const onward = createClient(t).client(contract, { addresses: [last.address] })
    middle.serve(contract, {
      ...ignored,
      wait: async () => {
        const first = leftMs()
        await sleep(50)
        return [first, await onward.wait(1, { timeoutMs: 60_000 })]
      },
    })
    await middle.start()
    const client = createClient(t).client(contract, { addresses: [middle.address] })
    const [first, second] = (await client.wait(1, { timeoutMs: 5000 })) as [number, number]
    assert.ok(first <= 5000 && first > 3000, `${first} ms at the first hop`)
    assert.ok(second <= first - 49, `${second} ms at the second hop, ${first} at the first`)
  })

  test('the deadline aborts the signal of every hop, with the reason', async (t) => {
    const reasons: unknown[] = []
    const aborted = createSignal()
    const waitForAbort = (_request: unknown, { signal }: CallInfo): Promise<never> => {
      signal.addEventListener('abort', () => {
        if (reasons.push(signal.reason) === 2) aborted.send()
      })
      return never()
    }
    const last = createServer(t)
    last.serve(contract, { ...ignored, wait: waitForAbort })
    await last.start()
    const middle = createServer(t)
    const onward = createClient(t).client(contract, { addresses: [last.address] })
    middle.serve(contract, {
      ...ignored,
      wait: (request, call) => {
        onward.wait(1).catch(() => {})
        return waitForAbort(request, call)
      },
    })
    await middle.start()
    const client = createClient(t).client(contract, { addresses: [middle.address] })
    await assert.rejects(client.wait(1, { timeoutMs: 100 }), { code: 'SETTEE_RPC_TIMEOUT' })
    await aborted.came
    for (const reason of reasons) assert.ok(isSetteeError(reason, 'SETTEE_RPC_TIMEOUT'))
  })

  test('nothing is sent when no time is left', async (t) => {
    let calls = 0
    const server = createServer(t)
    server.serve(contract, { ...ignored, wait: () => calls++ })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    await client.wait(1)
    const late = { deadlineMs: performance.now() - 1 }
    const nothingSent = { code: 'SETTEE_RPC_TIMEOUT', message: /nothing was sent/ }
    await assert.rejects(
      runWithContext(late, () => client.wait(1)),
      nothingSent,
    )
    await assert.rejects(client.wait(1, { timeoutMs: 0 }), nothingSent)
    await client.wait(1)
    assert.equal(calls, 2)
  })
})

describe('cancellation', () => {
  test('ends the call at once and reaches the signal of its handler', async (t) => {
    const server = createServer(t)
    const arrived = createSignal()
    const aborted = createSignal<unknown>()
    server.serve(contract, {
      ...ignored,
      wait: (_request, { signal }) => {
        signal.addEventListener('abort', () => aborted.send(signal.reason))
        arrived.send()
        return never()
      },
    })
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    const cancellation = new AbortController()
    const call = client.wait(1, { signal: cancellation.signal })
    await arrived.came
    cancellation.abort()
    await assert.rejects(call, {
      code: 'SETTEE_RPC_CANCELLED',
      message: /may have been carried out/,
    })
    assert.ok(isSetteeError(await aborted.came, 'SETTEE_RPC_CANCELLED'))
  })

  test('before the call or while no provider is there, nothing is sent', async (t) => {
    let calls = 0
    const server = createServer(t)
    server.serve(contract, { ...ignored, wait: () => calls++ })
    await server.start()
    const rpc = createClient(t, { connectWaitMs: 60_000 })
    const client = rpc.client(contract, { addresses: [server.address] })
    const nothingSent = { code: 'SETTEE_RPC_CANCELLED', message: /nothing was sent/ }
    await assert.rejects(client.wait(1, { signal: AbortSignal.abort() }), nothingSent)
    const nobody = rpc.client(contract, { addresses: ['127.0.0.1:1'] })
    const cancellation = new AbortController()
    const waiting = nobody.wait(1, { timeoutMs: 60_000, signal: cancellation.signal })
    cancellation.abort()
    await assert.rejects(waiting, nothingSent)
    await client.wait(1)
    assert.equal(calls, 1)
  })

  test('the caller that disappears aborts the signals of its calls', async (t) => {
    const server = createServer(t)
    const arrived = createSignal()
    const aborted = createSignal<unknown>()
    server.serve(contract, {
      ...ignored,
      wait: (_request, { signal }) => {
        signal.addEventListener('abort', () => aborted.send(signal.reason))
        arrived.send()
        return never()
      },
    })
    await server.start()
    const rpc = createClient(t)
    const call = rpc.client(contract, { addresses: [server.address] }).wait(1)
    await arrived.came
    rpc.close()
    await assert.rejects(call)
    assert.ok(isSetteeError(await aborted.came, 'SETTEE_RPC_CONNECTION_LOST'))
  })

  test('a signal that serves many calls keeps no trace of them', async (t) => {
    const server = createServer(t)
    server.serve(contract, ignored)
    await server.start()
    const client = createClient(t).client(contract, { addresses: [server.address] })
    const { signal } = new AbortController()
    await Promise.all(Array.from({ length: 20 }, () => client.wait(1, { signal })))
    await new Promise(setImmediate)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})
