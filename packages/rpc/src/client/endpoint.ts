/**
 * One provider: its address and the connection to it, which is kept and repaired as long as
 * somebody uses the endpoint.
 */
import { BoltPeer, frameLength } from '@settee/bolt'
import type { Clock, Random, SetteeError } from '@settee/kit'
import { Dialer, type Connection, type TimerWheel } from '@settee/wire'

export interface EndpointOptions {
  readonly clock: Clock
  readonly random: Random
  readonly wheel: TimerWheel
  /** Called when the connection is up, and with an error when an attempt failed or it is lost. */
  readonly onChange: (endpoint: Endpoint, error: SetteeError | undefined) => void
}

/** Longest wait for running calls when an endpoint is given up, in ms. */
const drainLimitMs = 10_000
const drainLookMs = 50

export class Endpoint {
  readonly address: string
  /** Whether the provider is a Settee server and understands its additions. */
  readonly isSettee: boolean
  readonly #dialer: Dialer
  readonly #clock: Clock
  #peer: BoltPeer | undefined

  constructor(address: string, isSettee: boolean, options: EndpointOptions) {
    const { clock, random, wheel, onChange } = options
    this.address = address
    this.isSettee = isSettee
    this.#clock = clock
    const colon = address.lastIndexOf(':')
    this.#dialer = new Dialer({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(address.slice(colon + 1)),
      clock,
      random,
      frameLength,
      open: (connection: Connection) => {
        const peer = new BoltPeer({
          connection,
          clock,
          wheel,
          onClose: () => {
            this.#peer = undefined
          },
        })
        this.#peer = peer
        // The handler must be in place before anybody sends.
        queueMicrotask(() => onChange(this, undefined))
        return peer
      },
      onFailure: (error) => onChange(this, error),
    })
    this.#dialer.start()
  }

  /** The conversation while the connection is up. */
  get peer(): BoltPeer | undefined {
    return this.#peer?.connection.isOpen === true ? this.#peer : undefined
  }

  /** Lets running calls finish, then closes. */
  retire(): void {
    const endMs = this.#clock.monotonic() + drainLimitMs
    const look = (): void => {
      const isBusy = (this.#peer?.pendingCount ?? 0) > 0
      if (isBusy && this.#clock.monotonic() < endMs) this.#clock.after(drainLookMs, look)
      else this.#dialer.close()
    }
    look()
  }

  close(): void {
    this.#dialer.close()
  }
}
