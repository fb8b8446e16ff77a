/**
 * The HTTP side of the control plane: API, event streams, console.
 *
 *     request ─► name ─► GET ─► /health
 *                            ─► /api/v1/…      token ─► routes, event streams
 *                            ─► anything else  the files of the console
 *                     ─► POST ─► /api/v1/…     token ─► origin ─► orders
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf, systemClock, type Clock, type Service } from '@settee/kit'
import { listen } from '@settee/wire'
import { serverError } from '../errors.ts'
import { assertMayServe, checkHost, checkOrder, checkToken, tokenCookie } from './access.ts'
import { sendError, sendJson, sendNotice, setSecurityHeaders } from './answers.ts'
import { createEventStreams, type EventStreamOptions, type EventStreams } from './event-streams.ts'
import { findOrder, readJson } from './orders.ts'
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
  readonly clock?: Clock
  readonly streams?: Omit<EventStreamOptions, 'clock'>
  /** Time in which a request must have arrived, in ms. Default 10,000. */
  readonly requestTimeoutMs?: number
}

export interface HttpServer extends Service {
  /** Where a browser finds the console. */
  readonly url: string
  readonly connectionCount: number
}

const maxConnections = 1000
/** How often connections are checked for requests that do not arrive, in ms. */
const checkPeriodMs = 500
/** Time for the last answers to leave when the server stops, in ms. */
const farewellMs = 500

export function createHttpServer(options: HttpServerOptions): HttpServer {
  return new NodeHttpServer(options)
}

class NodeHttpServer implements HttpServer {
  readonly name = 'http'
  readonly #options: HttpServerOptions
  readonly #clock: Clock
  readonly #streams: EventStreams
  readonly #server: Server
  #site: StaticSite | 'building' | 'absent' = 'building'
  #connectionCount = 0

  constructor(options: HttpServerOptions) {
    const { clock = systemClock, requestTimeoutMs = 10_000 } = options
    this.#options = options
    this.#clock = clock
    this.#streams = createEventStreams({ ...options.streams, clock })
    this.#server = createServer(
      {
        requestTimeout: requestTimeoutMs,
        headersTimeout: requestTimeoutMs / 2,
        connectionsCheckingInterval: checkPeriodMs,
      },
      (request, response) => this.#onRequest(request, response),
    )
    this.#server.maxConnections = maxConnections
    this.#server.on('connection', (socket) => {
      this.#connectionCount++
      socket.on('close', () => this.#connectionCount--)
    })
  }

  get url(): string {
    const { host, port } = this.#options
    const bound = this.#server.address()
    const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
    return `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`
  }
  get connectionCount(): number {
    return this.#connectionCount
  }

  async start(): Promise<void> {
    const { host, port, site } = this.#options
    assertMayServe(this.#options)
    await listen(this.#server, 'http', host, port)
    // A connection that fails while it is accepted concerns nobody but itself.
    this.#server.on('error', () => {})
    site.then(
      (loaded) => (this.#site = loaded ?? 'absent'),
      (error: unknown) => {
        this.#site = 'absent'
        process.emitWarning(`the console cannot be served: ${messageOf(error)}`, 'SetteeWarning')
      },
    )
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#streams.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const limit = this.#clock.after(farewellMs, () => this.#server.closeAllConnections())
    await closed
    limit.cancel()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#answer(request, response)
    } catch (error) {
      sendError(response, error)
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { token } = this.#options
    const site = this.#site
    setSecurityHeaders(response)
    checkHost(request, token)
    const url = parseUrl(request)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      this.#takeOrder(request, response, url).catch((error: unknown) => sendError(response, error))
      return
    }
    if (url.pathname === '/health') return sendJson(response, { status: 'up' })
    if (url.pathname.startsWith('/api/')) return this.#answerApi(request, response, url)
    if (token !== '' && url.searchParams.has('token')) {
      return openWithToken(request, response, url, token)
    }
    if (typeof site === 'object' && site.serve(url.pathname, request, response)) return
    if (typeof site !== 'object' && url.pathname === '/') return sendStandIn(response, site)
    throw notFound(url)
  }

  async #takeOrder(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { view, token } = this.#options
    const order = request.method === 'POST' ? findOrder(url) : undefined
    if (order === undefined) {
      throw serverError('SETTEE_HTTP_METHOD_NOT_ALLOWED', `${request.method} is not supported here`)
    }
    checkToken(request, url, token)
    checkOrder(request)
    sendJson(response, await order(view, await readJson(request)))
  }

  #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { view, token } = this.#options
    checkToken(request, url, token)
    if (url.pathname === '/api/v1/events') {
      const topics = readTopics(view, url)
      if (request.method === 'HEAD') response.end()
      else this.#streams.open(response, topics)
      return
    }
    const body = readRoute(view, url)
    if (body === undefined) throw notFound(url)
    sendJson(response, body)
  }
}

/** Trades the token of the address for a cookie, so that it stays out of history and logs. */
function openWithToken(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  token: string,
): void {
  checkToken(request, url, token)
  response.writeHead(303, {
    location: './',
    'set-cookie': tokenCookie(request, token),
    'cache-control': 'no-store',
  })
  response.end()
}

function parseUrl(request: IncomingMessage): URL {
  // Only the path counts: an address in absolute form, as for a proxy, is not for us.
  const url = URL.parse(`http://localhost${request.url ?? ''}`)
  if (url?.hostname === 'localhost' && url.port === '') return url
  throw serverError('SETTEE_HTTP_BAD_REQUEST', 'the address of the request cannot be read')
}

function notFound(url: URL): Error {
  return serverError('SETTEE_HTTP_NOT_FOUND', `there is nothing at ${url.pathname}`)
}

function sendStandIn(response: ServerResponse, site: 'building' | 'absent'): void {
  if (site === 'building') {
    const sentence = 'The console is being built for its first use and opens here by itself.'
    sendNotice(response, sentence, 1)
  } else {
    const sentence =
      'There is no console here: it was switched off, or could not be built. ' +
      'The API is at <a href="/api/v1/overview">/api/v1/overview</a>.'
    sendNotice(response, sentence)
  }
}
