/** Servers and clients for tests, which end with their test. */
import type { TestContext } from 'node:test'
import {
  createRpcClient,
  createRpcServer,
  type RpcClient,
  type RpcClientOptions,
  type RpcServer,
  type RpcServerOptions,
} from '../src/index.ts'

/** A server that is not started yet; when the test ends, it does not wait for running calls. */
export function createServer(t: TestContext, options: Partial<RpcServerOptions> = {}): RpcServer {
  const server = createRpcServer({ application: 'provider', drainLimitMs: 0, ...options })
  t.after(() => server.stop())
  return server
}

export function createClient(t: TestContext, options: Partial<RpcClientOptions> = {}): RpcClient {
  const client = createRpcClient({ application: 'consumer', ...options })
  t.after(() => client.close())
  return client
}

/** Resolves when an event has come, and hands its value on. */
export interface Signal<Value> {
  readonly came: Promise<Value>
  send(value: Value): void
}

export function createSignal<Value = void>(): Signal<Value> {
  const { promise, resolve } = Promise.withResolvers<Value>()
  return { came: promise, send: resolve }
}

/** A promise that nobody settles. */
export function never(): Promise<never> {
  return new Promise(() => {})
}
