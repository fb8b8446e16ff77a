/**
 * One call being served: what its handler may know about it, and the answer that will leave.
 */
import {
  decodeHeaders,
  requestBaggagePrefix,
  responseStatus,
  sofaHeader,
  type BoltAnswer,
  type BoltFrame,
  type BoltPeer,
  type FrameEncoder,
  type HeaderKey,
  type HeaderReader,
  type ResponseTemplate,
} from '@settee/bolt'
import {
  isSetteeError,
  messageOf,
  type Clock,
  type RequestContext,
  type SetteeError,
  type Timer,
} from '@settee/kit'
import { rpcError } from '../errors.ts'
import {
  answerTemplatesOf,
  errorHeader,
  traceHeader,
  xidHeader,
  type AnswerTemplates,
} from '../protocol.ts'

/** What a handler gets beside its request. */
export interface CallInfo {
  /**
   * Aborts when nobody waits any more: SETTEE_RPC_CANCELLED when the caller says so,
   * SETTEE_RPC_TIMEOUT at the deadline, SETTEE_RPC_CONNECTION_LOST when it is gone.
   */
  readonly signal: AbortSignal
  /** `ip:port` of the caller. */
  readonly remoteAddress: string
}

/** Calls of one connection whose handlers listen to their signal, by request id. */
export type AbortableCalls = Map<number, ServerCall>

/** The connection that a call came over. */
export interface Caller {
  readonly peer: BoltPeer
  readonly abortable: AbortableCalls
  readonly clock: Clock
}

/** Headers that are read of every request. */
export const requestHeaders: readonly HeaderKey[] = [
  sofaHeader.service,
  sofaHeader.targetService,
  sofaHeader.methodName,
  xidHeader,
  traceHeader,
]

/** Longest text of an error that travels, in characters, and longest JSON of its details. */
const maxMessageLength = 8192
const maxDetailsLength = 8192

export class ServerCall implements CallInfo, BoltAnswer {
  readonly requestId: number
  readonly context: RequestContext
  readonly #expectsAnswer: boolean
  readonly #caller: Caller
  readonly #templates: AnswerTemplates
  #failure: unknown
  #hasFailed = false
  #cancellation: AbortController | undefined
  #deadline: Timer | undefined
  #isAnswered = false
  status: number = responseStatus.SUCCESS
  content: unknown

  constructor(frame: BoltFrame, context: RequestContext, caller: Caller) {
    this.requestId = frame.requestId
    this.context = context
    this.#expectsAnswer = frame.expectsAnswer
    this.#caller = caller
    this.#templates = answerTemplatesOf(frame.dialect)
  }

  get remoteAddress(): string {
    return this.#caller.peer.connection.remoteAddress
  }

  /** Made when first asked for: most handlers never do, and it costs as much as the whole call. */
  get signal(): AbortSignal {
    if (this.#cancellation !== undefined) return this.#cancellation.signal
    const { clock, abortable } = this.#caller
    const { deadlineMs } = this.context
    this.#cancellation = new AbortController()
    // Nobody waits for a oneway call, so nobody can stop waiting.
    if (this.#isAnswered || !this.#expectsAnswer) return this.#cancellation.signal
    abortable.set(this.requestId, this)
    if (deadlineMs !== undefined) {
      this.#deadline = clock.after(deadlineMs - clock.monotonic(), () =>
        this.abort(rpcError('SETTEE_RPC_TIMEOUT', 'the caller does not wait any longer')),
      )
    }
    return this.#cancellation.signal
  }

  /** Tells the handler, if it listens, that nobody waits any more. */
  abort(reason: SetteeError): void {
    this.#cancellation?.abort(reason)
  }

  get template(): ResponseTemplate {
    const { success, failure, refusal } = this.#templates
    if (this.status !== responseStatus.SUCCESS) return refusal
    return this.#hasFailed ? failure : success
  }

  writeHeaders(encoder: FrameEncoder): void {
    if (isSetteeError(this.#failure)) encoder.header(errorHeader, encodeError(this.#failure))
  }

  /** Answers with the result, or with an error if it cannot be sent. */
  succeed(result: unknown): void {
    this.content = result
    try {
      this.#finish()
    } catch (error) {
      if (isSetteeError(error, 'SETTEE_WIRE_OVERLOADED')) throw error
      // Nothing has left yet: the caller is told instead of waiting for its timeout.
      this.fail(rpcError('SETTEE_RPC_BAD_RESULT', `the result cannot be sent: ${messageOf(error)}`))
    }
  }

  /** Answers with an error of the handler: its message and, if it is typed, its code travel. */
  fail(error: unknown): void {
    this.#hasFailed = true
    this.#failure = error
    this.content = messageOf(error).slice(0, maxMessageLength)
    this.#finish()
  }

  /** Answers with a status of the protocol: the handler did not run. */
  refuse(status: number, message: string): void {
    this.status = status
    this.content = message
    this.#finish()
  }

  /** Closes the connection of a caller that cannot be answered. */
  hangUp(cause: unknown): void {
    const message = `an answer could not be sent: ${messageOf(cause)}`
    const reason = rpcError('SETTEE_RPC_CONNECTION_LOST', message, { cause })
    this.#caller.peer.connection.destroy(reason)
  }

  #finish(): void {
    this.#isAnswered = true
    if (this.#cancellation !== undefined) {
      this.#caller.abortable.delete(this.requestId)
      this.#deadline?.cancel()
    }
    const { peer } = this.#caller
    if (this.#expectsAnswer && peer.connection.isOpen) peer.answer(this)
  }
}

/** Details that are no JSON or too long stay here: code and message must arrive in any case. */
function encodeError({ code, retryable, details }: SetteeError): string {
  try {
    const text = JSON.stringify({ code, retryable, details })
    if (text.length <= maxDetailsLength) return text
  } catch {
    // A cycle or a bigint.
  }
  return JSON.stringify({ code, retryable })
}

/** The context in which the caller made the call. Throws SETTEE_BOLT_BAD_HEADER_MAP. */
export function readContext(
  frame: BoltFrame,
  headers: HeaderReader,
  arrivalMs: number,
): RequestContext {
  const xid = headers.text(xidHeader)
  const traceId = headers.text(traceHeader)
  const hasDeadline = frame.expectsAnswer && frame.timeoutMs > 0
  const deadline = hasDeadline ? { deadlineMs: arrivalMs + frame.timeoutMs } : {}
  // The rule, and cheaper than the spreads below.
  if (xid === undefined && traceId === undefined && !headers.hasPrefixed) return deadline
  return {
    ...deadline,
    ...(xid !== undefined && { xid }),
    ...(traceId !== undefined && { traceId }),
    ...(headers.hasPrefixed && { baggage: readBaggage(frame) }),
  }
}

function readBaggage(frame: BoltFrame): Record<string, string> {
  const baggage = Object.create(null) as Record<string, string>
  for (const [name, value] of decodeHeaders(frame)) {
    if (name.startsWith(requestBaggagePrefix)) {
      baggage[name.slice(requestBaggagePrefix.length)] = value
    }
  }
  return baggage
}
