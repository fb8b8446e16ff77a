/**
 * One provider: its address and the connection to it, which is kept and repaired as long as
 * somebody uses the endpoint.
 */
import { BoltPeer, frameLength } from '@settee/bolt'
import { assert, type Clock, type Random, type SetteeError } from '@settee/kit'
import { Dialer, parseAddress, wireError, type Connection, type TimerWheel } from '@settee/wire'

export interface EndpointOptions {
  readonly clock: Clock
  readonly random: Random
  readonly wheel: TimerWheel
}

/** Called when the connection is up, and with an error when an attempt failed or it is lost. */
export type EndpointListener = (error: SetteeError | undefined) => void

/** Longest wait for running calls when an endpoint is given up, in ms. */
const drainLimitMs = 10_000
const drainLookMs = 50

export class Endpoint {
  readonly address: string
  /** Whether the provider is a Settee server and understands its additions. */
  readonly isSettee: boolean
  /** Those who use the endpoint: one for each service that is called there. */
  readonly listeners: Set<EndpointListener> = new Set()
  readonly #dialer: Dialer
  readonly #clock: Clock
  #peer: BoltPeer | undefined

  constructor(address: string, isSettee: boolean, options: EndpointOptions) {
    const { clock, random, wheel } = options
    this.address = address
    this.isSettee = isSettee
    this.#clock = clock
    const target = parseAddress(address)
    assert(target !== undefined, 'providers without an address are sorted out before')
    this.#dialer = new Dialer({
      ...target,
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
        queueMicrotask(() => this.#tell(undefined))
        return peer
      },
      onFailure: (error) => this.#tell(error),
    })
    this.#dialer.start()
  }

  /** The conversation while the connection is up. */
  get peer(): BoltPeer | undefined {
    return this.#peer?.connection.isOpen === true ? this.#peer : undefined
  }

  /** Connects now instead of at the end of a pause: the provider has just been announced. */
  retryNow(): void {
    this.#dialer.retryNow()
  }

  /** Lets running calls finish, then closes and says so. */
  retire(onClosed: () => void): void {
    const endMs = this.#clock.monotonic() + drainLimitMs
    const look = (): void => {
      const isBusy = (this.#peer?.pendingCount ?? 0) > 0
      if (isBusy && this.#clock.monotonic() < endMs) {
        this.#clock.after(drainLookMs, look)
      } else {
        this.close()
        onClosed()
      }
    }
    look()
  }

  /** Closes the connection; calls that wait for their answer fail at once. */
  close(): void {
    this.#peer?.close(wireError('SETTEE_WIRE_CLOSED', 'this side needs the connection no more'))
    this.#dialer.close()
  }

  #tell(error: SetteeError | undefined): void {
    for (const listener of this.listeners) listener(error)
  }
}
