/**
 * The providers of one service: the addresses that are given or that the registry pushes, one
 * {@link Endpoint} each, and the callers that wait until one of them is reachable.
 */
import { messageOf, type SetteeError, type Timer } from '@settee/kit'
import { rpcError } from '../errors.ts'
import type { Balancer } from './balancer.ts'
import { Endpoint, type EndpointOptions } from './endpoint.ts'

export interface ProvidersOptions extends Omit<EndpointOptions, 'onChange'> {
  readonly serviceName: string
  readonly balancer: Balancer
}

/** An address with what the registry says about it, such as `127.0.0.1:12200?app_name=stock`. */
export type ProviderUrl = string

interface Waiter {
  readonly settle: (error: SetteeError | undefined) => void
  readonly timer: Timer
}

export class Providers {
  readonly #options: ProvidersOptions
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #waiters = new Set<Waiter>()
  /** Those with a connection, in a list that the balancer can index. */
  #ready: Endpoint[] = []
  #lastError: SetteeError | undefined

  constructor(options: ProvidersOptions) {
    this.#options = options
  }

  /** Takes over the new list: opens what is new, retires what is gone. */
  update(urls: readonly ProviderUrl[]): void {
    const wanted = new Map(urls.map((url) => [addressOf(url), url]))
    for (const [address, endpoint] of this.#endpoints) {
      if (wanted.has(address)) continue
      this.#endpoints.delete(address)
      endpoint.retire()
    }
    for (const [address, url] of wanted) {
      if (this.#endpoints.has(address)) continue
      const isSettee = !url.includes('?') || /[?&]settee=/.test(url)
      const endpoint = new Endpoint(address, isSettee, {
        ...this.#options,
        onChange: (_endpoint, error) => this.#onChange(error),
      })
      this.#endpoints.set(address, endpoint)
    }
    this.#refresh()
  }

  /** The next provider; undefined while none is reachable. `avoid` is taken only if alone. */
  pick(avoid?: Endpoint): Endpoint | undefined {
    const ready = this.#ready
    for (let tries = ready.length; tries > 0; tries--) {
      const endpoint = ready[this.#options.balancer(ready.length)]!
      if (endpoint.peer !== undefined && (endpoint !== avoid || tries === 1)) return endpoint
    }
    return ready.find((endpoint) => endpoint.peer !== undefined)
  }

  /**
   * Resolves when a provider is reachable. Rejects with SETTEE_RPC_NO_PROVIDER or
   * SETTEE_RPC_UNREACHABLE after `limitMs`.
   */
  whenReady(limitMs: number): Promise<void> {
    if (this.pick() !== undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        settle: (error) => {
          this.#waiters.delete(waiter)
          waiter.timer.cancel()
          if (error === undefined) resolve()
          else reject(error)
        },
        timer: this.#options.clock.after(limitMs, () => waiter.settle(this.#unreachable())),
      }
      this.#waiters.add(waiter)
    })
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.close()
    this.#endpoints.clear()
    this.#refresh()
    for (const waiter of this.#waiters) waiter.settle(this.#unreachable())
  }

  #onChange(error: SetteeError | undefined): void {
    if (error !== undefined) this.#lastError = error
    this.#refresh()
    if (this.#ready.length === 0) return
    for (const waiter of this.#waiters) waiter.settle(undefined)
  }

  #refresh(): void {
    this.#ready = [...this.#endpoints.values()].filter((endpoint) => endpoint.peer !== undefined)
  }

  #unreachable(): SetteeError {
    const { serviceName } = this.#options
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
