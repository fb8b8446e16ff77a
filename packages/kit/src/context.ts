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
