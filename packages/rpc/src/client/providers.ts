/**
 * The providers of one service: the addresses that are given or that the registry pushes, one
 * {@link Endpoint} each, and the callers that wait until one of them is reachable.
 */
import { messageOf, type Clock, type SetteeError, type Timer } from '@settee/kit'
import { parseAddress } from '@settee/wire'
import { rpcError } from '../errors.ts'
import type { Balancer } from './balancer.ts'
import type { Endpoint } from './endpoint.ts'
import type { Endpoints } from './endpoints.ts'

export interface ProvidersOptions {
  readonly serviceName: string
  readonly balancer: Balancer
  readonly endpoints: Endpoints
  readonly clock: Clock
}

/**
 * An address with what the registry says about it, such as `127.0.0.1:12200?app_name=stock`. One
 * with parameters but without `settee=1` is a provider of another make, such as SOFARPC.
 */
export type ProviderUrl = string

interface Waiter {
  readonly timer: Timer
  readonly resolve: (endpoint: Endpoint) => void
  readonly reject: (error: SetteeError) => void
}

export class Providers {
  readonly #options: ProvidersOptions
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #waiters = new Set<Waiter>()
  /** Those with a connection, in a list that the balancer can index. */
  #ready: readonly Endpoint[] = []
  #lastError: SetteeError | undefined
  #isClosed = false

  constructor(options: ProvidersOptions) {
    this.#options = options
  }

  /**
   * Takes over the new list: opens what is new, gives back what is gone. Returns what has no
   * address in it; the others are not affected.
   */
  update(urls: readonly ProviderUrl[]): readonly ProviderUrl[] {
    const { endpoints } = this.#options
    const { good = [], bad = [] } = Object.groupBy(urls, (url) =>
      parseAddress(addressOf(url)) === undefined ? 'bad' : 'good',
    )
    const wanted = new Map(good.map((url) => [addressOf(url), url]))
    for (const [address, endpoint] of this.#endpoints) {
      if (wanted.has(address)) {
        endpoint.retryNow()
        continue
      }
      this.#endpoints.delete(address)
      endpoints.giveBack(endpoint, this.#onChange)
    }
    for (const [address, url] of wanted) {
      if (this.#endpoints.has(address)) continue
      this.#endpoints.set(address, endpoints.take(address, isSetteeUrl(url), this.#onChange))
    }
    this.#refresh()
    return bad
  }

  /** The next provider; undefined while none is reachable. `avoid` is taken only if alone. */
  pick(avoid?: Endpoint): Endpoint | undefined {
    const ready = this.#ready
    for (let tries = ready.length; tries > 0; tries--) {
      const endpoint = ready[this.#options.balancer(ready.length)]!
      if (endpoint !== avoid && endpoint.peer !== undefined) return endpoint
    }
    // Chance may have missed one that is good.
    const connected = ready.filter((endpoint) => endpoint.peer !== undefined)
    return connected.find((endpoint) => endpoint !== avoid) ?? connected[0]
  }

  /**
   * The next provider as soon as there is one. Rejects with SETTEE_RPC_NO_PROVIDER or
   * SETTEE_RPC_UNREACHABLE after `limitMs`, and with SETTEE_RPC_CLOSED.
   */
  pickWhenReady(limitMs: number, avoid?: Endpoint): Promise<Endpoint> {
    const endpoint = this.pick(avoid)
    if (endpoint !== undefined) return Promise.resolve(endpoint)
    if (this.#isClosed) return Promise.reject(this.#unreachable())
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        timer: this.#options.clock.after(limitMs, () => this.#reject(waiter)),
        resolve,
        reject,
      }
      this.#waiters.add(waiter)
    })
  }

  /** Gives all endpoints back; callers that wait fail. */
  close(): void {
    this.#isClosed = true
    this.update([])
    for (const waiter of this.#waiters) this.#reject(waiter)
  }

  readonly #onChange = (error: SetteeError | undefined): void => {
    if (error !== undefined) this.#lastError = error
    this.#refresh()
  }

  #refresh(): void {
    this.#ready = [...this.#endpoints.values()].filter((endpoint) => endpoint.peer !== undefined)
    for (const waiter of this.#waiters) {
      const endpoint = this.pick()
      if (endpoint === undefined) return
      this.#waiters.delete(waiter)
      waiter.timer.cancel()
      waiter.resolve(endpoint)
    }
  }

  #reject(waiter: Waiter): void {
    this.#waiters.delete(waiter)
    waiter.timer.cancel()
    waiter.reject(this.#unreachable())
  }

  #unreachable(): SetteeError {
    const { serviceName } = this.#options
    if (this.#isClosed) {
      return rpcError('SETTEE_RPC_CLOSED', `${serviceName} was not called: the client is closed`)
    }
    if (this.#endpoints.size === 0) {
      return rpcError(
        'SETTEE_RPC_NO_PROVIDER',
        `nobody provides ${serviceName} at the moment; start it, or check that it is registered ` +
          'with the same registry',
      )
    }
    const addresses = [...this.#endpoints.keys()].join(', ')
    return rpcError(
      'SETTEE_RPC_UNREACHABLE',
      `no provider of ${serviceName} can be reached (${addresses})` +
        (this.#lastError === undefined ? '' : `: ${messageOf(this.#lastError)}`),
      { cause: this.#lastError },
    )
  }
}

function addressOf(url: ProviderUrl): string {
  return url.replace(/^\w+:\/\//, '').replace(/[/?].*$/, '')
}

/** An address that was written down by hand has no parameters. */
function isSetteeUrl(url: ProviderUrl): boolean {
  return !url.includes('?') || /[?&]settee=/.test(url)
}
