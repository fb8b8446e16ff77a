/**
 * The registry server: Bolt connections in front of the pure {@link Registry}.
 *
 * It keeps nothing on disk: what is published belongs to the connection that published it. For a
 * while after the start, pushes are marked partial, because publishers are still coming back.
 */
import {
  BoltCall,
  BoltPeer,
  codecId,
  frameLength,
  jsonCodec,
  responseStatus,
  type BoltAnswer,
  type BoltFrame,
  type RequestTemplate,
  type ResponseTemplate,
} from '@settee/bolt'
import {
  backoffMs,
  messageOf,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type Service,
  type SetteeError,
} from '@settee/kit'
import { Listener, TimerWheel, type Connection } from '@settee/wire'
import {
  receivedDataFor,
  Registry,
  type Datum,
  type RegistryEffect,
  type RegistryLimits,
  type Subscription,
} from './core/registry.ts'
import {
  parsePublisherRegister,
  parseSubscriberRegister,
  RegistryClass,
  type ReceivedData,
  type RegisterResponse,
} from './protocol/messages.ts'
import { receivedDataTemplate, registerResponseTemplate } from './protocol/templates.ts'
import { createPushPacer, type PushPacer } from './push-pacer.ts'

export type { Datum, Publisher, RegistryLimits, Subscription } from './core/registry.ts'

export interface RegistryServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 9600, the session port of SOFARegistry; 0 takes any free port. */
  readonly port?: number
  readonly allowRemote?: boolean
  readonly limits?: Partial<RegistryLimits>
  /** Time after the start in which pushes are marked partial, in ms. Default 5000. */
  readonly warmUpMs?: number
  /** Least time between two pushes of the same service, in ms. Default 50. */
  readonly pushPauseMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

export interface RegistryServer extends Service {
  /** `host:port` as bound. */
  readonly address: string
  readonly port: number
  readonly connectionCount: number
  /** Everything that is known, by dataInfoId. */
  readonly data: ReadonlyMap<string, Datum>
  /** Grows with every change of {@link data}. */
  readonly version: number
}

const pushTimeoutMs = 2000
const maxPushAttempts = 5
const pushBackoff = { minMs: 200, maxMs: 5000 }

export function createRegistryServer(options: RegistryServerOptions = {}): RegistryServer {
  return new BoltRegistryServer(options)
}

class BoltRegistryServer implements RegistryServer {
  readonly name = 'registry'
  readonly #clock: Clock
  readonly #random: Random
  readonly #wheel: TimerWheel
  readonly #registry: Registry
  readonly #listener: Listener
  readonly #pacer: PushPacer
  readonly #warmUpMs: number
  readonly #peers = new Map<string, BoltPeer>()
  #isWarm = false
  #nextConnection = 1
  #version = 0
  #isStopped = false

  constructor(options: RegistryServerOptions) {
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#wheel = new TimerWheel({ clock: this.#clock })
    this.#registry = new Registry(options.limits)
    this.#pacer = createPushPacer(this.#clock, options.pushPauseMs ?? 50)
    this.#warmUpMs = options.warmUpMs ?? 5000
    this.#listener = new Listener({
      name: 'registry',
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 9600,
      allowRemote: options.allowRemote ?? false,
      frameLength,
      accept: (connection) => this.#accept(connection),
    })
  }

  get address(): string {
    return this.#listener.address
  }
  get port(): number {
    return this.#listener.port
  }
  get connectionCount(): number {
    return this.#listener.connectionCount
  }
  get data(): ReadonlyMap<string, Datum> {
    return this.#registry.data
  }
  get version(): number {
    return this.#version
  }

  async start(): Promise<void> {
    await this.#listener.start()
    const warmUp = this.#clock.after(this.#warmUpMs, () => this.#endWarmUp())
    this.#stopWarmUp = () => warmUp.cancel()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopWarmUp()
    this.#pacer.stop()
    await this.#listener.stop()
  }

  #stopWarmUp: () => void = () => {}

  /** From now on a list says everything, and receivers forget what is not in it. */
  #endWarmUp(): void {
    this.#isWarm = true
    for (const datum of this.#registry.data.values()) this.#pushToAll(datum)
  }

  #accept(connection: Connection): BoltPeer {
    const connectionId = `${connection.remoteAddress}#${this.#nextConnection++}`
    const peer = new BoltPeer({
      connection,
      clock: this.#clock,
      wheel: this.#wheel,
      heartbeatIdleMs: Infinity,
      onRequest: (frame) => this.#onRequest(frame, peer, connectionId),
      onClose: () => {
        this.#peers.delete(connectionId)
        this.#version++
        for (const effect of this.#registry.stepDisconnect(connectionId, this.#clock.now())) {
          this.#carryOut(effect)
        }
      },
    })
    this.#peers.set(connectionId, peer)
    return peer
  }

  #onRequest(frame: BoltFrame, peer: BoltPeer, connectionId: string): void {
    let registId = ''
    let version = 0
    try {
      const { step, register } = this.#parse(frame)
      registId = register.registId
      version = register.version
      const effect = step(connectionId)
      this.#version++
      this.#answer(frame, peer, { success: true, registId, version, refused: false, message: null })
      if (effect !== undefined) this.#carryOut(effect)
    } catch (error) {
      // Refused for good: the same registration would be refused again.
      const message = messageOf(error)
      this.#answer(frame, peer, { success: false, registId, version, refused: true, message })
    }
  }

  #parse(frame: BoltFrame): {
    register: { registId: string; version: number }
    step: (connectionId: string) => RegistryEffect | undefined
  } {
    if (frame.codec !== codecId.json) {
      throw new Error(`serializer ${frame.codec} is not supported here; use json (${codecId.json})`)
    }
    const content = jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd)
    const now = this.#clock.now()
    switch (frame.className) {
      case RegistryClass.publisherRegister: {
        const register = parsePublisherRegister(content)
        return { register, step: (id) => this.#registry.stepPublish(id, register, now) }
      }
      case RegistryClass.subscriberRegister: {
        const register = parseSubscriberRegister(content)
        return { register, step: (id) => this.#registry.stepSubscribe(id, register, now) }
      }
      default:
        throw new Error(`the registry does not know requests of class ${frame.className}`)
    }
  }

  #answer(frame: BoltFrame, peer: BoltPeer, content: RegisterResponse): void {
    if (!frame.expectsAnswer) return
    peer.answer(
      new RegistryAnswer(frame.requestId, registerResponseTemplate(frame.dialect), content),
    )
  }

  #carryOut(effect: RegistryEffect): void {
    const { datum } = effect
    if (effect.kind === 'subscribed') this.#push(datum, effect.subscription, 1)
    else this.#pacer.changed(datum.dataInfoId, () => this.#pushToAll(datum))
  }

  #pushToAll(datum: Datum): void {
    for (const subscription of datum.subscriptions.values()) this.#push(datum, subscription, 1)
  }

  #push(datum: Datum, subscription: Subscription, attempt: number): void {
    const peer = this.#peers.get(subscription.connectionId)
    if (peer === undefined || !peer.connection.isOpen) return
    const content = receivedDataFor(datum, subscription, !this.#isWarm)
    const call = new PushCall(content, (error) => {
      if (error === undefined) {
        subscription.pushedVersion = Math.max(subscription.pushedVersion, content.version)
        this.#version++
      } else {
        this.#pushLater(datum, subscription, content.version, attempt)
      }
    })
    try {
      peer.call(call)
    } catch {
      this.#pushLater(datum, subscription, content.version, attempt)
    }
  }

  /** A failed push is tried again, unless a newer one is on its way or the subscriber is gone. */
  #pushLater(datum: Datum, subscription: Subscription, version: number, attempt: number): void {
    if (attempt >= maxPushAttempts || this.#isStopped) return
    this.#clock.after(backoffMs(attempt, pushBackoff, this.#random), () => {
      const isCurrent =
        datum.subscriptions.get(subscription.register.registId) === subscription &&
        datum.version === version
      if (isCurrent && !this.#isStopped) this.#push(datum, subscription, attempt + 1)
    })
  }
}

class PushCall extends BoltCall {
  readonly template: RequestTemplate = receivedDataTemplate
  readonly timeoutMs = pushTimeoutMs
  readonly content: ReceivedData
  readonly #settle: (error: SetteeError | undefined) => void

  constructor(content: ReceivedData, settle: (error: SetteeError | undefined) => void) {
    super()
    this.content = content
    this.#settle = settle
  }
  onAnswer(): void {
    this.#settle(undefined)
  }
  onFailure(error: SetteeError): void {
    this.#settle(error)
  }
}

class RegistryAnswer implements BoltAnswer {
  readonly requestId: number
  readonly template: ResponseTemplate
  readonly status = responseStatus.SUCCESS
  readonly content: RegisterResponse

  constructor(requestId: number, template: ResponseTemplate, content: RegisterResponse) {
    this.requestId = requestId
    this.template = template
    this.content = content
  }
  writeHeaders(): void {}
}
