/** HTTP: `fetch` and `node:http` here, Seata's interceptor for Spring and its HTTP client there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { currentContext } from '@settee/kit'
import { injectXid, joinTransaction, runWithXid, xidOf } from '@settee/tx'
import type { JavaProgram } from '../harness-java.ts'
import type { CheckGroup } from '../harness-report.ts'

const xid = '127.0.0.1:8091:4611686018427387904'

export async function checkHttp(
  group: CheckGroup,
  java: JavaProgram,
  javaPort: number,
): Promise<void> {
  const url = `http://127.0.0.1:${javaPort}/`
  const call = async (): Promise<string> => (await fetch(url, { headers: injectXid({}) })).text()

  await group.check('Java is called in our transaction', async () => {
    assert.equal(await runWithXid(xid, call), `${xid} AT`)
  })
  await group.check('Java has left it when the call is over', async () => {
    assert.equal(await (await fetch(`${url}?bare`)).text(), 'none none')
    assert.equal(await call(), 'none none')
  })
  const server = createServer((request, response) => {
    const answer = (): void => void response.end(currentContext().xid ?? 'none')
    // Two ways to the same end.
    if (request.headers['x-way'] === 'middleware') joinTransaction(request, response, answer)
    else runWithXid(xidOf(request.headers), answer)
  })
  // The server is opened inside of a transaction, which must not reach its requests.
  runWithXid('127.0.0.1:8091:1', () => server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    await group.check('we are called in a transaction of Java', async () => {
      assert.equal((await java.request('callHttp', { port, xid })).text, xid)
    })
    await group.check('we are called in none when Java is in none', async () => {
      assert.equal((await java.request('callHttp', { port })).text, 'none')
      assert.equal(currentContext().xid, undefined)
    })
    await group.check('requests of one connection do not mix their transactions', async () => {
      const xids = Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? undefined : `${xid}${i}`))
      const answers = await Promise.all(
        xids.map((one, i) =>
          runWithXid(one, async () => {
            const headers = injectXid({ 'x-way': i % 2 === 0 ? 'middleware' : 'function' })
            return (await fetch(`http://127.0.0.1:${port}/`, { headers })).text()
          }),
        ),
      )
      assert.deepEqual(
        answers,
        xids.map((one) => one ?? 'none'),
      )
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
