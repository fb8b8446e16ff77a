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
import { isSetteeError, messageOf, type RequestContext } from '@settee/kit'
import { rpcError } from '../errors.ts'
import { answerTemplatesOf, errorHeader, traceHeader, xidHeader } from '../protocol.ts'

/** What a handler gets beside its request. */
export interface CallInfo {
  /** Aborts when the caller cancels, disappears, or does not wait any longer. */
  readonly signal: AbortSignal
  /** `ip:port` of the caller. */
  readonly remoteAddress: string
}

/** Calls of one connection whose handlers listen to their signal, by request id. */
export type AbortableCalls = Map<number, AbortController>

/** The connection that a call came over. */
export interface Caller {
  readonly peer: BoltPeer
  readonly abortable: AbortableCalls
}

/** Headers that are read of every request. */
export const requestHeaders: readonly HeaderKey[] = [
  sofaHeader.service,
  sofaHeader.targetService,
  sofaHeader.methodName,
  xidHeader,
  traceHeader,
]

export class ServerCall implements CallInfo, BoltAnswer {
  readonly requestId: number
  readonly expectsAnswer: boolean
  readonly context: RequestContext
  readonly #peer: BoltPeer
  readonly #abortable: AbortableCalls
  readonly #templates: ReturnType<typeof answerTemplatesOf>
  #failure: unknown
  #hasFailed = false
  #signal: AbortSignal | undefined
  status: number = responseStatus.SUCCESS
  content: unknown

  constructor(frame: BoltFrame, context: RequestContext, from: Caller) {
    this.requestId = frame.requestId
    this.expectsAnswer = frame.expectsAnswer
    this.#peer = from.peer
    this.#abortable = from.abortable
    this.#templates = answerTemplatesOf(frame.dialect)
    this.context = context
  }

  get remoteAddress(): string {
    return this.#peer.connection.remoteAddress
  }

  /** Made when first asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal
    const cancellation = new AbortController()
    this.#abortable.set(this.requestId, cancellation)
    const { deadlineMs } = this.context
    this.#signal =
      deadlineMs === undefined
        ? cancellation.signal
        : AbortSignal.any([
            cancellation.signal,
            AbortSignal.timeout(Math.max(0, Math.ceil(deadlineMs - performance.now()))),
          ])
    return this.#signal
  }

  get template(): ResponseTemplate {
    return this.#hasFailed ? this.#templates.failure : this.#templates.success
  }

  writeHeaders(encoder: FrameEncoder): void {
    if (isSetteeError(this.#failure)) {
      const { code, retryable, details } = this.#failure
      encoder.header(errorHeader, JSON.stringify({ code, retryable, details }))
    }
  }

  succeed(result: unknown): void {
    this.content = result
    try {
      this.#finish()
    } catch (error) {
      // Nothing has left yet: the caller is told instead of waiting for its timeout.
      this.fail(rpcError('SETTEE_RPC_BAD_RESULT', `the result cannot be sent: ${messageOf(error)}`))
    }
  }

  /** Answers with an error of the handler: its message and, if it is typed, its code travel. */
  fail(error: unknown): void {
    this.#hasFailed = true
    this.#failure = error
    this.content = messageOf(error)
    this.#finish()
  }

  /** Answers with a status of the protocol: the handler did not run. */
  refuse(status: number, message: string): void {
    this.status = status
    this.content = message
    this.#finish()
  }

  #finish(): void {
    if (this.#signal !== undefined) this.#abortable.delete(this.requestId)
    if (this.expectsAnswer && this.#peer.connection.isOpen) this.#peer.answer(this)
  }
}

/** The context in which the caller made the call. Throws SETTEE_BOLT_BAD_HEADER_MAP. */
export function readContext(
  frame: BoltFrame,
  headers: HeaderReader,
  nowMs: number,
): RequestContext {
  const xid = headers.text(xidHeader)
  const traceId = headers.text(traceHeader)
  const baggage = readBaggage(frame)
  return {
    ...(frame.timeoutMs > 0 && { deadlineMs: nowMs + frame.timeoutMs }),
    ...(xid !== undefined && { xid }),
    ...(traceId !== undefined && { traceId }),
    ...(baggage !== undefined && { baggage }),
  }
}

const baggageMark = Buffer.from(requestBaggagePrefix)

function readBaggage(frame: BoltFrame): Record<string, string> | undefined {
  const headers = frame.bytes.subarray(frame.headerStart, frame.contentStart)
  if (!headers.includes(baggageMark)) return undefined
  const baggage: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of decodeHeaders(frame)) {
    if (name.startsWith(requestBaggagePrefix)) {
      baggage[name.slice(requestBaggagePrefix.length)] = value
    }
  }
  return baggage
}
