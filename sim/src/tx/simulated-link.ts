/**
 * The client's end of a simulated connection, with the rules of the real link: calls wait until the
 * connection has registered, a lost connection fails what was sent and is dialled again.
 */
import { backoffMs, type Clock, type Random, type SetteeError, type Timer } from '@settee/kit'
import { wireError } from '@settee/wire'
import type { AnswerTo, CallType, CoordinatorLink, RequestOf, SeataPeer } from '@settee/tx/internal'
import {
  FrameType,
  MessageType,
  type RegisterRMRequest,
  type RegisterTMRequest,
  type RequestMessage,
  type ResponseMessage,
} from '@settee/tx/protocol'
import type { SimulatedConnection } from '../world/network.ts'
import type { SimulatedProcess } from '../world/simulated-process.ts'

/** The server's end, as the client sees it. */
export interface ServerEnd {
  request(message: RequestMessage, requestId: number): void
  answer(requestId: number, message: ResponseMessage): void
}

export interface DialledConnection {
  readonly connection: SimulatedConnection
  readonly server: ServerEnd
}

export interface ClientEnd {
  onRequest(message: RequestMessage, requestId: number): void
  onAnswer(requestId: number, message: ResponseMessage): void
  onClose(): void
}

export interface SimulatedLinkOptions {
  readonly process: SimulatedProcess
  readonly random: Random
  readonly registration: () => RegisterTMRequest | RegisterRMRequest
  readonly onRequest?: (
    message: RequestMessage,
    requestId: number,
    frameType: FrameType,
    peer: SeataPeer,
  ) => void
  /** Undefined while nobody listens. */
  readonly dial: (client: ClientEnd) => DialledConnection | undefined
}

interface PendingCall {
  readonly message: RequestMessage
  readonly timer: Timer
  readonly resolve: (answer: ResponseMessage) => void
  readonly reject: (error: SetteeError) => void
}

const redial = { minMs: 50, maxMs: 1000 }
const registrationTimeoutMs = 10_000

export class SimulatedLink implements ClientEnd {
  readonly clock: Clock
  readonly random: Random
  serverVersion = ''
  readonly #options: SimulatedLinkOptions
  /** Sent, by request id. */
  readonly #pending = new Map<number, PendingCall>()
  #waiting: PendingCall[] = []
  #dialled: DialledConnection | undefined
  #isReady = false
  #isDialling = false
  #lastId = 0
  #failures = 0

  constructor(options: SimulatedLinkOptions) {
    this.#options = options
    this.clock = options.process.clock
    this.random = options.random
  }

  /** For the client's own code, which knows the real link. */
  asCoordinatorLink(): CoordinatorLink {
    return this as unknown as CoordinatorLink
  }

  register(): void {
    if (this.#dialled === undefined) this.#dial()
    else this.#register(this.#dialled)
  }

  call<Type extends CallType>(
    message: RequestOf<Type>,
    timeoutMs: number,
  ): Promise<AnswerTo<Type>> {
    return this.#call(message, timeoutMs) as Promise<AnswerTo<Type>>
  }

  onRequest(message: RequestMessage, requestId: number): void {
    const dialled = this.#dialled
    const answer = (id: number, response: ResponseMessage): void => {
      dialled?.connection.send(0, () => dialled.server.answer(id, response))
    }
    // Of the peer the resource manager uses nothing else.
    const peer = { answer } as unknown as SeataPeer
    this.#options.onRequest?.(message, requestId, FrameType.RequestSync, peer)
  }

  onAnswer(requestId: number, message: ResponseMessage): void {
    const call = this.#pending.get(requestId)
    // A second answer, or one to a call that was given up.
    if (call === undefined) return
    this.#pending.delete(requestId)
    call.timer.cancel()
    call.resolve(message)
  }

  onClose(): void {
    this.#dialled = undefined
    this.#isReady = false
    const lost = [...this.#pending.values()]
    this.#pending.clear()
    for (const call of lost) {
      call.timer.cancel()
      call.reject(wireError('SETTEE_WIRE_CLOSED', 'the connection to the coordinator broke'))
    }
    this.#dial()
  }

  #call(message: RequestMessage, timeoutMs: number): Promise<ResponseMessage> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter((other) => other !== call)
        for (const [id, other] of this.#pending) if (other === call) this.#pending.delete(id)
        reject(wireError('SETTEE_WIRE_TIMEOUT', `no answer within ${Math.round(timeoutMs)} ms`))
      })
      const call: PendingCall = { message, timer, resolve, reject }
      if (this.#isReady) this.#send(call)
      else this.#waiting.push(call)
    })
  }

  #send(call: PendingCall): void {
    const { connection, server } = this.#dialled as DialledConnection
    const requestId = ++this.#lastId
    this.#pending.set(requestId, call)
    // The one request that clients never send twice: a second branch would follow the first.
    const care = call.message.type === MessageType.BranchRegister ? 'single' : 'none'
    connection.send(0, () => server.request(call.message, requestId), care)
  }

  #dial(): void {
    if (this.#isDialling) return
    this.#isDialling = true
    const pauseMs = this.#failures === 0 ? 1 : backoffMs(this.#failures, redial, this.random)
    this.clock.after(pauseMs, () => {
      this.#isDialling = false
      const dialled = this.#options.dial(this)
      if (dialled === undefined) {
        this.#failures++
        this.#dial()
        return
      }
      this.#dialled = dialled
      this.#register(dialled)
    })
  }

  #register(dialled: DialledConnection): void {
    const requestId = ++this.#lastId
    const timer = this.clock.after(registrationTimeoutMs, () => dialled.connection.break())
    const resolve = (answer: ResponseMessage): void => {
      const isRegistration =
        answer.type === MessageType.RegisterTMResult || answer.type === MessageType.RegisterRMResult
      if (!isRegistration || this.#dialled !== dialled) return
      this.#failures = 0
      this.#isReady = true
      this.serverVersion = answer.version
      const waiting = this.#waiting
      this.#waiting = []
      for (const call of waiting) this.#send(call)
    }
    const message = this.#options.registration()
    this.#pending.set(requestId, { message, timer, resolve, reject: () => undefined })
    dialled.connection.send(0, () => dialled.server.request(message, requestId), 'reliable')
  }
}
