/**
 * All endpoints of a client: one connection for each address, whatever the number of services that
 * are called there (as SOFARPC does with `transport.connection.reuse`).
 */
import { Endpoint, type EndpointListener, type EndpointOptions } from './endpoint.ts'

export class Endpoints {
  readonly #options: EndpointOptions
  readonly #byAddress = new Map<string, Endpoint>()
  /** Given back, but calls are still running there. */
  readonly #retired = new Set<Endpoint>()

  constructor(options: EndpointOptions) {
    this.#options = options
  }

  /** The endpoint of `address`, which stays connected until `listener` is given back. */
  take(address: string, isSettee: boolean, listener: EndpointListener): Endpoint {
    let endpoint = this.#byAddress.get(address)
    if (endpoint === undefined) {
      endpoint = new Endpoint(address, isSettee, this.#options)
      this.#byAddress.set(address, endpoint)
    }
    endpoint.listeners.add(listener)
    return endpoint
  }

  /** Ends one use of `endpoint`; after the last one it finishes its calls and closes. */
  giveBack(endpoint: Endpoint, listener: EndpointListener): void {
    endpoint.listeners.delete(listener)
    if (endpoint.listeners.size > 0) return
    this.#byAddress.delete(endpoint.address)
    this.#retired.add(endpoint)
    endpoint.retire(() => this.#retired.delete(endpoint))
  }

  close(): void {
    for (const endpoint of this.#byAddress.values()) endpoint.close()
    for (const endpoint of this.#retired) endpoint.close()
    this.#byAddress.clear()
    this.#retired.clear()
  }
}
