import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { createHttpServer, type HttpServer } from './http-server.ts'
import { ask, type Answer, type AskOptions } from './test-client.ts'
import { createTestView, type TestView } from './test-view.ts'

const servers: HttpServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function start(token = ''): Promise<{ url: string; view: TestView }> {
  const view = createTestView()
  const site = Promise.resolve(undefined)
  const options = { host: '127.0.0.1', port: 0, allowRemote: false, token, view, site }
  const server = createHttpServer(options)
  await server.start()
  servers.push(server)
  return { url: server.url, view }
}

const path = '/api/v1/transactions/127.0.0.1%3A8091%3A7/branches/9007199254740993/repair'
const order = { choice: 'before', by: 'Ann', note: 'a script ran twice' }

function post(
  url: string,
  body: unknown,
  options: AskOptions & { path?: string } = {},
): Promise<Answer> {
  const { path: address = path, headers, ...rest } = options
  return ask(url, address, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...rest,
  })
}

const codeOf = (answer: Answer): string => answer.json<{ error: { code: string } }>().error.code

describe('orders over HTTP', () => {
  test('an order to repair a branch arrives as given, and the transaction comes back', async () => {
    const { url, view } = await start()
    const answer = await post(url, order)
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.json(), { xid: '127.0.0.1:8091:7' })
    assert.deepEqual(view.repairs, [['127.0.0.1:8091:7', '9007199254740993', order]])
  })

  test('the note may be left out, and blanks around texts are cut', async () => {
    const { url, view } = await start()
    assert.equal((await post(url, { choice: 'now', by: ' Bo ' })).status, 200)
    assert.deepEqual(view.repairs[0]![2], { choice: 'now', by: 'Bo', note: '' })
  })

  const badBodies: readonly unknown[] = [
    '{',
    'null',
    '[]',
    '"before"',
    {},
    { ...order, choice: 'later' },
    { ...order, choice: 1 },
    { ...order, by: '  ' },
    { ...order, by: 7 },
    { ...order, by: 'x'.repeat(129) },
    { ...order, note: 'x'.repeat(1001) },
    { ...order, note: {} },
    'x'.repeat(20_000),
  ]

  test('a body of a wrong form is 400 and orders nothing', async () => {
    const { url, view } = await start()
    for (const body of badBodies) {
      const answer = await post(url, body)
      assert.equal(answer.status, 400, JSON.stringify(body).slice(0, 60))
      assert.equal(codeOf(answer), 'SETTEE_HTTP_BAD_REQUEST')
    }
    assert.deepEqual(view.repairs, [])
  })

  test('a page of another origin cannot order through its visitor', async () => {
    const { url, view } = await start()
    for (const origin of ['https://evil.example', 'http://localhost:1', 'null']) {
      const answer = await post(url, order, { headers: { origin } })
      assert.equal(answer.status, 403, origin)
    }
    // A form of another page needs no permission to send these.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
      const answer = await post(url, order, { headers: { 'content-type': type } })
      assert.equal(answer.status, 400, type)
    }
    assert.deepEqual(view.repairs, [])
    assert.equal((await post(url, order, { headers: { origin: url } })).status, 200)
  })

  test('with a token an order needs it', async () => {
    const { url, view } = await start('geheim')
    assert.equal((await post(url, order)).status, 401)
    assert.deepEqual(view.repairs, [])
    const headers = { authorization: 'Bearer geheim' }
    assert.equal((await post(url, order, { headers })).status, 200)
  })

  test('what is unknown is 404, what does not fit the state 409, another address 405', async () => {
    const { url } = await start()
    const unknown = path.replace('%3A7', '%3A8')
    assert.equal((await post(url, order, { path: unknown })).status, 404)
    const refused = await post(url, order, { path: path.replace('9007199254740993', '409') })
    assert.equal(refused.status, 409)
    assert.equal(codeOf(refused), 'SETTEE_HTTP_REFUSED')
    for (const other of ['/api/v1/overview', path.replace('repair', 'delete'), '/']) {
      assert.equal((await post(url, order, { path: other })).status, 405, other)
    }
    assert.equal((await post(url, order, { path: path.replace('%3A7', '%7') })).status, 400)
  })
})
