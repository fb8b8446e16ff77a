/**
 * The connection of one role, transaction manager or resource manager, to the coordinator.
 *
 *     connecting ─► registering ─► ready ─► (lost) connecting …
 *                        └─ refused: calls fail at once, registers again after 5 s to 1 min
 *
 * The coordinator closes connections that speak before they have registered, so calls wait until
 * then, each at most as long as its caller does. Originals: TmNettyRemotingClient and
 * RmNettyRemotingClient; unlike there a refused registration is an error of its own.
 */
import {
  backoffMs,
  messageOf,
  type Clock,
  type Random,
  type SetteeError,
  type Timer,
} from '@settee/kit'
import { Dialer, wireError, type Connection, type TimerWheel } from '@settee/wire'
import { txError } from '../errors.ts'
import { SeataCall, SeataPeer, type SeataPeerOptions } from '../peer.ts'
import {
  frameLength,
  type MessageType,
  type RegisterRMRequest,
  type RegisterRMResponse,
  type RegisterTMRequest,
  type RegisterTMResponse,
  type RequestMessage,
  type ResponseMessage,
} from '../protocol/index.ts'

/** The version of Seata whose conversation this client holds: it decides how we are answered. */
export const clientVersion = '2.6.0'

/** The pairs of request and answer: an answer's type code is its request's plus one. */
interface AnswerTypes {
  readonly [MessageType.GlobalBegin]: typeof MessageType.GlobalBeginResult
  readonly [MessageType.GlobalCommit]: typeof MessageType.GlobalCommitResult
  readonly [MessageType.GlobalRollback]: typeof MessageType.GlobalRollbackResult
  readonly [MessageType.GlobalStatus]: typeof MessageType.GlobalStatusResult
  readonly [MessageType.BranchRegister]: typeof MessageType.BranchRegisterResult
  readonly [MessageType.BranchReport]: typeof MessageType.BranchReportResult
  readonly [MessageType.GlobalLockQuery]: typeof MessageType.GlobalLockQueryResult
}
export type CallType = keyof AnswerTypes
export type RequestOf<Type extends CallType> = Extract<RequestMessage, { type: Type }>
export type AnswerTo<Type extends CallType> = Extract<ResponseMessage, { type: AnswerTypes[Type] }>

export interface CoordinatorLinkOptions {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly random: Random
  readonly wheel: TimerWheel
  /** Says who this side is; asked for each registration. */
  readonly registration: () => RegisterTMRequest | RegisterRMRequest
  readonly onRequest?: SeataPeerOptions['onRequest']
  /** Told of refused registrations and of answers that cannot be read. */
  readonly onWarning: (error: SetteeError) => void
  /** Calls that may wait for the coordinator at once. Default 10,000. */
  readonly maxWaitingCalls?: number
}

const heartbeatIdleMs = 5000
const registrationTimeoutMs = 10_000
const refusedBackoff = { minMs: 5000, maxMs: 60_000 }

export class CoordinatorLink {
  readonly clock: Clock
  readonly random: Random
  readonly #options: CoordinatorLinkOptions
  readonly #dialer: Dialer
  readonly #waiting = new Set<LinkCall>()
  #peer: SeataPeer | undefined
  #isReady = false
  #serverVersion = ''
  #lastFailure: unknown
  #refusal: SetteeError | undefined
  #refusalCount = 0
  #refusalPause: Timer | undefined
  #isClosed = false

  constructor(options: CoordinatorLinkOptions) {
    const { host, port, clock, random } = options
    this.#options = options
    this.clock = clock
    this.random = random
    this.#dialer = new Dialer({
      host,
      port,
      clock,
      random,
      frameLength,
      open: (connection) => this.#open(connection),
      // The dialer puts the address before its cause; here the sentence names it already.
      onFailure: (error) => {
        this.#lastFailure = error.cause ?? error
      },
      backoff: { minMs: 50, maxMs: 1000 },
    })
  }

  /** Whether calls leave at once. */
  get isReady(): boolean {
    return this.#isReady && this.#peer?.connection.isOpen === true
  }

  /** Version of the coordinator; '' before it has told. */
  get serverVersion(): string {
    return this.#serverVersion
  }

  /** Connects, or registers once more, because what `registration` says has changed. */
  register(): void {
    if (this.#isClosed) return
    this.#dialer.start()
    if (this.#peer !== undefined) this.#register(this.#peer)
  }

  /**
   * Asks the coordinator, as soon as it is there.
   * @param timeoutMs longest wait for connection and answer together.
   * @throws SETTEE_TX_COORDINATOR_UNAVAILABLE, SETTEE_TX_REGISTRATION_REFUSED, SETTEE_TX_CLOSED and
   *   SETTEE_WIRE_OVERLOADED, when nothing was sent; SETTEE_WIRE_TIMEOUT and SETTEE_WIRE_CLOSED,
   *   when it may have been; SETTEE_TX_BAD_MESSAGE.
   */
  call<Type extends CallType>(
    message: RequestOf<Type>,
    timeoutMs: number,
  ): Promise<AnswerTo<Type>> {
    const deadlineMs = this.clock.monotonic() + timeoutMs
    const call = new LinkCall(this, message, timeoutMs, deadlineMs)
    if (this.#isClosed) call.onFailure(closedError())
    else if (this.#refusal !== undefined) call.onFailure(this.#refusal)
    else if (timeoutMs <= 0) call.onFailure(tooLate())
    else if (this.isReady) this.#send(this.#peer!, call)
    else this.#wait(call)
    return call.answer as Promise<AnswerTo<Type>>
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#refusalPause?.cancel()
    this.#failWaiting(closedError())
    this.#dialer.close()
  }

  /** @internal Called by a call whose time is up before it was sent. */
  giveUpWaiting(call: LinkCall): void {
    this.#waiting.delete(call)
    const cause = this.#lastFailure
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`
    call.onFailure(
      txError(
        'SETTEE_TX_COORDINATOR_UNAVAILABLE',
        `the coordinator at ${this.#dialer.address} could not be reached within ` +
          `${Math.max(Math.round(call.timeoutMs), 0)} ms${why}; nothing was sent, start it or ` +
          'correct `address`',
        { cause },
      ),
    )
  }

  #send(peer: SeataPeer, call: SeataCall): void {
    try {
      peer.call(call)
    } catch (error) {
      call.onFailure(error as SetteeError)
    }
  }

  #wait(call: LinkCall): void {
    const { wheel, maxWaitingCalls = 10_000 } = this.#options
    if (this.#waiting.size >= maxWaitingCalls) {
      call.onFailure(
        wireError(
          'SETTEE_WIRE_OVERLOADED',
          `${maxWaitingCalls} calls wait for the coordinator at ${this.#dialer.address} already`,
        ),
      )
      return
    }
    this.#waiting.add(call)
    wheel.arm(call, call.timeoutMs)
  }

  #failWaiting(error: SetteeError): void {
    for (const call of this.#waiting) {
      this.#options.wheel.disarm(call)
      call.onFailure(error)
    }
    this.#waiting.clear()
  }

  #sendWaiting(peer: SeataPeer): void {
    const nowMs = this.clock.monotonic()
    const calls = [...this.#waiting]
    this.#waiting.clear()
    for (const call of calls) {
      this.#options.wheel.disarm(call)
      call.timeoutMs = Math.max(call.deadlineMs - nowMs, 1)
      this.#send(peer, call)
    }
  }

  #open(connection: Connection): SeataPeer {
    const { clock, wheel, onRequest, onWarning } = this.#options
    const peer = new SeataPeer({
      connection,
      clock,
      wheel,
      heartbeatIdleMs,
      ...(onRequest !== undefined && { onRequest }),
      onBadMessage: (error) => onWarning(error),
      onClose: () => {
        this.#peer = undefined
        this.#isReady = false
      },
    })
    this.#peer = peer
    this.#register(peer)
    return peer
  }

  #register(peer: SeataPeer): void {
    // After a refusal the coordinator is not asked before the pause is over, reconnected or not.
    if (this.#refusalPause !== undefined) return
    this.#send(
      peer,
      new RegisterCall(
        this.#options.registration(),
        (answer) => {
          if (answer.identified) this.#onRegistered(peer, answer.version)
          else this.#onRefused(answer.msg)
        },
        // Without an answer to it the connection is good for nothing; the next one may be.
        (error) => peer.connection.destroy(error),
      ),
    )
  }

  #onRegistered(peer: SeataPeer, version: string): void {
    this.#serverVersion = version
    this.#refusal = undefined
    this.#refusalCount = 0
    this.#lastFailure = undefined
    this.#isReady = true
    this.#sendWaiting(peer)
  }

  #onRefused(reason: string): void {
    const { applicationId, transactionServiceGroup } = this.#options.registration()
    this.#isReady = false
    this.#refusalCount++
    this.#refusal = txError(
      'SETTEE_TX_REGISTRATION_REFUSED',
      `the coordinator at ${this.#dialer.address} refused the application "${applicationId}" of ` +
        `the group "${transactionServiceGroup}"${reason === '' ? '' : `: ${reason}`}; check both ` +
        'names and what the coordinator allows',
    )
    const pauseMs = backoffMs(this.#refusalCount, refusedBackoff, this.random)
    this.#refusalPause = this.clock.after(pauseMs, () => {
      this.#refusalPause = undefined
      if (this.#peer !== undefined) this.#register(this.#peer)
    })
    this.#failWaiting(this.#refusal)
    this.#options.onWarning(this.#refusal)
  }
}

/** A call that may begin its life before there is a connection. */
class LinkCall extends SeataCall {
  readonly message: RequestOf<CallType>
  /** Shrinks by what was spent on waiting for the connection. */
  timeoutMs: number
  readonly deadlineMs: number
  readonly #link: CoordinatorLink
  readonly #settled = Promise.withResolvers<ResponseMessage>()

  constructor(
    link: CoordinatorLink,
    message: RequestOf<CallType>,
    timeoutMs: number,
    deadlineMs: number,
  ) {
    super()
    this.#link = link
    this.message = message
    this.timeoutMs = timeoutMs
    this.deadlineMs = deadlineMs
  }

  get answer(): Promise<ResponseMessage> {
    return this.#settled.promise
  }
  onAnswer(message: ResponseMessage): void {
    this.#settled.resolve(message)
  }
  onFailure(error: SetteeError): void {
    this.#settled.reject(error)
  }
  override expire(): void {
    if (this.peer === undefined) this.#link.giveUpWaiting(this)
    else super.expire()
  }
}

class RegisterCall extends SeataCall {
  readonly message: RegisterTMRequest | RegisterRMRequest
  readonly timeoutMs = registrationTimeoutMs
  readonly #onAnswer: (answer: RegisterTMResponse | RegisterRMResponse) => void
  readonly #onFailure: (error: SetteeError) => void

  constructor(
    message: RegisterTMRequest | RegisterRMRequest,
    onAnswer: (answer: RegisterTMResponse | RegisterRMResponse) => void,
    onFailure: (error: SetteeError) => void,
  ) {
    super()
    this.message = message
    this.#onAnswer = onAnswer
    this.#onFailure = onFailure
  }

  onAnswer(answer: ResponseMessage): void {
    this.#onAnswer(answer as RegisterTMResponse | RegisterRMResponse)
  }
  onFailure(error: SetteeError): void {
    this.#onFailure(error)
  }
}

function tooLate(): SetteeError {
  return txError(
    'SETTEE_TX_COORDINATOR_UNAVAILABLE',
    'the time of the request or of its global transaction was over before the coordinator could ' +
      'be asked, so nothing was sent; make the work faster or raise its timeout',
  )
}

function closedError(): SetteeError {
  return txError('SETTEE_TX_CLOSED', 'the transaction client was closed; create a new one')
}
