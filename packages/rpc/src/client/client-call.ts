/**
 * One call on its way: the request, the headers of its context, and the promise behind it. It is
 * its own entry in the pending ring and in the timer wheel, so a call is this object, its promise
 * and nothing else.
 */
import {
  BoltCall,
  createHeaderKey,
  HeaderReader,
  jsonCodec,
  requestBaggagePrefix,
  responseStatus,
  responseStatusName,
  sofaHeader,
  type BoltFrame,
  type FrameEncoder,
  type HeaderKey,
  type RequestTemplate,
} from '@settee/bolt'
import { isSetteeError, messageOf, SetteeError, type RequestContext } from '@settee/kit'
import { rpcError } from '../errors.ts'
import { cancelTemplate, errorHeader, traceHeader, xidHeader } from '../protocol.ts'

export class ClientCall extends BoltCall {
  readonly template: RequestTemplate
  readonly timeoutMs: number
  readonly content: unknown
  readonly #context: RequestContext
  /** Of the promise that waits for the answer. */
  resolve: (value: unknown) => void = ignore
  reject: (error: SetteeError) => void = ignore

  constructor(
    template: RequestTemplate,
    content: unknown,
    timeoutMs: number,
    context: RequestContext,
  ) {
    super()
    this.template = template
    this.content = content
    this.timeoutMs = timeoutMs
    this.#context = context
  }

  /** The answer; called once, before the call is sent. */
  answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  override writeHeaders(encoder: FrameEncoder): void {
    const { xid, traceId, baggage, deadlineMs } = this.#context
    if (xid !== undefined) encoder.header(xidHeader, xid)
    if (traceId !== undefined) encoder.header(traceHeader, traceId)
    // The frame's own timeout carries the deadline; Java peers pass it on only with this header.
    if (deadlineMs !== undefined) {
      encoder.header(sofaHeader.deadlineRemainTime, String(this.timeoutMs))
    }
    if (baggage === undefined) return
    for (const [name, value] of Object.entries(baggage)) {
      encoder.header(baggageKey(name), value)
    }
  }

  onAnswer(frame: BoltFrame): void {
    if (frame.status !== responseStatus.SUCCESS) {
      this.reject(refusalOf(frame))
    } else if (frame.headerStart !== frame.contentStart && isFailure(frame)) {
      this.reject(failureOf(frame))
    } else {
      this.resolve(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
    }
  }

  onFailure(error: SetteeError): void {
    this.reject(explainLoss(error))
  }
}

/** Tells the provider that nobody waits for a call any more. */
export class CancelCall extends ClientCall {
  constructor(requestId: number) {
    super(cancelTemplate, requestId, 0, {})
  }
}

function ignore(): void {}

/** Why a call could not even be sent, in the words of rpc. */
export function explainUnsent(error: unknown, where: string): SetteeError {
  const message = `${where} was not called: ${messageOf(error)}`
  if (isSetteeError(error, 'SETTEE_WIRE_CLOSED')) {
    return rpcError('SETTEE_RPC_UNREACHABLE', message, { cause: error })
  }
  if (isSetteeError(error, 'SETTEE_WIRE_OVERLOADED')) {
    return rpcError('SETTEE_RPC_OVERLOADED', message, { cause: error })
  }
  return rpcError('SETTEE_RPC_BAD_ARGUMENT', message, { cause: error })
}

/** What the wire says about a call that was sent, in the words of rpc. */
function explainLoss(error: SetteeError): SetteeError {
  switch (error.code) {
    case 'SETTEE_WIRE_TIMEOUT':
      return rpcError('SETTEE_RPC_TIMEOUT', error.message, { cause: error })
    case 'SETTEE_WIRE_CLOSED':
      return rpcError(
        'SETTEE_RPC_CONNECTION_LOST',
        `the call was sent, but its answer is lost: ${error.message}`,
        { cause: error },
      )
    default:
      return rpcError('SETTEE_RPC_BAD_RESULT', `the answer cannot be read: ${error.message}`, {
        cause: error,
      })
  }
}

/** A status other than success comes from the peer's framework, before or behind its handler. */
function refusalOf(frame: BoltFrame): SetteeError {
  const name = responseStatusName(frame.status)
  if (frame.status === responseStatus.SERVER_THREADPOOL_BUSY) {
    return rpcError('SETTEE_RPC_OVERLOADED', `the provider is busy (${name}); try again later`)
  }
  return rpcError('SETTEE_RPC_REFUSED', `the provider answered ${name}: ${textOf(frame)}`)
}

/** Successful answers of Settee have no headers, so this is rarely read. */
const answerHeaders = new HeaderReader([sofaHeader.responseError, errorHeader])

function isFailure(frame: BoltFrame): boolean {
  answerHeaders.load(frame)
  return answerHeaders.text(sofaHeader.responseError) === 'true'
}

/** An error of the handler: of a Settee peer with its code, of any other with its text. */
function failureOf(frame: BoltFrame): SetteeError {
  const message = textOf(frame)
  const typed = answerHeaders.text(errorHeader)
  if (typed === undefined) return rpcError('SETTEE_RPC_HANDLER_FAILED', message)
  const fields = JSON.parse(typed) as { code?: unknown; retryable?: unknown; details?: unknown }
  return new SetteeError(String(fields.code), fields.retryable === true, message, {
    details: (fields.details ?? {}) as Record<string, unknown>,
  })
}

function textOf(frame: BoltFrame): string {
  try {
    return String(jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
  } catch (error) {
    return isSetteeError(error) ? 'no readable message' : messageOf(error)
  }
}

const baggageKeys = new Map<string, HeaderKey>()
const maxBaggageKeys = 1000

function baggageKey(name: string): HeaderKey {
  const known = baggageKeys.get(name)
  if (known !== undefined) return known
  const key = createHeaderKey(requestBaggagePrefix + name)
  // Names are few by design; a program that invents them must not fill the memory.
  if (baggageKeys.size < maxBaggageKeys) baggageKeys.set(name, key)
  return key
}
