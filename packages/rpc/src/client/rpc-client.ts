/**
 * The calling side: typed clients from contracts.
 *
 *     const rpc = createRpcClient({ application: 'order', registry })
 *     const account = rpc.client(accountContract)
 *     await account.debit({ user: 'ada', amount: 5 }, { timeoutMs: 500 })
 *
 * A call's deadline is the earlier of its own timeout and the deadline of the request in which it
 * is made, so time shrinks hop by hop. A call is sent again only if it certainly was not carried
 * out, or if its method is declared idempotent.
 */
import {
  backoffMs,
  currentContext,
  isSetteeError,
  sleep,
  systemClock,
  systemRandom,
  type BackoffOptions,
  type Clock,
  type Random,
  type RequestContext,
  type SetteeError,
} from '@settee/kit'
import type { RegistryClient, Subscription } from '@settee/registry'
import { TimerWheel } from '@settee/wire'
import type { RequestTemplate } from '@settee/bolt'
import { validate, type AnyMethod, type Contract, type Method } from '../contract.ts'
import { rpcError } from '../errors.ts'
import { cancelTemplate, createMethodTemplate, dataIdOf } from '../protocol.ts'
import { createBalancer, type Balancing } from './balancer.ts'
import { ClientCall } from './client-call.ts'
import type { Endpoint } from './endpoint.ts'
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

export interface CallOptions {
  /** Longest wait for the answer, in ms. Default: that of the method. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
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
  const byService = new Map<string, { providers: Providers; subscription?: Subscription }>()

  function providersOf(
    serviceName: string,
    addresses: readonly ProviderUrl[] | undefined,
  ): Providers {
    const key = addresses === undefined ? serviceName : `${serviceName} ${addresses.join(' ')}`
    const known = byService.get(key)
    if (known !== undefined) return known.providers
    const balancer = createBalancer(options.balancing ?? 'random', random)
    const providers = new Providers({ serviceName, balancer, clock, random, wheel })
    if (addresses !== undefined) {
      providers.update(addresses)
      byService.set(key, { providers })
      return providers
    }
    if (options.registry === undefined) {
      throw rpcError(
        'SETTEE_RPC_BAD_CONTRACT',
        `${serviceName} has neither addresses nor a registry to find them; pass one of the two`,
      )
    }
    const subscription = options.registry.subscribe(dataIdOf(serviceName), (urls) =>
      providers.update(urls),
    )
    byService.set(key, { providers, subscription })
    return providers
  }

  return {
    client(contract, clientOptions = {}) {
      const { serviceName, methods } = contract
      const providers = providersOf(serviceName, clientOptions.addresses)
      const client: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      for (const [methodName, method] of Object.entries(methods)) {
        const caller = new MethodCaller({
          method,
          where: `${serviceName}.${methodName}`,
          template: createMethodTemplate({
            application: options.application,
            serviceName,
            methodName,
            isOneway: method.isOneway,
          }),
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
      for (const { providers, subscription } of byService.values()) {
        subscription?.close()
        providers.close()
      }
      byService.clear()
    },
  }
}

interface MethodCallerOptions {
  readonly method: AnyMethod
  readonly where: string
  readonly template: RequestTemplate
  readonly providers: Providers
  readonly clock: Clock
  readonly random: Random
  readonly maxAttempts: number
  readonly backoff: BackoffOptions
  readonly connectWaitMs: number
}

class MethodCaller {
  readonly #options: MethodCallerOptions

  constructor(options: MethodCallerOptions) {
    this.#options = options
  }

  readonly call = (request: unknown, options?: CallOptions): Promise<unknown> => {
    const { clock, method, providers } = this.#options
    const context = currentContext()
    const ownDeadlineMs = clock.monotonic() + (options?.timeoutMs ?? method.timeoutMs)
    const deadlineMs = Math.min(ownDeadlineMs, context.deadlineMs ?? Infinity)
    const attempt: Attempt = { request, context, deadlineMs, signal: options?.signal }
    // The rule: a provider is connected, and the first attempt succeeds.
    const endpoint = providers.pick()
    const first =
      endpoint === undefined ? this.#sendWhenReady(attempt) : this.#send(attempt, endpoint)
    if (method.responseSchema !== undefined) {
      return this.#retried(first, attempt).then((value) =>
        validate(method.responseSchema!, value, 'SETTEE_RPC_BAD_RESULT', this.#options.where),
      )
    }
    return method.isIdempotent ? this.#retried(first, attempt) : first
  }

  async #retried(first: Promise<unknown>, attempt: Attempt): Promise<unknown> {
    const { maxAttempts, backoff, random, clock } = this.#options
    let answer = first
    for (let failures = 1; ; failures++) {
      try {
        return await answer
      } catch (error) {
        if (failures >= maxAttempts || !this.#maySendAgain(error)) throw error
        const pauseMs = backoffMs(failures, backoff, random)
        if (clock.monotonic() + pauseMs >= attempt.deadlineMs) throw error
        await sleep(pauseMs, clock)
      }
      answer = this.#sendWhenReady(attempt)
    }
  }

  #maySendAgain(error: unknown): boolean {
    if (!this.#options.method.isIdempotent || !isSetteeError(error)) return false
    return error.retryable || error.code === 'SETTEE_RPC_CONNECTION_LOST'
  }

  async #sendWhenReady(attempt: Attempt): Promise<unknown> {
    const { providers, connectWaitMs, clock } = this.#options
    const remainingMs = attempt.deadlineMs - clock.monotonic()
    await providers.whenReady(Math.max(0, Math.min(connectWaitMs, remainingMs)))
    return await this.#send(attempt, providers.pick()!)
  }

  #send(attempt: Attempt, endpoint: Endpoint): Promise<unknown> {
    const { template, method, clock, where } = this.#options
    const timeoutMs = Math.ceil(attempt.deadlineMs - clock.monotonic())
    return new Promise((resolve, reject) => {
      if (timeoutMs <= 0) {
        reject(rpcError('SETTEE_RPC_TIMEOUT', `no time is left to call ${where}; nothing was sent`))
        return
      }
      if (attempt.signal?.aborted === true) return reject(cancelled(where, 'nothing was sent'))
      const call = new ClientCall(template, attempt.request, timeoutMs, attempt.context, {
        resolve,
        reject,
      })
      try {
        if (method.isOneway) {
          endpoint.peer!.sendOneway(call)
          resolve(undefined)
        } else {
          endpoint.peer!.call(call)
          if (attempt.signal !== undefined)
            this.#followSignal(attempt.signal, call, endpoint, reject)
        }
      } catch (error) {
        reject(error as SetteeError)
      }
    })
  }

  #followSignal(
    signal: AbortSignal,
    call: ClientCall,
    endpoint: Endpoint,
    reject: (error: SetteeError) => void,
  ): void {
    signal.addEventListener(
      'abort',
      () => {
        const { peer } = endpoint
        if (peer === undefined || !peer.cancel(call)) return
        reject(cancelled(this.#options.where, 'it may have been carried out'))
        if (endpoint.isSettee) peer.sendOneway(new CancelCall(call.requestId))
      },
      { once: true },
    )
  }
}

interface Attempt {
  readonly request: unknown
  readonly context: RequestContext
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/** Tells the provider that nobody waits for a call any more. */
class CancelCall extends ClientCall {
  constructor(requestId: number) {
    super(cancelTemplate, requestId, 0, {}, { resolve() {}, reject() {} })
  }
}

function cancelled(where: string, outcome: string): SetteeError {
  return rpcError('SETTEE_RPC_CANCELLED', `the call of ${where} was cancelled; ${outcome}`)
}
