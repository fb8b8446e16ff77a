/**
 * The request context: the one AsyncLocalStorage store of a request. Trace, global transaction,
 * deadline and baggage travel together in one immutable object, because three nested stores cost
 * three times as much (measured) and can disagree.
 *
 * `rpc` carries it from process to process; `tx` reads and binds the xid.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

export interface RequestContext {
  /** Trace id of the request, when it is traced. */
  readonly traceId?: string
  /** Global transaction id, in the form `ip:port:transactionId`. */
  readonly xid?: string
  /**
   * Outside of a global transaction: whether rows that global transactions hold are respected.
   * Stays in this process.
   */
  readonly checksGlobalLocks?: boolean
  /** Instant at which nobody waits for the answer any more, in ms of {@link performance.now}. */
  readonly deadlineMs?: number
  /** Small strings that travel with the request through all services. */
  readonly baggage?: Readonly<Record<string, string>>
}

const storage = new AsyncLocalStorage<RequestContext>()
const empty: RequestContext = Object.freeze({})

/** The context of the running request; an empty one outside of any. */
export function currentContext(): RequestContext {
  return storage.getStore() ?? empty
}

/** Runs `run` with exactly this context; what it awaits sees it too. */
export function runWithContext<Result>(context: RequestContext, run: () => Result): Result {
  return storage.run(context, run)
}

const runAtRoot = AsyncLocalStorage.snapshot()

/**
 * Runs `handle(first, second)` as a new request that has arrived: with exactly this context and
 * with no other store of the code that read it from the socket. For servers only. Half the cost of
 * {@link runWithContext}, which keeps what surrounds it (measured).
 */
export function runRequest<First, Second, Result>(
  context: RequestContext,
  handle: (first: First, second: Second) => Result,
  first: First,
  second: Second,
): Result {
  return runAtRoot(enter<First, Second, Result>, context, handle, first, second)
}

function enter<First, Second, Result>(
  context: RequestContext,
  handle: (first: First, second: Second) => Result,
  first: First,
  second: Second,
): Result {
  storage.enterWith(context)
  return handle(first, second)
}
