import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { createSeededRandom, type Random } from '@settee/kit'
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server.ts'
import { ask, follow } from './test-client.ts'
import { createTestView } from './test-view.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function create(changes: Partial<HttpServerOptions> = {}): HttpServer {
  return createHttpServer({
    host: '127.0.0.1',
    port: 0,
    allowRemote: false,
    token: '',
    view: createTestView(),
    site: Promise.resolve(undefined),
    ...changes,
  })
}

async function start(changes: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = create(changes)
  await server.start()
  cleanups.push(() => server.stop())
  return server
}

async function openSocket(server: HttpServer): Promise<Socket> {
  const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const codeOf = (answer: { json<Body>(): Body }): string =>
  answer.json<{ error: { code: string } }>().error.code

describe('who may ask', () => {
  test('names of this machine are answered, others are refused', async () => {
    const { url } = await start()
    for (const host of ['localhost', 'localhost:7091', '127.0.0.1:1', '[::1]:80', '127.8.9.1']) {
      const { status } = await ask(url, '/health', { headers: { host } })
      assert.equal(status, 200, host)
    }
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil:7091', ':']) {
      const answer = await ask(url, '/api/v1/overview', { headers: { host } })
      assert.equal(answer.status, 403, host)
      assert.equal(codeOf(answer), 'SETTEE_HTTP_FORBIDDEN')
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
  })

  test('with a token the API wants it, in a header, a query or the cookie', async () => {
    const { url } = await start({ token: 'geheim +%' })
    const path = '/api/v1/overview'
    for (const options of [{}, { headers: { authorization: 'Bearer wrong' } }]) {
      const answer = await ask(url, path, options)
      assert.equal(answer.status, 401)
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
      assert.equal(codeOf(answer), 'SETTEE_HTTP_UNAUTHORIZED')
    }
    assert.equal((await ask(url, `${path}?token=geheim`)).status, 401)
    assert.equal((await ask(url, `${path}?token=geheim%20%2B%25`)).status, 200)
    assert.equal(
      (await ask(url, path, { headers: { authorization: 'Bearer geheim +%' } })).status,
      200,
    )
    assert.equal((await ask(url, '/health')).status, 200)
    // The token is what protects, so that any name of the machine will do.
    assert.equal((await ask(url, '/health', { headers: { host: 'settee.internal' } })).status, 200)
  })

  test('the console is opened with the token once and keeps it as a cookie', async () => {
    const { url } = await start({ token: 'secret' })
    assert.equal((await ask(url, '/?token=wrong')).status, 401)
    const opened = await ask(url, '/?token=secret')
    assert.equal(opened.status, 303)
    assert.equal(opened.headers.location, './')
    const [cookie] = opened.headers['set-cookie']!
    assert.match(cookie!, /; HttpOnly; SameSite=Strict$/)
    const headers = { cookie: `other=1; ${cookie!.split(';', 1)[0]}` }
    assert.equal((await ask(url, '/api/v1/overview', { headers })).status, 200)
    const stream = await follow(url, 'overview', { headers })
    assert.equal(stream.status, 200)
    stream.close()
  })

  test('beyond loopback it is refused at the start without permission and token', async () => {
    await assert.rejects(create({ host: '0.0.0.0' }).start(), {
      code: 'SETTEE_WIRE_LISTEN_FAILED',
      message: /^http would listen on 0\.0\.0\.0, .*--allow-remote$/,
    })
    await assert.rejects(create({ host: '0.0.0.0', allowRemote: true }).start(), {
      code: 'SETTEE_HTTP_TOKEN_NEEDED',
      message: /^http would show everything .* set a token with --http\.token/,
    })
  })

  test('permission for other listeners does not open this one to foreign names', async () => {
    const { url } = await start({ allowRemote: true })
    const answer = await ask(url, '/api/v1/overview', { headers: { host: 'evil.example' } })
    assert.equal(answer.status, 403)
  })
})

describe('requests', () => {
  test('other methods than GET and HEAD are 405 and name these', async () => {
    const { url } = await start()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await ask(url, '/api/v1/overview', { method })
      assert.equal(answer.status, 405, method)
      assert.equal(answer.headers.allow, 'GET, HEAD, POST')
    }
  })

  test('HEAD has the headers of GET and no body', async () => {
    const { url } = await start()
    for (const path of ['/health', '/api/v1/overview', '/api/v1/none']) {
      const head = await ask(url, path, { method: 'HEAD' })
      const get = await ask(url, path)
      assert.equal(head.status, get.status)
      assert.equal(head.headers['content-length'], get.headers['content-length'])
      assert.equal(head.text, '')
    }
    // A stream that nobody can read must not stay open.
    assert.equal((await ask(url, '/api/v1/events?topics=overview', { method: 'HEAD' })).status, 200)
  })

  test('parameters of a wrong form are 400 with the reason', async () => {
    const { url } = await start()
    const longest = 'x'.repeat(200)
    for (const [query, message] of [
      ['state=open', /state is "open", but must be one of active/],
      ['limit=0', /limit is "0", but must be 1 to 200/],
      ['limit=201', /limit/],
      ['limit=', /limit/],
      ['limit=1e1', /limit/],
      ['limit=-1', /limit/],
      ['before=abc', /before is "abc"/],
      ['before=', /before/],
      [`query=${longest}x`, /query has 201 characters, but may have 200/],
    ] as const) {
      const answer = await ask(url, `/api/v1/transactions?${query}`)
      assert.equal(answer.status, 400, query)
      assert.equal(codeOf(answer), 'SETTEE_HTTP_BAD_REQUEST')
      assert.match(answer.text.replaceAll('\\"', '"'), message)
    }
    const good = `state=active&limit=200&before=12345678901234567890&query=${longest}&other=1`
    assert.equal((await ask(url, `/api/v1/transactions?${good}`)).status, 200)
  })

  test('topics of a wrong form are 400', async () => {
    const { url } = await start()
    for (const topics of ['', ',', 'none', 'overview,none', 'service:x', 'overview,'.repeat(9)]) {
      const answer = await ask(url, `/api/v1/events?topics=${topics}`)
      assert.equal(answer.status, 400, topics)
    }
    assert.equal((await ask(url, '/api/v1/events')).status, 400)
  })

  test('broken percent-encoding and addresses for proxies are 400, odd paths 404', async () => {
    const { url } = await start()
    for (const path of ['/api/v1/transactions/%', '/api/v1/services/%E0%A4%A', '/api/v1/%ff']) {
      assert.equal((await ask(url, path)).status, 400, path)
    }
    assert.equal((await ask(url, 'http://evil.example/api/v1/overview')).status, 400)
    assert.equal((await ask(url, '@evil.example/api/v1/overview')).status, 400)
    assert.equal((await ask(url, ':1/health')).status, 400)
    for (const path of ['//evil.example/health', '/%2e%2e/%2e%2e/etc/passwd', '/api', '/%00']) {
      assert.equal((await ask(url, path)).status, 404, path)
    }
  })

  test('an address that is far too long is refused', async () => {
    const { url } = await start()
    assert.equal((await ask(url, `/api/v1/transactions/${'x'.repeat(8000)}`)).status, 404)
    assert.equal((await ask(url, `/api/v1/transactions/${'x'.repeat(20_000)}`)).status, 431)
  })

  test('a defect is 500 and concerns its own request alone', async () => {
    const { url } = await start()
    const answer = await ask(url, '/api/v1/transactions/broken')
    assert.equal(answer.status, 500)
    assert.equal(codeOf(answer), 'SETTEE_HTTP_INTERNAL')
    assert.equal((await ask(url, '/api/v1/events?topics=transaction:broken')).status, 500)
    assert.equal((await ask(url, '/health')).status, 200)
  })

  test('every answer forbids sniffing, framing, foreign content and caching', async () => {
    const { url } = await start()
    for (const path of ['/api/v1/overview', '/api/v1/none', '/', '/health']) {
      const { headers } = await ask(url, path)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
      assert.match(String(headers['content-security-policy']), /^default-src 'self';/)
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/)
      assert.equal(headers['cache-control'], 'no-store')
    }
  })
})

describe('the page before the console', () => {
  test('says that it is coming while it is built, or that there is none', async () => {
    const building = Promise.withResolvers<undefined>()
    const { url } = await start({ site: building.promise })
    const waiting = await ask(url, '/')
    assert.match(waiting.text, /is being built/)
    assert.equal(waiting.headers['refresh'], '1')
    building.resolve(undefined)
    await building.promise
    const absent = await ask(url, '/')
    assert.match(absent.text, /There is no console here/)
    assert.equal(absent.headers['refresh'], undefined)
  })

  test('a console that cannot be read is a warning, and the API goes on', async () => {
    const warned = once(process, 'warning')
    const { url } = await start({ site: Promise.reject(new Error('no such folder')) })
    assert.match(String((await warned)[0]), /cannot be served: no such folder/)
    assert.equal((await ask(url, '/api/v1/overview')).status, 200)
    assert.match((await ask(url, '/')).text, /There is no console here/)
  })
})

describe('bad company', () => {
  test('a request that does not arrive is given up', async () => {
    const server = await start({ requestTimeoutMs: 200 })
    const headers = await openSocket(server)
    headers.write('GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ')
    assert.match(String((await once(headers, 'data'))[0]), /^HTTP\/1\.1 408/)
    await once(headers, 'close')
  })

  test('ten thousand malformed requests leave it as it was', async () => {
    const server = await start()
    const random = createSeededRandom(20_260_101)
    for (let batch = 0; batch < 100; batch++) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const socket = await openSocket(server)
          socket.resume()
          socket.end(mutateRequest(random))
          await once(socket, 'close')
        }),
      )
    }
    assert.equal((await ask(server.url, '/health')).text, '{"status":"up"}')
  })
})

const goodRequests = [
  'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'GET /api/v1/transactions?state=active&limit=5 HTTP/1.1\r\nhost: 127.0.0.1:7091\r\n\r\n',
  'HEAD /api/v1/services/a%2Fb HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n',
  'POST /api/v1/overview HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc',
  'GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
]

/** A good request with some bytes changed, left out or repeated. */
function mutateRequest(random: Random): Buffer {
  const bytes = Buffer.from(goodRequests[random.below(goodRequests.length)]!)
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    bytes[random.below(bytes.length)] = random.below(256)
  }
  const from = random.below(bytes.length)
  const to = from + random.below(bytes.length - from)
  switch (random.below(4)) {
    case 0:
      return bytes.subarray(0, to)
    case 1:
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
    default:
      return bytes
  }
}
