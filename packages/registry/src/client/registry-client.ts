/**
 * The registry client: remembers what the application publishes and subscribes, tells the server,
 * and tells it again after every reconnect. The last list of each service stays in memory, so
 * calls go on while the control plane is away. Original: com.alipay.sofa.registry.client.
 */
import { randomUUID } from 'node:crypto'
import {
  BoltCall,
  BoltPeer,
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
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type SetteeError,
} from '@settee/kit'
import { Dialer, TimerWheel, type Connection } from '@settee/wire'
import { registryError } from '../errors.ts'
import {
  defaultGroup,
  defaultInstanceId,
  defaultZone,
  parseReceivedData,
  parseRegisterResponse,
  RegistryClass,
  type PublisherRegister,
  type ReceivedData,
  type Result,
  type SubscriberRegister,
} from '../protocol/messages.ts'
import { publisherTemplate, resultTemplate, subscriberTemplate } from '../protocol/templates.ts'

export interface RegistryClientOptions {
  /** `host:port` of the registry. Default 127.0.0.1:9600. */
  readonly address?: string
  /** Name of the application, shown in the console. */
  readonly application: string
  /** Default DEFAULT_ZONE. */
  readonly zone?: string
  /** Told when the server refuses a registration for good. Default: a process warning. */
  readonly onRefused?: (error: SetteeError) => void
  readonly clock?: Clock
  readonly random?: Random
}

export interface Publication {
  /** Resolves when the server has acknowledged the publication for the first time. */
  readonly acknowledged: Promise<void>
  /** Takes the publication back; resolves when the server knows, or after a second. */
  withdraw(): Promise<void>
}

export interface Subscription {
  close(): void
}

/** Called with the full list whenever it changes; the first time when the first push arrives. */
export type OnChange = (urls: readonly string[]) => void

export interface RegistryClient {
  readonly isConnected: boolean
  /** Announces `data`, such as `127.0.0.1:12200?app_name=stock`, under `dataId`. */
  publish(dataId: string, data: string): Publication
  subscribe(dataId: string, onChange: OnChange): Subscription
  /** Closes the connection; the server withdraws what was published. */
  close(): void
}

const registerTimeoutMs = 1000
const registerBackoff = { minMs: 200, maxMs: 5000 }

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  return new BoltRegistryClient(options)
}

/** One thing to keep registered. */
interface Registration {
  readonly template: RequestTemplate
  register: PublisherRegister | SubscriberRegister
  readonly onAcknowledged: () => void
  /** The connection that knows it, so that an old timer does not register twice. */
  sentOn: BoltPeer | undefined
}

/** What is known of a subscribed service. */
interface Cache {
  readonly onChange: OnChange
  version: number
  urls: readonly string[]
}

class BoltRegistryClient implements RegistryClient {
  readonly #options: RegistryClientOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #wheel: TimerWheel
  readonly #dialer: Dialer
  readonly #registrations = new Set<Registration>()
  readonly #caches = new Map<string, Cache>()
  #peer: BoltPeer | undefined
  #isClosed = false

  constructor(options: RegistryClientOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#wheel = new TimerWheel({ clock: this.#clock })
    const address = options.address ?? '127.0.0.1:9600'
    const colon = address.lastIndexOf(':')
    this.#dialer = new Dialer({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      clock: this.#clock,
      random: this.#random,
      backoff: { minMs: 50, maxMs: 1000 },
      frameLength,
      open: (connection) => this.#open(connection),
    })
    this.#dialer.start()
  }

  get isConnected(): boolean {
    return this.#peer?.connection.isOpen === true
  }

  publish(dataId: string, data: string): Publication {
    const acknowledged = Promise.withResolvers<void>()
    const registration: Registration = {
      template: publisherTemplate,
      register: { ...this.#baseRegister(dataId), dataList: [{ data }] },
      onAcknowledged: acknowledged.resolve,
      sentOn: undefined,
    }
    this.#add(registration)
    return {
      acknowledged: acknowledged.promise,
      withdraw: () => this.#withdraw(registration),
    }
  }

  subscribe(dataId: string, onChange: OnChange): Subscription {
    const register: SubscriberRegister = { ...this.#baseRegister(dataId), scope: 'global' }
    const registration: Registration = {
      template: subscriberTemplate,
      register,
      onAcknowledged: () => {},
      sentOn: undefined,
    }
    this.#caches.set(register.registId, { onChange, version: 0, urls: [] })
    this.#add(registration)
    return {
      close: () => {
        this.#caches.delete(register.registId)
        void this.#withdraw(registration)
      },
    }
  }

  close(): void {
    this.#isClosed = true
    this.#dialer.close()
  }

  #baseRegister(dataId: string): Omit<SubscriberRegister, 'scope'> {
    return {
      instanceId: defaultInstanceId,
      zone: this.#options.zone ?? defaultZone,
      appName: this.#options.application,
      dataId,
      group: defaultGroup,
      registId: randomUUID(),
      eventType: 'REGISTER',
      version: 1,
    }
  }

  #add(registration: Registration): void {
    if (this.#isClosed) {
      throw registryError('SETTEE_REGISTRY_CLOSED', 'the registry client is closed')
    }
    this.#registrations.add(registration)
    this.#register(registration, 1)
  }

  async #withdraw(registration: Registration): Promise<void> {
    if (!this.#registrations.delete(registration) || !this.isConnected) return
    const { register, template } = registration
    const content = { ...register, eventType: 'UNREGISTER', version: register.version + 1 } as const
    await new Promise<void>((resolve) => this.#send(template, content, () => resolve()))
  }

  #open(connection: Connection): BoltPeer {
    const peer = new BoltPeer({
      connection,
      clock: this.#clock,
      wheel: this.#wheel,
      onRequest: (frame) => this.#onPush(frame, peer),
      onClose: () => {
        if (this.#peer === peer) this.#peer = undefined
      },
    })
    this.#peer = peer
    // The handler must be in place before anything is sent.
    queueMicrotask(() => {
      for (const registration of this.#registrations) this.#register(registration, 1)
    })
    return peer
  }

  #register(registration: Registration, attempt: number): void {
    const peer = this.#peer
    if (peer === undefined || registration.sentOn === peer) return
    registration.sentOn = peer
    const { template, register } = registration
    this.#send(template, register, (error, frame) => {
      if (!this.#registrations.has(registration)) return
      const response = frame === undefined ? undefined : readResponse(frame)
      if (response?.success === true && response.version === register.version) {
        registration.onAcknowledged()
      } else if (response?.refused === true) {
        this.#registrations.delete(registration)
        this.#onRefused(register.dataId, response.message)
      } else if (this.#peer === peer) {
        this.#clock.after(backoffMs(attempt, registerBackoff, this.#random), () => {
          if (this.#peer !== peer || this.#isClosed) return
          registration.sentOn = undefined
          this.#register(registration, attempt + 1)
        })
      }
      void error
    })
  }

  #onRefused(dataId: string, message: string | null): void {
    const error = registryError(
      'SETTEE_REGISTRY_BAD_MESSAGE',
      `the registry refused ${dataId}: ${message ?? 'without a reason'}`,
    )
    if (this.#options.onRefused !== undefined) this.#options.onRefused(error)
    else process.emitWarning(error.message, 'SetteeRegistryWarning')
  }

  #send(
    template: RequestTemplate,
    content: unknown,
    settle: (error: SetteeError | undefined, frame: BoltFrame | undefined) => void,
  ): void {
    try {
      this.#peer!.call(new RegisterCall(template, content, settle))
    } catch (error) {
      settle(error as SetteeError, undefined)
    }
  }

  #onPush(frame: BoltFrame, peer: BoltPeer): void {
    let result: Result = { success: true, message: null }
    try {
      if (frame.className !== RegistryClass.receivedData) {
        throw new Error(`a client does not know requests of class ${frame.className}`)
      }
      this.#take(
        parseReceivedData(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd)),
      )
    } catch (error) {
      result = { success: false, message: String(error) }
    }
    if (frame.expectsAnswer) {
      peer.answer(new PushAnswer(frame.requestId, resultTemplate(frame.dialect), result))
    }
  }

  #take(push: ReceivedData): void {
    const pushed = Object.values(push.data).flatMap((boxes) => boxes.map((box) => box.data))
    for (const registId of push.subscriberRegistIds) {
      const cache = this.#caches.get(registId)
      // The same version comes again when the warm-up of the server ends; an older one is late.
      if (cache === undefined || push.version < cache.version) continue
      cache.version = push.version
      const urls = push.isPartial ? [...new Set([...cache.urls, ...pushed])] : pushed
      cache.urls = urls
      cache.onChange(urls)
    }
  }
}

function readResponse(frame: BoltFrame): ReturnType<typeof parseRegisterResponse> | undefined {
  if (frame.status !== responseStatus.SUCCESS) return undefined
  return parseRegisterResponse(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
}

class RegisterCall extends BoltCall {
  readonly template: RequestTemplate
  readonly timeoutMs = registerTimeoutMs
  readonly content: unknown
  readonly #settle: (error: SetteeError | undefined, frame: BoltFrame | undefined) => void

  constructor(
    template: RequestTemplate,
    content: unknown,
    settle: (error: SetteeError | undefined, frame: BoltFrame | undefined) => void,
  ) {
    super()
    this.template = template
    this.content = content
    this.#settle = settle
  }
  onAnswer(frame: BoltFrame): void {
    this.#settle(undefined, frame)
  }
  onFailure(error: SetteeError): void {
    this.#settle(error, undefined)
  }
}

class PushAnswer implements BoltAnswer {
  readonly requestId: number
  readonly template: ResponseTemplate
  readonly status = responseStatus.SUCCESS
  readonly content: Result

  constructor(requestId: number, template: ResponseTemplate, content: Result) {
    this.requestId = requestId
    this.template = template
    this.content = content
  }
  writeHeaders(): void {}
}
