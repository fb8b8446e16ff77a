/**
 * Calls of one method.
 *
 *     connected, nothing to repeat, check or follow:   one object, one promise      (the rule)
 *     otherwise:   wait for a provider -> send -> failed? pause -> another provider -> ...
 *
 * A second attempt is made only for an idempotent method, within the deadline.
 */
import {
  backoffMs,
  currentContext,
  isSetteeError,
  sleep,
  type BackoffOptions,
  type Clock,
  type Random,
  type RequestContext,
  type SetteeError,
} from '@settee/kit'
import { validate, type AnyMethod } from '../contract.ts'
import { rpcError } from '../errors.ts'
import type { MethodTemplates } from '../protocol.ts'
import { CancelCall, ClientCall, explainUnsent } from './client-call.ts'
import type { Endpoint } from './endpoint.ts'
import type { Providers } from './providers.ts'

export interface CallOptions {
  /** Longest wait for the answer, in ms. Default: that of the method. */
  readonly timeoutMs?: number
  /** Cancels the call, at the provider too. */
  readonly signal?: AbortSignal
}

export interface MethodCallerOptions {
  readonly method: AnyMethod
  /** Service and method, for messages. */
  readonly where: string
  readonly templates: MethodTemplates
  readonly providers: Providers
  readonly clock: Clock
  readonly random: Random
  readonly maxAttempts: number
  readonly backoff: BackoffOptions
  readonly connectWaitMs: number
}

/** What the application asked for, however many times it is sent. */
interface Wish {
  readonly request: unknown
  readonly context: RequestContext
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** The attempt that is on its way. */
  running: { readonly call: ClientCall; readonly endpoint: Endpoint } | undefined
}

export class MethodCaller {
  readonly #options: MethodCallerOptions
  readonly #mustFollow: boolean

  constructor(options: MethodCallerOptions) {
    this.#options = options
    const { isIdempotent, responseSchema } = options.method
    this.#mustFollow = isIdempotent || responseSchema !== undefined
  }

  readonly call = (request: unknown, options?: CallOptions): Promise<unknown> => {
    const { clock, method, providers } = this.#options
    const context = currentContext()
    const nowMs = clock.monotonic()
    const ownDeadlineMs = nowMs + (options?.timeoutMs ?? method.timeoutMs)
    const deadlineMs = Math.min(ownDeadlineMs, context.deadlineMs ?? Infinity)
    const signal = options?.signal
    if (!this.#mustFollow && signal === undefined) {
      const endpoint = providers.pick()
      if (endpoint !== undefined) {
        return this.#send(
          this.#createCall(request, context, deadlineMs - nowMs, endpoint),
          endpoint,
          nowMs,
        )
      }
    }
    const wish: Wish = { request, context, deadlineMs, signal, running: undefined }
    return signal === undefined ? this.#attempt(wish) : this.#attemptUntilAborted(wish, signal)
  }

  async #attempt(wish: Wish): Promise<unknown> {
    const { method, maxAttempts, backoff, random, clock, where } = this.#options
    let avoid: Endpoint | undefined
    for (let failures = 1; ; failures++) {
      try {
        const value = await this.#attemptOnce(wish, avoid)
        if (method.responseSchema === undefined) return value
        return await validate(method.responseSchema, value, 'SETTEE_RPC_BAD_RESULT', where)
      } catch (error) {
        if (failures >= maxAttempts || !this.#maySendAgain(error)) throw error
        const pauseMs = backoffMs(failures, backoff, random)
        if (clock.monotonic() + pauseMs >= wish.deadlineMs) throw error
        // The one that has failed is not the one to ask next, if there is another.
        avoid = wish.running?.endpoint
        wish.running = undefined
        await sleep(pauseMs, clock)
      }
    }
  }

  async #attemptOnce(wish: Wish, avoid: Endpoint | undefined): Promise<unknown> {
    const { providers, connectWaitMs, clock, where } = this.#options
    const leftMs = wish.deadlineMs - clock.monotonic()
    const waitMs = Math.max(0, Math.min(connectWaitMs, leftMs))
    const endpoint = await providers.pickWhenReady(waitMs, avoid)
    if (wish.signal?.aborted === true) throw cancelled(where, 'nothing was sent')
    const nowMs = clock.monotonic()
    const call = this.#createCall(wish.request, wish.context, wish.deadlineMs - nowMs, endpoint)
    wish.running = { call, endpoint }
    return await this.#send(call, endpoint, nowMs)
  }

  #attemptUntilAborted(wish: Wish, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(this.#cancel(wish))
      signal.addEventListener('abort', onAbort, { once: true })
      this.#attempt(wish)
        .then(resolve, reject)
        // A signal may live longer than many calls.
        .finally(() => signal.removeEventListener('abort', onAbort))
    })
  }

  /** Ends the attempt that is on its way, at the provider too. */
  #cancel(wish: Wish): SetteeError {
    const { where } = this.#options
    const peer = wish.running?.endpoint.peer
    if (wish.running === undefined) return cancelled(where, 'nothing was sent')
    const { call, endpoint } = wish.running
    const error = cancelled(where, 'it may have been carried out')
    if (peer === undefined || !peer.cancel(call)) return error
    call.reject(error)
    if (!endpoint.isSettee) return error
    try {
      peer.sendOneway(new CancelCall(call.requestId))
    } catch {
      // The connection is overloaded: the provider finishes a call that nobody waits for.
    }
    return error
  }

  #maySendAgain(error: unknown): boolean {
    if (!this.#options.method.isIdempotent || !isSetteeError(error)) return false
    return error.retryable || error.code === 'SETTEE_RPC_CONNECTION_LOST'
  }

  #createCall(
    request: unknown,
    context: RequestContext,
    leftMs: number,
    endpoint: Endpoint,
  ): ClientCall {
    const { settee, sofa } = this.#options.templates
    const template = endpoint.isSettee ? settee : sofa
    return new ClientCall(template, request, Math.ceil(leftMs), context)
  }

  #send(call: ClientCall, endpoint: Endpoint, nowMs: number): Promise<unknown> {
    const { method, where } = this.#options
    const answer = call.answer()
    const { peer } = endpoint
    try {
      if (call.timeoutMs <= 0) {
        call.reject(noTimeLeft(where))
      } else if (peer === undefined) {
        call.reject(connectionGone(where, endpoint))
      } else if (method.isOneway) {
        peer.sendOneway(call)
        call.resolve(undefined)
      } else {
        peer.call(call, nowMs)
      }
    } catch (error) {
      call.reject(explainUnsent(error, where))
    }
    return answer
  }
}

function noTimeLeft(where: string): SetteeError {
  return rpcError('SETTEE_RPC_TIMEOUT', `no time is left to call ${where}; nothing was sent`)
}

function connectionGone(where: string, { address }: Endpoint): SetteeError {
  const message = `${where} was not called: the connection to ${address} has just closed`
  return rpcError('SETTEE_RPC_UNREACHABLE', message)
}

function cancelled(where: string, outcome: string): SetteeError {
  return rpcError('SETTEE_RPC_CANCELLED', `the call of ${where} was cancelled; ${outcome}`)
}
