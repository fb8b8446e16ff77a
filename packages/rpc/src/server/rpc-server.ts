/**
 * The serving side: handlers for contracts, on one Bolt port, announced at the registry.
 *
 *     const server = createRpcServer({ application: 'account', registry })
 *     server.serve(accountContract, { debit: async ({ user, amount }) => … })
 *     await server.start()
 *
 * Speaks v1 and v2 of Bolt, so SOFARPC clients with the JSON codec may call too. A handler runs in
 * the context of its request: transaction, trace and deadline are those of the caller.
 */
import {
  BoltPeer,
  codecId,
  frameLength,
  HeaderReader,
  jsonCodec,
  requestBaggagePrefix,
  responseStatus,
  sofaHeader,
  type BoltFrame,
} from '@settee/bolt'
import {
  messageOf,
  runRequest,
  sleep,
  systemClock,
  type Clock,
  type Service,
  type SetteeError,
} from '@settee/kit'
import type { Publication, RegistryClient } from '@settee/registry'
import { Listener, TimerWheel, type Connection } from '@settee/wire'
import { validate, type AnyMethod, type Contract, type Method } from '../contract.ts'
import { rpcError } from '../errors.ts'
import { cancelClass, dataIdOf } from '../protocol.ts'
import {
  readContext,
  requestHeaders,
  ServerCall,
  type AbortableCalls,
  type CallInfo,
  type Caller,
} from './server-call.ts'

export interface RpcServerOptions {
  /** Name of the application, shown in the registry. */
  readonly application: string
  /** Where the services are announced; without it callers need the address. */
  readonly registry?: RegistryClient
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Must be true to listen where other machines can connect. Default false. */
  readonly allowRemote?: boolean
  /** Calls that are served at once; further ones are refused as busy. Default 10,000. */
  readonly maxConcurrentCalls?: number
  /** Largest request in bytes. Default 8 MiB. */
  readonly maxFrameBytes?: number
  /** Longest wait for running calls when stopping, in ms. Default 10,000. */
  readonly drainLimitMs?: number
  readonly clock?: Clock
}

/** What serves a contract: one function a method. */
export type HandlersOf<Methods extends Readonly<Record<string, AnyMethod>>> = {
  readonly [Name in keyof Methods]: Methods[Name] extends Method<infer Request, infer Response>
    ? (request: Request, call: CallInfo) => Response | Promise<Response>
    : never
}

export interface RpcServer extends Service {
  /** Adds a service; before or after `start`. Throws SETTEE_RPC_BAD_CONTRACT. */
  serve<Methods extends Readonly<Record<string, AnyMethod>>>(
    contract: Contract<Methods>,
    handlers: HandlersOf<Methods>,
  ): void
  /** `host:port` as bound. */
  readonly address: string
}

/** How long callers may still come after the last publication was withdrawn, in ms. */
const hearsayMs = 100

type Handler = (request: unknown, call: CallInfo) => unknown

export function createRpcServer(options: RpcServerOptions): RpcServer {
  return new BoltRpcServer(options)
}

class BoltRpcServer implements RpcServer {
  readonly name = 'rpc'
  readonly #options: RpcServerOptions
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  readonly #listener: Listener
  readonly #services = new Map<string, Map<string, Handler>>()
  readonly #publications: Publication[] = []
  // Frames are handled one at a time, so one reader serves all connections.
  readonly #headers = new HeaderReader(requestHeaders, requestBaggagePrefix)
  readonly #maxConcurrentCalls: number
  #runningCount = 0
  #onIdle: (() => void) | undefined
  #arrivalMs: number | undefined
  #isStarted = false
  #stopped: Promise<void> | undefined

  constructor(options: RpcServerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#wheel = new TimerWheel({ clock: this.#clock })
    this.#maxConcurrentCalls = options.maxConcurrentCalls ?? 10_000
    this.#listener = new Listener({
      name: 'rpc',
      port: options.port ?? 0,
      host: options.host ?? '127.0.0.1',
      allowRemote: options.allowRemote ?? false,
      ...(options.maxFrameBytes !== undefined && { maxFrameBytes: options.maxFrameBytes }),
      frameLength,
      accept: (connection) => this.#accept(connection),
    })
  }

  get address(): string {
    return this.#listener.address
  }

  serve<Methods extends Readonly<Record<string, AnyMethod>>>(
    contract: Contract<Methods>,
    handlers: HandlersOf<Methods>,
  ): void {
    const { serviceName, methods } = contract
    if (this.#services.has(serviceName)) {
      throw rpcError('SETTEE_RPC_BAD_CONTRACT', `${serviceName} is already served`)
    }
    const served = new Map<string, Handler>()
    for (const [methodName, method] of Object.entries(methods)) {
      const handler = (handlers as Readonly<Record<string, Handler | undefined>>)[methodName]
      const where = `${serviceName}.${methodName}`
      if (typeof handler !== 'function') {
        throw rpcError('SETTEE_RPC_BAD_CONTRACT', `there is no handler for ${where}`)
      }
      served.set(methodName, withValidation(handler, method, where))
    }
    this.#services.set(serviceName, served)
    if (this.#isStarted) this.#announce(serviceName)
  }

  async start(): Promise<void> {
    await this.#stopped
    if (this.#isStarted) return
    this.#isStarted = true
    try {
      await this.#listener.start()
    } catch (error) {
      this.#isStarted = false
      throw error
    }
    for (const serviceName of this.#services.keys()) this.#announce(serviceName)
  }

  async stop(): Promise<void> {
    if (this.#isStarted) {
      this.#isStarted = false
      this.#stopped = this.#leave()
    }
    await this.#stopped
  }

  async #leave(): Promise<void> {
    // First out of the registry, so that callers go elsewhere while the last calls finish.
    const publications = this.#publications.splice(0)
    await Promise.all(publications.map((publication) => publication.withdraw()))
    if (publications.length > 0) await sleep(hearsayMs, this.#clock)
    if (this.#runningCount > 0) await this.#whenIdle()
    await this.#listener.stop()
  }

  #announce(serviceName: string): void {
    const { registry, application } = this.#options
    if (registry === undefined) return
    const parameters = new URLSearchParams({
      rpcVer: '51403',
      serialization: 'json',
      weight: '100',
      app_name: application,
      p: '1',
      v: '4.0',
      settee: '1',
    })
    const publication = registry.publish(
      dataIdOf(serviceName),
      `${this.address}?${parameters.toString()}`,
    )
    this.#publications.push(publication)
  }

  #whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#onIdle = undefined
        timer.cancel()
        resolve()
      }
      const timer = this.#clock.after(this.#options.drainLimitMs ?? 10_000, end)
      this.#onIdle = end
    })
  }

  #accept(connection: Connection): BoltPeer {
    const abortable: AbortableCalls = new Map()
    const peer = new BoltPeer({
      connection,
      clock: this.#clock,
      wheel: this.#wheel,
      // A server waits for the client's signs of life and sends none itself.
      heartbeatIdleMs: Infinity,
      onRequest: (frame) => this.#onRequest(frame, caller),
      onClose: (cause) => {
        if (abortable.size === 0) return
        const reason = rpcError('SETTEE_RPC_CONNECTION_LOST', 'the caller is gone', { cause })
        for (const call of abortable.values()) call.abort(reason)
      },
    })
    const caller: Caller = { peer, abortable, clock: this.#clock }
    return peer
  }

  #onRequest(frame: BoltFrame, caller: Caller): void {
    // Oneway first: comparing the class name of every call costs more than this bit.
    if (!frame.expectsAnswer && frame.className === cancelClass) return cancel(frame, caller)
    let call: ServerCall
    try {
      this.#headers.load(frame)
      call = new ServerCall(frame, readContext(frame, this.#headers, this.#readArrival()), caller)
    } catch (error) {
      call = new ServerCall(frame, {}, caller)
      return call.refuse(responseStatus.SERVER_DESERIAL_EXCEPTION, messageOf(error))
    }
    if (frame.codec !== codecId.json) {
      return call.refuse(
        responseStatus.SERVER_DESERIAL_EXCEPTION,
        `serializer ${frame.codec} is not supported here; use json (${codecId.json})`,
      )
    }
    if (this.#runningCount >= this.#maxConcurrentCalls) {
      return call.refuse(
        responseStatus.SERVER_THREADPOOL_BUSY,
        `${this.#runningCount} calls are running, which is the limit`,
      )
    }
    const handler = this.#find()
    if (handler === undefined) return call.fail(this.#unknownMethod())
    let request: unknown
    try {
      request = jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd)
    } catch (error) {
      return call.refuse(responseStatus.SERVER_DESERIAL_EXCEPTION, messageOf(error))
    }
    this.#run(handler, request, call)
  }

  /**
   * When the requests that are being handled have arrived. They come many in a chunk, and reading
   * the clock takes as long as decoding a frame, so it is read once a chunk.
   */
  #readArrival(): number {
    if (this.#arrivalMs === undefined) {
      this.#arrivalMs = this.#clock.monotonic()
      queueMicrotask(() => (this.#arrivalMs = undefined))
    }
    return this.#arrivalMs
  }

  /** The headers decide; `service` counts more, because a mesh routes by rewriting it. */
  #find(): Handler | undefined {
    const headers = this.#headers
    const serviceName = headers.name(sofaHeader.service) ?? headers.name(sofaHeader.targetService)
    const methodName = headers.name(sofaHeader.methodName)
    if (serviceName === undefined || methodName === undefined) return undefined
    return this.#services.get(serviceName)?.get(methodName)
  }

  #unknownMethod(): SetteeError {
    const headers = this.#headers
    const serviceName = headers.name(sofaHeader.service) ?? headers.name(sofaHeader.targetService)
    const methodName = headers.name(sofaHeader.methodName) ?? '(no method)'
    return rpcError(
      'SETTEE_RPC_UNKNOWN_METHOD',
      `${serviceName ?? '(no service)'}.${methodName} is not served here; do caller and provider ` +
        'have the same contract?',
    )
  }

  #run(handler: Handler, request: unknown, call: ServerCall): void {
    this.#runningCount++
    let result: unknown
    try {
      result = runRequest(call.context, handler, request, call)
    } catch (error) {
      return this.#settle(call, error, true)
    }
    if (!(result instanceof Promise)) return this.#settle(call, result, false)
    result.then(
      (value: unknown) => this.#settle(call, value, false),
      (error: unknown) => this.#settle(call, error, true),
    )
  }

  #settle(call: ServerCall, outcome: unknown, hasFailed: boolean): void {
    this.#runningCount--
    try {
      if (hasFailed) call.fail(outcome)
      else call.succeed(outcome)
    } catch (error) {
      // The caller does not read its answers; without the connection it knows that one is lost.
      call.hangUp(error)
    }
    if (this.#runningCount === 0) this.#onIdle?.()
  }
}

/** The handler, behind the check of its argument if the contract has one. */
function withValidation(handler: Handler, method: AnyMethod, where: string): Handler {
  const { requestSchema } = method
  if (requestSchema === undefined) return handler
  return async (request, call) =>
    handler(await validate(requestSchema, request, 'SETTEE_RPC_BAD_ARGUMENT', where), call)
}

function cancel(frame: BoltFrame, { abortable }: Caller): void {
  const requestId = readRequestId(frame)
  // Ids are unsigned at the caller and signed in a frame.
  const call = abortable.get(requestId | 0)
  call?.abort(rpcError('SETTEE_RPC_CANCELLED', 'the caller has cancelled the call'))
}

/** The content of a cancellation; 0, which is no call, when it is not readable. */
function readRequestId(frame: BoltFrame): number {
  try {
    return Number(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
  } catch {
    return 0
  }
}
