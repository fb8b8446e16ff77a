/**
 * The HTTP side of the control plane: API, event streams, console.
 *
 * Read-only. A browser page of another site must not read it through the user's own browser, so
 * foreign Host headers are refused (DNS rebinding) and no CORS header is ever sent. Beyond loopback
 * it needs a token.
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isSetteeError, messageOf, type Service } from '@settee/kit'
import { assertMayBind, isLoopback, listen } from '@settee/wire'
import { serverError } from '../errors.ts'
import { createEventStreams } from './event-streams.ts'
import { readRoute, readTopics } from './routes.ts'
import type { StaticSite } from './static-site.ts'
import type { ControlPlaneView } from './view.ts'

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  readonly allowRemote: boolean
  /** Bearer token that every API request must carry; empty needs none. */
  readonly token: string
  readonly view: ControlPlaneView
  /** Resolves when the console is built; until then its pages say that it is coming. */
  readonly site: Promise<StaticSite | undefined>
}

export interface HttpServer extends Service {
  /** Where a browser finds the console. */
  readonly url: string
  readonly connectionCount: number
}

const statusOf: Readonly<Record<string, number>> = {
  SETTEE_HTTP_NOT_FOUND: 404,
  SETTEE_HTTP_BAD_REQUEST: 400,
  SETTEE_HTTP_METHOD_NOT_ALLOWED: 405,
  SETTEE_HTTP_FORBIDDEN: 403,
  SETTEE_HTTP_TOO_MANY_STREAMS: 503,
  SETTEE_HTTP_UNAVAILABLE: 503,
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { host, port, allowRemote } = options
  const streams = createEventStreams()
  let site: StaticSite | undefined
  let connectionCount = 0

  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000 },
    (request, response) => {
      try {
        answer(request, response)
      } catch (error) {
        sendError(response, error)
      }
    },
  )
  server.maxConnections = 1000
  server.on('connection', (socket) => {
    connectionCount++
    socket.on('close', () => connectionCount--)
  })

  function answer(request: IncomingMessage, response: ServerResponse): void {
    setSecurityHeaders(response)
    checkHost(request, allowRemote)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw serverError('SETTEE_HTTP_METHOD_NOT_ALLOWED', `${request.method} is not supported here`)
    }
    const url = parseUrl(request)
    if (url.pathname === '/health') return sendJson(request, response, { status: 'up' })
    if (url.pathname.startsWith('/api/')) {
      checkToken(request, url, options.token)
      if (url.pathname === '/api/v1/events') {
        return streams.open(response, readTopics(options.view, url))
      }
      const body = readRoute(options.view, url)
      if (body !== undefined) return sendJson(request, response, body)
    } else if (site === undefined && url.pathname === '/') {
      return sendWaiting(response)
    } else if (site?.serve(url.pathname, request, response)) {
      return
    }
    throw serverError('SETTEE_HTTP_NOT_FOUND', `there is nothing at ${url.pathname}`)
  }

  return {
    name: 'http',
    get url() {
      const bound = server.address()
      return `http://${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}`
    },
    get connectionCount() {
      return connectionCount
    },
    async start() {
      assertMayBind('http', host, allowRemote && options.token !== '')
      await listen(server, 'http', host, port)
      void options.site.then((loaded) => (site = loaded))
    },
    async stop() {
      if (!server.listening) return
      streams.close()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function parseUrl(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? '/', 'http://localhost')
  if (url === null) throw serverError('SETTEE_HTTP_BAD_REQUEST', 'the address cannot be read')
  return url
}

function checkHost(request: IncomingMessage, allowRemote: boolean): void {
  if (allowRemote) return
  const hostname = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname ?? ''
  if (isLoopback(hostname.replace(/^\[|\]$/g, ''))) return
  throw serverError(
    'SETTEE_HTTP_FORBIDDEN',
    `this control plane answers only under localhost or 127.0.0.1, not under ${hostname}`,
  )
}

function checkToken(request: IncomingMessage, url: URL, token: string): void {
  if (token === '') return
  // EventSource cannot set headers, so the token may also be a parameter.
  const given =
    request.headers.authorization?.replace(/^Bearer /, '') ?? url.searchParams.get('token') ?? ''
  const expectedBytes = Buffer.from(token)
  const givenBytes = Buffer.from(given)
  if (givenBytes.length === expectedBytes.length && timingSafeEqual(givenBytes, expectedBytes))
    return
  throw serverError(
    'SETTEE_HTTP_FORBIDDEN',
    'the API needs the token of --http.token; send it as "authorization: Bearer TOKEN"',
  )
}

function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader(
    'content-security-policy',
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  )
}

function sendJson(request: IncomingMessage, response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-length', Buffer.byteLength(text))
  response.end(request.method === 'HEAD' ? undefined : text)
}

function sendError(response: ServerResponse, error: unknown): void {
  const code = isSetteeError(error) ? error.code : 'SETTEE_HTTP_INTERNAL'
  response.statusCode = statusOf[code] ?? 500
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify({ error: { code, message: messageOf(error) } }))
}

function sendWaiting(response: ServerResponse): void {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.setHeader('refresh', '1')
  response.end(
    '<!doctype html><title>Settee</title><body style="font-family:system-ui;padding:3rem">' +
      '<h1>Settee is running</h1><p>The console is being built for its first use; ' +
      'this page opens it by itself in a few seconds.</p>',
  )
}
