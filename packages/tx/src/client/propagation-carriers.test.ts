import assert from 'node:assert/strict'
import { test } from 'node:test'
import { currentContext, runWithContext } from '@settee/kit'
import { runWithXid } from './propagation-context.ts'
import {
  createXidInterceptor,
  injectXidIntoMetadata,
  xidOfMetadata,
  type GrpcMetadata,
} from './propagation-grpc.ts'
import { injectXid, joinTransaction, xidOf } from './propagation-http.ts'

const xid = '127.0.0.1:8091:42'

test('HTTP headers get the xid of the surrounding transaction and keep the others', () => {
  const headers = runWithXid(xid, () => injectXid({ accept: 'text/plain' }))
  assert.deepEqual(headers, { accept: 'text/plain', TX_XID: xid })
})

test('HTTP headers stay as they are outside of a transaction', () => {
  const headers = { accept: 'text/plain' }
  assert.equal(injectXid(headers), headers)
})

test('the xid is found in headers of node:http and of fetch', () => {
  assert.equal(xidOf({ tx_xid: xid }), xid)
  assert.equal(xidOf({ tx_xid: [xid, 'other'] }), xid)
  assert.equal(xidOf({}), undefined)
  assert.equal(xidOf(new Headers({ TX_XID: xid })), xid)
  assert.equal(xidOf(new Headers()), undefined)
})

test('a header that is named "get" is no method', () => {
  assert.equal(xidOf({ get: 'x', tx_xid: xid }), xid)
})

test('work runs in the transaction that arrived, to its end and no longer', async () => {
  const seen = await runWithXid(xid, async () => {
    await Promise.resolve()
    return currentContext().xid
  })
  assert.equal(seen, xid)
  assert.equal(currentContext().xid, undefined)
})

test('work that came without an xid runs in no transaction, whatever surrounds the server', () => {
  for (const absent of [undefined, '', 'x'.repeat(10_000)]) {
    const seen = runWithContext({ xid, traceId: 't' }, () => runWithXid(absent, currentContext))
    assert.deepEqual(seen, { traceId: 't' })
  }
})

test('the middleware runs the next handler in the transaction of the request', () => {
  let seen: string | undefined
  joinTransaction({ headers: { tx_xid: xid } }, undefined, () => {
    seen = currentContext().xid
  })
  assert.equal(seen, xid)
})

test('gRPC metadata carries the xid and the branch type under the keys of Seata', () => {
  const metadata = createMetadata()
  injectXidIntoMetadata(metadata)
  assert.deepEqual([...metadata.entries], [])
  runWithXid(xid, () => injectXidIntoMetadata(metadata))
  assert.deepEqual(
    [...metadata.entries],
    [
      ['tx_xid', xid],
      ['tx_branch_type', 'AT'],
    ],
  )
  assert.equal(xidOfMetadata(metadata), xid)
  assert.equal(xidOfMetadata(createMetadata()), undefined)
})

test('the gRPC interceptor adds to the metadata with which a call starts', () => {
  const started: unknown[] = []
  const listener = {}
  class InterceptingCall {
    constructor(
      nextCall: string,
      requester: {
        start(
          metadata: TestMetadata,
          listener: object,
          next: (metadata: TestMetadata, listener: object) => void,
        ): void
      },
    ) {
      const metadata = createMetadata()
      requester.start(metadata, listener, (...passed) => started.push(nextCall, ...passed))
    }
  }
  const intercept = createXidInterceptor({ InterceptingCall })
  runWithXid(xid, () => intercept('options', (options) => `call with ${String(options)}`))
  const [call, metadata, passed] = started as [string, TestMetadata, object]
  assert.equal(call, 'call with options')
  assert.equal(xidOfMetadata(metadata), xid)
  assert.equal(passed, listener)
})

type TestMetadata = GrpcMetadata & { readonly entries: Map<string, string> }

function createMetadata(): TestMetadata {
  const entries = new Map<string, string>()
  return {
    entries,
    get: (key) => (entries.has(key) ? [entries.get(key)!] : []),
    set: (key, value) => void entries.set(key, value),
  }
}
