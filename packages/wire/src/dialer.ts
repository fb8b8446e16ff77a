/**
 * Keeps one connection to a peer: connects, and connects again with backoff and jitter whenever it
 * is lost, until closed.
 *
 *     idle --start--> connecting --ok--> connected
 *                       ^   |               |
 *                       |   +--failed--+    | lost
 *                       +--- waiting <-+----+        close: from anywhere to closed
 */
import { connect, type Socket } from 'node:net'
import { backoffMs, messageOf, type BackoffOptions, type Clock, type Random } from '@settee/kit'
import type { SetteeError, Timer } from '@settee/kit'
import { Connection, type ConnectionHandler, type ConnectionLimits } from './connection.ts'
import { wireError } from './errors.ts'
import type { FrameLength } from './frame-splitter.ts'

export interface DialerOptions extends ConnectionLimits {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly random: Random
  readonly frameLength: FrameLength
  /** Makes the handler of each new connection. */
  readonly open: (connection: Connection) => ConnectionHandler
  /** Called after each failed attempt, with the attempts that failed in a row. */
  readonly onFailure?: (error: SetteeError, failureCount: number) => void
  /** Longest wait for a connection, in ms. Default 1000 (that of Bolt). */
  readonly connectTimeoutMs?: number
  /** Default 50 ms growing to 5 s. */
  readonly backoff?: BackoffOptions
}

const defaultBackoff: BackoffOptions = { minMs: 50, maxMs: 5000 }

export class Dialer {
  readonly #options: DialerOptions
  #socket: Socket | undefined
  #connection: Connection | undefined
  #timer: Timer | undefined
  #failureCount = 0
  #isStarted = false
  #isClosed = false

  constructor(options: DialerOptions) {
    this.#options = options
  }

  get address(): string {
    return `${this.#options.host}:${this.#options.port}`
  }

  /** The connection while there is one. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Begins to connect; harmless when begun or closed. */
  start(): void {
    if (this.#isStarted || this.#isClosed) return
    this.#isStarted = true
    this.#attempt()
  }

  /** Tries now instead of at the end of the backoff, because someone has news of the peer. */
  retryNow(): void {
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#attempt()
  }

  /** Closes the connection and stops trying. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#connection?.close()
    this.#socket?.destroy()
  }

  #attempt(): void {
    this.#timer = undefined
    const { host, port, connectTimeoutMs = 1000 } = this.#options
    const socket = connect({ host, port, noDelay: true })
    this.#socket = socket
    const onFailed = (error: Error): void => {
      socket.destroy()
      this.#socket = undefined
      this.#onFailed(error)
    }
    socket.setTimeout(connectTimeoutMs, () =>
      onFailed(new Error(`no answer within ${connectTimeoutMs} ms`)),
    )
    socket.once('error', onFailed)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.removeAllListeners('timeout')
      socket.off('error', onFailed)
      this.#socket = undefined
      this.#onConnected(socket)
    })
  }

  #onConnected(socket: Socket): void {
    const { frameLength, open } = this.#options
    this.#connection = new Connection(
      socket,
      frameLength,
      (connection) => {
        const handler = open(connection)
        return {
          onFrame: (reader) => {
            // Only a peer that talks proves that the connection is good.
            this.#failureCount = 0
            handler.onFrame(reader)
          },
          onClose: (reason) => {
            this.#connection = undefined
            handler.onClose(reason)
            this.#onFailed(reason)
          },
        }
      },
      this.#options,
    )
  }

  #onFailed(cause: Error): void {
    if (this.#isClosed) return
    this.#failureCount++
    const { backoff = defaultBackoff, clock, random, onFailure } = this.#options
    onFailure?.(
      wireError('SETTEE_WIRE_CONNECT_FAILED', `${this.address}: ${messageOf(cause)}`, { cause }),
      this.#failureCount,
    )
    // Who is told of a failure may give up.
    if (this.#isClosed) return
    const delayMs = backoffMs(this.#failureCount, backoff, random)
    this.#timer = clock.after(delayMs, () => this.#attempt())
  }
}
