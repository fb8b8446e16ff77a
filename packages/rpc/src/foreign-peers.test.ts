/** What peers of another make send to a server, as bytes: other dialects, other codecs, garbage. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import {
  BoltFrame,
  boltV1,
  boltV2,
  boltV2Crc,
  boltV2Revision1,
  codecId,
  createBytesCodec,
  createRequestTemplate,
  decodeHeaders,
  FrameEncoder,
  frameLength,
  jsonCodec,
  responseStatus,
  sofaRequestClass,
  sofaResponseClass,
  type BoltDialect,
  type ContentCodec,
} from '@settee/bolt'
import { ByteWriter } from '@settee/wire'
import { createClient, createServer } from '../test/cluster.ts'
import { defineContract, method, type RpcServer } from './index.ts'

const echo = defineContract('test.Echo', { echo: method<unknown, unknown>() })

/** What SOFARPC's Java client puts into the header map. */
const javaHeaders = [
  ['service', 'test.Echo:1.0'],
  ['sofa_head_target_service', 'test.Echo:1.0'],
  ['sofa_head_method_name', 'echo'],
  ['app', 'java-app'],
  ['protocol', 'bolt'],
  ['type', 'sync'],
] as const

async function startEcho(t: TestContext): Promise<RpcServer> {
  const server = createServer(t)
  server.serve(echo, { echo: (request) => request })
  await server.start()
  return server
}

async function open(t: TestContext, server: RpcServer): Promise<Socket> {
  const [host = '', port] = server.address.split(':')
  const socket = connect(Number(port), host)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

interface RequestOptions {
  readonly dialect?: BoltDialect
  readonly headers?: Iterable<readonly [string, string]>
  readonly codec?: ContentCodec
  readonly content?: unknown
  readonly requestId?: number
}

function encodeRequest(options: RequestOptions = {}): Buffer {
  const template = createRequestTemplate({
    codec: options.codec ?? jsonCodec,
    className: sofaRequestClass,
    dialect: options.dialect ?? boltV1,
    headers: options.headers ?? javaHeaders,
  })
  const writer = new ByteWriter()
  const encoder = new FrameEncoder()
  encoder.beginRequest(writer, template, options.requestId ?? 5, 3000)
  encoder.finish('content' in options ? options.content : 'hello')
  return Buffer.from(writer.bytes())
}

/** The next frame; bytes of the one after it are not expected. */
async function readFrame(socket: Socket): Promise<BoltFrame> {
  let received = Buffer.alloc(0)
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    received = Buffer.concat([received, chunk])
    const length = frameLength(received, 0, received.length)
    if (length === 0 || received.length < length) continue
    assert.equal(received.length, length)
    const frame = new BoltFrame()
    frame.load(received, 0, length)
    return frame
  }
}

async function ask(socket: Socket, bytes: Buffer): Promise<BoltFrame> {
  const answer = readFrame(socket)
  socket.write(bytes)
  return await answer
}

function contentOf(frame: BoltFrame): unknown {
  return jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd)
}

describe('a peer of another make', () => {
  for (const dialect of [boltV1, boltV2Revision1, boltV2, boltV2Crc]) {
    test(`that speaks ${dialect.name} is answered in ${dialect.name}`, async (t) => {
      const socket = await open(t, await startEcho(t))
      const frame = await ask(socket, encodeRequest({ dialect, requestId: -7 }))
      assert.equal(frame.dialect, dialect)
      assert.equal(frame.requestId, -7)
      assert.equal(frame.className, sofaResponseClass)
      assert.equal(frame.status, responseStatus.SUCCESS)
      assert.equal(contentOf(frame), 'hello')
    })
  }

  test('gets an error of the service as SOFARPC sends it', async (t) => {
    const socket = await open(t, await startEcho(t))
    const headers = [
      ['service', 'test.Missing:1.0'],
      ['sofa_head_method_name', 'echo'],
    ] as const
    const frame = await ask(socket, encodeRequest({ headers, dialect: boltV2Crc }))
    assert.equal(frame.dialect, boltV2Crc)
    assert.equal(frame.status, responseStatus.SUCCESS)
    assert.equal(decodeHeaders(frame).get('sofa_head_response_error'), 'true')
    assert.match(String(contentOf(frame)), /test\.Missing:1\.0\.echo is not served/)
  })

  test('gets a refusal without a checksum, as SOFABolt sends it', async (t) => {
    const socket = await open(t, await startEcho(t))
    const codec = createBytesCodec(codecId.json)
    const content = Buffer.from('{not json')
    const frame = await ask(socket, encodeRequest({ codec, content, dialect: boltV2Crc }))
    assert.equal(frame.dialect, boltV2)
    assert.equal(frame.status, responseStatus.SERVER_DESERIAL_EXCEPTION)
  })

  test('may leave out all headers but the two that name service and method', async (t) => {
    const socket = await open(t, await startEcho(t))
    const headers = [
      ['sofa_head_target_service', 'test.Echo:1.0'],
      ['sofa_head_method_name', 'echo'],
    ] as const
    assert.equal(contentOf(await ask(socket, encodeRequest({ headers }))), 'hello')
    const none = await ask(socket, encodeRequest({ headers: [] }))
    assert.equal(decodeHeaders(none).get('sofa_head_response_error'), 'true')
  })

  test('that sends Hessian is refused and told what to use', async (t) => {
    const file = '../../bolt/test/fixtures/sofarpc-5.14.3-conversation.txt'
    const [first] = readFileSync(new URL(file, import.meta.url), 'utf8').split('\n')
    const recorded = Buffer.from(first!.split(' ')[3]!, 'hex')
    const socket = await open(t, await startEcho(t))
    const frame = await ask(socket, recorded)
    assert.equal(frame.status, responseStatus.SERVER_DESERIAL_EXCEPTION)
    assert.equal(frame.requestId, 1)
    assert.match(String(contentOf(frame)), /serializer 1 .* use json \(12\)/)
  })

  test('that sends a broken header map is refused, and its connection goes on', async (t) => {
    const socket = await open(t, await startEcho(t))
    const request = encodeRequest()
    // The length of the first key now reaches beyond the map.
    request.writeInt32BE(0x7000, 22 + sofaRequestClass.length)
    const refused = await ask(socket, request)
    assert.equal(refused.status, responseStatus.SERVER_DESERIAL_EXCEPTION)
    assert.match(String(contentOf(refused)), /header/)
    assert.equal(contentOf(await ask(socket, encodeRequest())), 'hello')
  })

  test('that cancels what it never called, or cancels in garbage, changes nothing', async (t) => {
    const socket = await open(t, await startEcho(t))
    const template = createRequestTemplate({
      codec: createBytesCodec(codecId.json),
      className: 'settee.rpc.Cancel',
      oneway: true,
    })
    for (const content of ['77', '"x"', '{', '']) {
      const writer = new ByteWriter()
      const encoder = new FrameEncoder()
      encoder.beginRequest(writer, template, 0, 0)
      encoder.finish(Buffer.from(content))
      socket.write(writer.bytes())
    }
    assert.equal(contentOf(await ask(socket, encodeRequest())), 'hello')
  })

  const garbage: Readonly<Record<string, Buffer>> = {
    'another protocol': Buffer.from('GET / HTTP/1.1\r\nHost: settee\r\n\r\n'),
    'a length of 2 GB': lengthOf(0x7fff_fff0),
    'a negative length': lengthOf(-1),
    'garbage behind a frame': Buffer.concat([encodeRequest(), Buffer.from([0xff, 0xff])]),
  }
  function lengthOf(contentBytes: number): Buffer {
    const bytes = encodeRequest()
    bytes.writeInt32BE(contentBytes, 18)
    return bytes
  }
  for (const [what, bytes] of Object.entries(garbage)) {
    test(`that sends ${what} loses its connection, others keep theirs`, async (t) => {
      const server = await startEcho(t)
      const client = createClient(t).client(echo, { addresses: [server.address] })
      await client.echo(1)
      const socket = await open(t, server)
      socket.on('error', () => {})
      const closed = once(socket, 'close')
      socket.resume()
      socket.write(bytes)
      await closed
      assert.equal(await client.echo(2), 2)
    })
  }

  test('is called with all the headers that SOFARPC sends', async (t) => {
    // The same server, but announced as one of SOFARPC: with parameters, and not as Settee's.
    const requests: Buffer[] = []
    const server = await startEcho(t)
    const socket = await open(t, server)
    const proxy = createTcpServer((caller) => {
      caller.on('data', (chunk: Buffer) => requests.push(chunk))
      caller.pipe(socket).pipe(caller)
    })
    proxy.listen(0, '127.0.0.1')
    t.after(() => proxy.close())
    await once(proxy, 'listening')
    const { port } = proxy.address() as { port: number }
    const rpc = createClient(t)
    const client = rpc.client(echo, { addresses: [`127.0.0.1:${port}?rpcVer=51403`] })
    assert.equal(await client.echo('hello'), 'hello')
    const frame = new BoltFrame()
    frame.load(requests[0]!, 0, requests[0]!.length)
    assert.equal(frame.version, 1)
    assert.deepEqual(Object.fromEntries(decodeHeaders(frame)), {
      ...Object.fromEntries(javaHeaders),
      app: 'consumer',
    })
  })
})
