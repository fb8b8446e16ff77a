/**
 * The xid in the headers of HTTP, as Seata's interceptors for Spring and its HTTP executor send
 * and read it.
 *
 * ```ts
 * await fetch(url, { headers: injectXid({ accept: 'application/json' }) })
 *
 * createServer((request, response) => runWithXid(xidOf(request.headers), () => handle(request)))
 * express().use(joinTransaction)
 * ```
 */
import { runWithXid, xidHeaderName, xidToSend } from './propagation-context.ts'

/** As of `node:http`, with names in lower case, or as of `fetch`. */
export type ArrivedHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null }

/** The headers with that of the surrounding transaction, or as they are when there is none. */
export function injectXid<Fields extends Readonly<Record<string, unknown>>>(
  headers: Fields,
): Fields | (Fields & { readonly [xidHeaderName]: string }) {
  const xid = xidToSend()
  return xid === undefined ? headers : { ...headers, [xidHeaderName]: xid }
}

/** The xid that a request came with. Of several the first counts. */
export function xidOf(headers: ArrivedHeaders): string | undefined {
  if (isFetchHeaders(headers)) return headers.get(xidHeaderName) ?? undefined
  const value = headers[xidHeaderName.toLowerCase()]
  return typeof value === 'string' ? value : value?.[0]
}

/** A middleware for express and whatever else has its form: the handlers after it join. */
export function joinTransaction(
  request: { readonly headers: ArrivedHeaders },
  _response: unknown,
  next: () => void,
): void {
  runWithXid(xidOf(request.headers), next)
}

function isFetchHeaders(headers: ArrivedHeaders): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function'
}
