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
  messageOf,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type SetteeError,
  type Timer,
} from '@settee/kit'
import { Dialer, parseAddress, TimerWheel, type Connection } from '@settee/wire'
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
  /**
   * Resolves when the server has acknowledged the publication for the first time. Rejects when it
   * refused it for good, and with SETTEE_REGISTRY_CLOSED when it was withdrawn or closed before.
   */
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

/** @throws SETTEE_REGISTRY_BAD_OPTION for an address of a wrong form. */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  return new BoltRegistryClient(options)
}

/** One thing to keep registered. */
interface Registration {
  readonly template: RequestTemplate
  readonly register: PublisherRegister | SubscriberRegister
  readonly acknowledged: PromiseWithResolvers<void>
  /** The connection that knows it, so that an old timer does not register twice. */
  sentOn: BoltPeer | undefined
  retry: Timer | undefined
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
    this.#dialer = new Dialer({
      ...checkAddress(options.address ?? '127.0.0.1:9600'),
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
    const register = { ...this.#baseRegister(dataId), dataList: [{ data }] }
    const registration = this.#add(publisherTemplate, register)
    return {
      acknowledged: registration.acknowledged.promise,
      withdraw: () => this.#withdraw(registration),
    }
  }

  subscribe(dataId: string, onChange: OnChange): Subscription {
    const register: SubscriberRegister = { ...this.#baseRegister(dataId), scope: 'global' }
    const registration = this.#add(subscriberTemplate, register)
    this.#caches.set(register.registId, { onChange, version: 0, urls: [] })
    return {
      close: () => {
        this.#caches.delete(register.registId)
        void this.#withdraw(registration)
      },
    }
  }

  close(): void {
    this.#isClosed = true
    for (const registration of this.#registrations) this.#drop(registration, closed())
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

  #add(template: RequestTemplate, register: PublisherRegister | SubscriberRegister): Registration {
    if (this.#isClosed) throw closed()
    const acknowledged = Promise.withResolvers<void>()
    // Whoever does not wait for it is told otherwise, see onRefused.
    acknowledged.promise.catch(() => {})
    const registration = {
      template,
      register,
      acknowledged,
      sentOn: undefined,
      retry: undefined,
    }
    this.#registrations.add(registration)
    this.#register(registration, 1)
    return registration
  }

  async #withdraw(registration: Registration): Promise<void> {
    if (!this.#registrations.has(registration)) return
    this.#drop(registration, closed())
    if (!this.isConnected) return
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
    this.#send(template, register, (frame) => {
      if (!this.#registrations.has(registration)) return
      const response = frame === undefined ? undefined : readResponse(frame)
      if (response?.success === true && response.version === register.version) {
        registration.acknowledged.resolve()
      } else if (response?.refused === true) {
        this.#onRefused(registration, response.message)
      } else if (peer.connection.isOpen) {
        // On the next connection everything is registered anyway.
        const delayMs = backoffMs(attempt, registerBackoff, this.#random)
        registration.retry = this.#clock.after(delayMs, () => {
          if (registration.sentOn !== peer) return
          registration.sentOn = undefined
          this.#register(registration, attempt + 1)
        })
      }
    })
  }

  /** It is not wanted any more: nobody registers it again. */
  #drop(registration: Registration, reason: SetteeError): void {
    this.#registrations.delete(registration)
    registration.retry?.cancel()
    registration.acknowledged.reject(reason)
  }

  #onRefused(registration: Registration, message: string | null): void {
    const { dataId, registId } = registration.register
    const error = registryError(
      'SETTEE_REGISTRY_REFUSED',
      `the registry refused ${dataId}: ${message ?? 'without a reason'}`,
    )
    this.#drop(registration, error)
    this.#caches.delete(registId)
    if (this.#options.onRefused !== undefined) this.#options.onRefused(error)
    else process.emitWarning(error.message, 'SetteeRegistryWarning')
  }

  /** @param settle gets the answer, or undefined when none came. */
  #send(
    template: RequestTemplate,
    content: unknown,
    settle: (frame: BoltFrame | undefined) => void,
  ): void {
    try {
      this.#peer!.call(new RegisterCall(template, content, settle))
    } catch {
      settle(undefined)
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
      result = { success: false, message: messageOf(error) }
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
      try {
        cache.onChange(urls)
      } catch (error) {
        // A defect of the application; the list was taken, and other subscribers want theirs.
        process.emitWarning(
          `onChange of ${push.dataId} failed: ${messageOf(error)}`,
          'SetteeRegistryWarning',
        )
      }
    }
  }
}

function checkAddress(address: string): { host: string; port: number } {
  const parsed = parseAddress(address)
  if (parsed !== undefined) return parsed
  throw registryError(
    'SETTEE_REGISTRY_BAD_OPTION',
    `address must have the form host:port, as 127.0.0.1:9600 or [::1]:9600, not "${address}"`,
  )
}

function closed(): SetteeError {
  return registryError(
    'SETTEE_REGISTRY_CLOSED',
    'the publication or the registry client was closed',
  )
}

function readResponse(frame: BoltFrame): ReturnType<typeof parseRegisterResponse> | undefined {
  if (frame.status !== responseStatus.SUCCESS) return undefined
  return parseRegisterResponse(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
}

class RegisterCall extends BoltCall {
  readonly template: RequestTemplate
  readonly timeoutMs = registerTimeoutMs
  readonly content: unknown
  readonly #settle: (frame: BoltFrame | undefined) => void

  constructor(
    template: RequestTemplate,
    content: unknown,
    settle: (frame: BoltFrame | undefined) => void,
  ) {
    super()
    this.template = template
    this.content = content
    this.#settle = settle
  }
  onAnswer(frame: BoltFrame): void {
    this.#settle(frame)
  }
  onFailure(): void {
    this.#settle(undefined)
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
