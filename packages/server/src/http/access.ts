/**
 * Who may ask: what the console and the API show is nobody else's business, and the few orders that
 * they take even less.
 *
 * Without a token only names of this machine are answered. A page of another site could otherwise
 * read the API through its visitor's browser, by letting its own name point to 127.0.0.1 (DNS
 * rebinding). With a token such a page has nothing to show, and any name will do.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { assertMayBind, isLoopback } from '@settee/wire'
import { serverError } from '../errors.ts'

export interface AccessOptions {
  readonly host: string
  readonly allowRemote: boolean
  /** Empty needs none. */
  readonly token: string
}

/** Throws unless an HTTP API on `host` may be started. */
export function assertMayServe({ host, allowRemote, token }: AccessOptions): void {
  assertMayBind('http', host, allowRemote)
  if (isLoopback(host) || token !== '') return
  throw serverError(
    'SETTEE_HTTP_TOKEN_NEEDED',
    `http would show everything to whoever reaches ${host}; ` +
      'set a token with --http.token, or listen on 127.0.0.1',
  )
}

/** Throws SETTEE_HTTP_FORBIDDEN when the request came under a foreign name. */
export function checkHost(request: IncomingMessage, token: string): void {
  if (token !== '') return
  const { host = '' } = request.headers
  const hostname = URL.parse(`http://${host}`)?.hostname ?? ''
  if (isLoopback(hostname.replace(/^\[|\]$/g, ''))) return
  throw serverError(
    'SETTEE_HTTP_FORBIDDEN',
    `this control plane answers under localhost or 127.0.0.1, not under ${JSON.stringify(host)}`,
  )
}

/**
 * Throws SETTEE_HTTP_FORBIDDEN when a page of another origin gives an order through its visitor's
 * browser. A browser says where it comes from, and asks before it sends JSON across origins.
 */
export function checkOrder(request: IncomingMessage): void {
  const { origin, host, 'content-type': type = '' } = request.headers
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw serverError(
      'SETTEE_HTTP_BAD_REQUEST',
      'an order is JSON: send content-type application/json',
    )
  }
  if (origin === undefined || URL.parse(origin)?.host === host) return
  throw serverError(
    'SETTEE_HTTP_FORBIDDEN',
    `a page of ${JSON.stringify(origin)} gives no orders here`,
  )
}

/** Throws SETTEE_HTTP_UNAUTHORIZED unless the token is in the header, the cookie or the query. */
export function checkToken(request: IncomingMessage, url: URL, token: string): void {
  if (token === '') return
  const { authorization, cookie } = request.headers
  const given = [
    authorization?.replace(/^Bearer /i, ''),
    url.searchParams.get('token'),
    readCookie(cookie, cookieName(request)),
  ]
  if (given.some((candidate) => isSameText(candidate ?? '', token))) return
  throw serverError(
    'SETTEE_HTTP_UNAUTHORIZED',
    'the API needs the token of --http.token: send it as "authorization: Bearer TOKEN", or open ' +
      'the console as /?token=TOKEN',
  )
}

/** The cookie that lets the console's own requests in, once it was opened with the token. */
export function tokenCookie(request: IncomingMessage, token: string): string {
  const value = encodeURIComponent(token)
  return `${cookieName(request)}=${value}; Path=/; HttpOnly; SameSite=Strict`
}

/** Cookies are shared by all ports of a host, so that each control plane there needs its own. */
function cookieName(request: IncomingMessage): string {
  return `settee-token-${request.socket.localPort}`
}

function readCookie(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(/;\s*/).find((one) => one.startsWith(`${name}=`))
  try {
    return pair === undefined ? undefined : decodeURIComponent(pair.slice(name.length + 1))
  } catch {
    return undefined
  }
}

function isSameText(given: string, expected: string): boolean {
  const givenBytes = Buffer.from(given)
  const expectedBytes = Buffer.from(expected)
  return givenBytes.length === expectedBytes.length && timingSafeEqual(givenBytes, expectedBytes)
}
