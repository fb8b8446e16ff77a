/**
 * The calling side: typed clients from contracts.
 *
 *     const rpc = createRpcClient({ application: 'order', registry })
 *     const account = rpc.client(accountContract)
 *     await account.debit({ user: 'ada', amount: 5 }, { timeoutMs: 500 })
 *
 * A call's deadline is the earlier of its own timeout and the deadline of the request in which it
 * is made, so time shrinks hop by hop. A call is sent again only if its method is declared
 * idempotent.
 */
import {
  systemClock,
  systemRandom,
  type BackoffOptions,
  type Clock,
  type Random,
  type SetteeError,
} from '@settee/kit'
import type { RegistryClient, Subscription } from '@settee/registry'
import { TimerWheel } from '@settee/wire'
import type { AnyMethod, Contract, Method } from '../contract.ts'
import { rpcError } from '../errors.ts'
import { createMethodTemplates, dataIdOf } from '../protocol.ts'
import { createBalancer, type Balancing } from './balancer.ts'
import { Endpoints } from './endpoints.ts'
import { MethodCaller, type CallOptions } from './method-caller.ts'
import { Providers, type ProviderUrl } from './providers.ts'

export interface RpcClientOptions {
  /** Name of the calling application, shown at the provider. */
  readonly application: string
  /** Where providers are found. Without it every client needs `addresses`. */
  readonly registry?: RegistryClient
  /** Default `random`. */
  readonly balancing?: Balancing
  /** Most times that one call is sent. Default 3. */
  readonly maxAttempts?: number
  /** Pause before a call is sent again. Default 20 ms growing to 1 s. */
  readonly backoff?: BackoffOptions
  /** Longest wait for a provider that can be reached, within the deadline, in ms. Default 1000. */
  readonly connectWaitMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

export interface ClientOptions {
  /** Fixed providers such as `127.0.0.1:12200`, instead of the registry. */
  readonly addresses?: readonly ProviderUrl[]
}

/** The typed client of a contract. */
export type ClientOf<Methods extends Readonly<Record<string, AnyMethod>>> = {
  readonly [Name in keyof Methods]: Methods[Name] extends Method<infer Request, infer Response>
    ? (request: Request, options?: CallOptions) => Promise<Response>
    : never
}

export interface RpcClient {
  client<Methods extends Readonly<Record<string, AnyMethod>>>(
    contract: Contract<Methods>,
    options?: ClientOptions,
  ): ClientOf<Methods>
  /** Closes all connections; calls that wait fail. */
  close(): void
}

export function createRpcClient(options: RpcClientOptions): RpcClient {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const wheel = new TimerWheel({ clock })
  const endpoints = new Endpoints({ clock, random, wheel })
  const byService = new Map<string, { providers: Providers; subscription?: Subscription }>()
  let isClosed = false

  function providersOf(
    serviceName: string,
    addresses: readonly ProviderUrl[] | undefined,
  ): Providers {
    const key = addresses === undefined ? serviceName : `${serviceName} ${addresses.join(' ')}`
    const known = byService.get(key)
    if (known !== undefined) return known.providers
    const balancer = createBalancer(options.balancing ?? 'random', random)
    const providers = new Providers({ serviceName, balancer, endpoints, clock })
    if (addresses !== undefined) {
      const [bad] = providers.update(addresses)
      if (bad !== undefined) throw noAddress(serviceName, bad)
      byService.set(key, { providers })
      return providers
    }
    if (options.registry === undefined) {
      throw rpcError(
        'SETTEE_RPC_BAD_CONTRACT',
        `${serviceName} has neither addresses nor a registry to find them; pass one of the two`,
      )
    }
    const subscription = options.registry.subscribe(dataIdOf(serviceName), (urls) => {
      const [bad] = providers.update(urls)
      if (bad !== undefined) process.emitWarning(noAddress(serviceName, bad))
    })
    byService.set(key, { providers, subscription })
    return providers
  }

  return {
    client(contract, clientOptions = {}) {
      if (isClosed) throw rpcError('SETTEE_RPC_CLOSED', 'the client is closed; create another one')
      const { serviceName, methods } = contract
      const providers = providersOf(serviceName, clientOptions.addresses)
      const client: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      for (const [methodName, method] of Object.entries(methods)) {
        const { application } = options
        const { isOneway } = method
        const caller = new MethodCaller({
          method,
          where: `${serviceName}.${methodName}`,
          templates: createMethodTemplates({ application, serviceName, methodName, isOneway }),
          providers,
          clock,
          random,
          maxAttempts: options.maxAttempts ?? 3,
          backoff: options.backoff ?? { minMs: 20, maxMs: 1000 },
          connectWaitMs: options.connectWaitMs ?? 1000,
        })
        client[methodName] = caller.call
      }
      return client as ClientOf<typeof methods>
    },
    close() {
      isClosed = true
      endpoints.close()
      for (const { providers, subscription } of byService.values()) {
        subscription?.close()
        providers.close()
      }
      byService.clear()
    },
  }
}

function noAddress(serviceName: string, url: ProviderUrl): SetteeError {
  return rpcError(
    'SETTEE_RPC_BAD_CONTRACT',
    `${JSON.stringify(url)} is no address of a provider of ${serviceName}; the form is host:port`,
  )
}
