/**
 * Accepts connections. Binds loopback unless the caller says that the address may be reached from
 * other machines.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { messageOf } from '@settee/kit'
import { Connection, type ConnectionHandler, type ConnectionLimits } from './connection.ts'
import { wireError } from './errors.ts'
import type { FrameLength } from './frame-splitter.ts'

export interface ListenerOptions extends ConnectionLimits {
  /** What listens, for messages: `registry`, `tx`. */
  readonly name: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes any free port. */
  readonly port: number
  /** Must be true to bind an address that other machines can reach. Default false. */
  readonly allowRemote?: boolean
  /** Most connections at once; further ones are closed on arrival. Default 10,000. */
  readonly maxConnections?: number
  readonly frameLength: FrameLength
  /** Makes the handler of a new connection. */
  readonly accept: (connection: Connection) => ConnectionHandler
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #connections = new Set<Connection>()
  readonly #server: Server
  readonly #host: string
  #port: number
  #address: string

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#host = options.host ?? '127.0.0.1'
    this.#port = options.port
    this.#address = `${this.#host}:${this.#port}`
    this.#server = createServer({ noDelay: true }, (socket) => this.#onSocket(socket))
    this.#server.maxConnections = options.maxConnections ?? 10_000
  }

  /** `host:port` as bound. Asked with every transaction id, so it is kept: it is a system call. */
  get address(): string {
    return this.#address
  }

  get port(): number {
    return this.#port
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Resolves when connections are accepted. Throws SETTEE_WIRE_LISTEN_FAILED with the fix. */
  async start(): Promise<void> {
    assertMayBind(this.#options.name, this.#host, this.#options.allowRemote ?? false)
    await listen(this.#server, this.#options.name, this.#host, this.#options.port)
    this.#port = (this.#server.address() as AddressInfo).port
    this.#address = `${this.#host}:${this.#port}`
    // A connection that fails while it is accepted concerns nobody but itself.
    this.#server.on('error', () => {})
  }

  /** Stops accepting, sends what waits and closes all connections. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) {
      connection.close(wireError('SETTEE_WIRE_CLOSED', `${this.#options.name} is shutting down`))
    }
    await closed
    // The server is closed a moment before the last connection has told its handler.
    while (this.#connections.size > 0) await new Promise(setImmediate)
  }

  #onSocket(socket: Socket): void {
    const { accept, frameLength } = this.#options
    const connection: Connection = new Connection(
      socket,
      frameLength,
      (opened) => {
        const handler = accept(opened)
        return {
          onFrame: (reader) => handler.onFrame(reader),
          onClose: (reason) => {
            this.#connections.delete(connection)
            handler.onClose(reason)
          },
        }
      },
      this.#options,
    )
    this.#connections.add(connection)
  }
}

/** Throws SETTEE_WIRE_LISTEN_FAILED when `host` is reachable from outside without permission. */
export function assertMayBind(name: string, host: string, allowRemote: boolean): void {
  if (allowRemote || isLoopback(host)) return
  throw wireError(
    'SETTEE_WIRE_LISTEN_FAILED',
    `${name} would listen on ${host}, where other machines can reach it without authentication; ` +
      `listen on 127.0.0.1 or allow it with --allow-remote`,
  )
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Binds any Node server; a failure is SETTEE_WIRE_LISTEN_FAILED with one sentence and the fix. */
export async function listen(
  server: Server,
  name: string,
  host: string,
  port: number,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(
        wireError('SETTEE_WIRE_LISTEN_FAILED', explain(error, name, host, port), { cause: error }),
      )
    }
    server.once('error', onError)
    server.listen({ host, port }, () => {
      server.off('error', onError)
      resolve()
    })
  })
}

function explain(error: NodeJS.ErrnoException, name: string, host: string, port: number): string {
  const other = `stop it or choose another port with --${name}.port (0 takes any free one)`
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host}, meant for ${name}, is in use by another program; ${other}`
    case 'EACCES':
      return `this user may not listen on port ${port}; choose one above 1023 with --${name}.port`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine; choose another with --${name}.host`
    default:
      return `${name} cannot listen on ${host}:${port}: ${messageOf(error)}`
  }
}
