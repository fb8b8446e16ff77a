import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import {
  createManualClock,
  createSeededRandom,
  systemClock,
  type Clock,
  type SetteeError,
} from '@settee/kit'
import { ByteReader, ByteWriter, Connection, Listener, TimerWheel } from '@settee/wire'
import { SeataCall, SeataPeer, type AnsweredRequest, type SeataPeerOptions } from './peer.ts'
import {
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  encodeHeartbeat,
  FrameType,
  frameLength,
  GlobalStatus,
  MessageType,
  ResultCode,
  type GlobalBeginRequest,
  type GlobalBeginResponse,
  type GlobalStatusResponse,
  type Message,
  type RequestMessage,
  type ResponseMessage,
} from './protocol/index.ts'

type PeerOptions = Omit<SeataPeerOptions, 'connection' | 'wheel' | 'clock'> & {
  readonly clock?: Clock
  readonly onPeer?: (peer: SeataPeer) => void
}

const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

function createPeer(connection: Connection, options: PeerOptions): SeataPeer {
  const { clock = systemClock, onPeer } = options
  const wheel = new TimerWheel({ clock })
  const peer = new SeataPeer({ ...options, connection, clock, wheel })
  onPeer?.(peer)
  return peer
}

async function startServer(options: PeerOptions): Promise<Listener> {
  const listener = new Listener({
    name: 'tx',
    port: 0,
    frameLength,
    accept: (connection) => createPeer(connection, options),
  })
  await listener.start()
  cleanUps.push(() => listener.stop())
  return listener
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  cleanUps.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function openPeer(port: number, options: PeerOptions = {}): Promise<SeataPeer> {
  const socket = await openSocket(port)
  let peer: SeataPeer
  new Connection(socket, frameLength, (connection) => (peer = createPeer(connection, options)))
  return peer!
}

class TestCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs: number
  readonly #settled = Promise.withResolvers<ResponseMessage>()
  constructor(message: AnsweredRequest, timeoutMs = 10_000) {
    super()
    this.message = message
    this.timeoutMs = timeoutMs
    this.#settled.promise.catch(() => {})
  }
  get answer(): Promise<ResponseMessage> {
    return this.#settled.promise
  }
  onAnswer(message: ResponseMessage): void {
    this.#settled.resolve(message)
  }
  onFailure(error: SetteeError): void {
    this.#settled.reject(error)
  }
}

function ask(peer: SeataPeer, message: AnsweredRequest, timeoutMs?: number): Promise<unknown> {
  const call = new TestCall(message, timeoutMs)
  peer.call(call)
  return call.answer
}

function begin(transactionName: string): GlobalBeginRequest {
  return { type: MessageType.GlobalBegin, timeoutMs: 1000, transactionName }
}

function begun(xid: string): GlobalBeginResponse {
  return {
    type: MessageType.GlobalBeginResult,
    resultCode: ResultCode.Success,
    msg: '',
    exceptionCode: 0,
    xid,
    extraData: '',
  }
}

const status: GlobalStatusResponse = {
  type: MessageType.GlobalStatusResult,
  resultCode: ResultCode.Success,
  msg: '',
  exceptionCode: 0,
  globalStatus: GlobalStatus.Committed,
}

/** Answers a begin with its name as xid. */
const echo = (
  message: RequestMessage,
  requestId: number,
  _frameType: FrameType,
  peer: SeataPeer,
): void => {
  assert.equal(message.type, MessageType.GlobalBegin)
  peer.answer(requestId, begun((message as GlobalBeginRequest).transactionName))
}

interface Sent {
  readonly message: Message
  readonly requestId?: number
  readonly frameType?: 0 | 1 | 2
  readonly version?: number
}

function frame({ message, requestId = 7, frameType = 0, version = 1 }: Sent): Buffer {
  const writer = new ByteWriter()
  encodeFrame(writer, { version, frameType, requestId, message })
  return Buffer.from(writer.bytes())
}

function heartbeat(requestId: number): Buffer {
  const writer = new ByteWriter()
  encodeHeartbeat(writer, { version: 1, frameType: FrameType.HeartbeatRequest, requestId })
  return Buffer.from(writer.bytes())
}

interface Received {
  readonly version: number
  readonly frameType: FrameType
  readonly requestId: number
  readonly message: Message | undefined
}

/** Reads `count` frames. */
async function receive(socket: Socket, count: number): Promise<Received[]> {
  const received: Received[] = []
  let bytes = Buffer.alloc(0)
  const header = createFrameHeader()
  while (received.length < count) {
    const length = frameLength(bytes, 0, bytes.length, 2 ** 23)
    if (length === 0 || length > bytes.length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      bytes = Buffer.concat([bytes, chunk])
      continue
    }
    const reader = new ByteReader(bytes.subarray(0, length))
    decodeFrameHeader(reader, header)
    const { version, frameType, requestId } = header
    const message = reader.remaining > 0 ? decodeMessage(reader, version) : undefined
    received.push({ version, frameType, requestId, message })
    bytes = bytes.subarray(length)
  }
  assert.equal(bytes.length, 0, 'more arrived than expected')
  return received
}

describe('calls', () => {
  test('many calls at once each get their own answer, whatever the order', async () => {
    const waiting: (() => void)[] = []
    const server = await startServer({
      onRequest(message, requestId, frameType, peer) {
        waiting.push(() => echo(message, requestId, frameType, peer))
        if (waiting.length === 100) for (const answer of waiting.toReversed()) answer()
      },
    })
    const peer = await openPeer(server.port)
    const names = Array.from({ length: 100 }, (_, i) => `purchase ${i}`)
    const answers = await Promise.all(names.map((name) => ask(peer, begin(name))))
    assert.deepEqual(answers, names.map(begun))
    assert.equal(peer.pendingCount, 0)
  })

  test('the server calls the client on the same connection', async () => {
    const opened = Promise.withResolvers<SeataPeer>()
    const server = await startServer({ onPeer: opened.resolve })
    await openPeer(server.port, { onRequest: echo })
    assert.deepEqual(await ask(await opened.promise, begin('back')), begun('back'))
  })

  test('a call without an answer fails in time, and its late answer is ignored', async () => {
    const clock = createManualClock()
    const asked = Promise.withResolvers<() => void>()
    const server = await startServer({
      onRequest: (message, requestId, frameType, peer) =>
        asked.resolve(() => echo(message, requestId, frameType, peer)),
    })
    const peer = await openPeer(server.port, { clock, onRequest: echo })
    const answer = ask(peer, begin('slow'), 500)
    const answerLate = await asked.promise
    clock.advance(490)
    assert.equal(peer.pendingCount, 1)
    clock.advance(30)
    await assert.rejects(answer, { code: 'SETTEE_WIRE_TIMEOUT', message: /within 500 ms/ })
    answerLate()
    assert.equal(peer.pendingCount, 0)
  })

  test('a cancelled call hears nothing any more', async () => {
    const server = await startServer({})
    const peer = await openPeer(server.port)
    const call = new TestCall(begin('cancelled'))
    peer.call(call)
    assert.equal(peer.cancel(call), true)
    assert.equal(peer.cancel(call), false)
    assert.equal(peer.pendingCount, 0)
  })

  test('all calls fail when the connection closes, with the reason', async () => {
    const server = await startServer({
      onRequest: (_m, _id, _type, peer) => peer.connection.close(),
    })
    const closed = Promise.withResolvers<SetteeError>()
    const peer = await openPeer(server.port, { onClose: closed.resolve })
    await assert.rejects(ask(peer, begin('lost')), { code: 'SETTEE_WIRE_CLOSED' })
    assert.equal((await closed.promise).code, 'SETTEE_WIRE_CLOSED')
    assert.throws(() => peer.call(new TestCall(begin('late'))), { code: 'SETTEE_WIRE_CLOSED' })
    assert.equal(peer.pendingCount, 0)
    peer.answer(1, begun('nobody is there'))
  })

  test('a message that cannot be encoded fails its call alone', async () => {
    const server = await startServer({ onRequest: echo })
    const peer = await openPeer(server.port)
    assert.throws(() => peer.call(new TestCall(begin('x'.repeat(40_000)))), {
      code: 'SETTEE_TX_BAD_MESSAGE',
    })
    assert.deepEqual(await ask(peer, begin('next')), begun('next'))
  })

  test('an answer of another type fails its call', async () => {
    const bad: SetteeError[] = []
    const server = await startServer({ onRequest: (_m, id, _t, peer) => peer.answer(id, status) })
    const peer = await openPeer(server.port, { onBadMessage: (error) => bad.push(error) })
    await assert.rejects(ask(peer, begin('x')), { code: 'SETTEE_TX_BAD_MESSAGE' })
    assert.equal(bad.length, 1)
  })

  test('oneway requests arrive as such', async () => {
    const arrived = Promise.withResolvers<unknown>()
    const server = await startServer({
      onRequest: (message, _id, frameType) => arrived.resolve({ message, frameType }),
    })
    const peer = await openPeer(server.port)
    peer.sendOneway(begin('no answer'))
    assert.deepEqual(await arrived.promise, {
      message: begin('no answer'),
      frameType: FrameType.RequestOneway,
    })
  })

  test('answers come in the version of the request, from the future in version 2', async () => {
    const server = await startServer({ onRequest: echo })
    for (const [version, expected] of [
      [1, 1],
      [2, 2],
      [9, 2],
    ] as const) {
      const socket = await openSocket(server.port)
      socket.write(frame({ message: begin('v'), version }))
      assert.equal((await receive(socket, 1))[0]!.version, expected)
    }
  })
})

describe('merged messages', () => {
  const merged = (messageIds: readonly number[]): Message => ({
    type: MessageType.MergedWarp,
    messages: [begin('a'), begin('b'), begin('c')],
    messageIds,
  })
  const response = (requestId: number, message: Message): Received => ({
    version: 1,
    frameType: FrameType.Response,
    requestId,
    message,
  })

  test('clients from 2.3 on get an answer each, with the id of the part', async () => {
    const server = await startServer({
      onRequest: echo,
      onPeer: (peer) => (peer.clientVersion = '2.6.0'),
    })
    const socket = await openSocket(server.port)
    // As Java does: oneway.
    socket.write(frame({ message: merged([11, -12, 13]), frameType: 2, requestId: 5 }))
    assert.deepEqual(await receive(socket, 3), [
      response(11, begun('a')),
      response(-12, begun('b')),
      response(13, begun('c')),
    ])
  })

  for (const { version, ids } of [
    { version: '1.5.2', ids: [11, 12, 13] },
    { version: '1.4.2', ids: [] },
    { version: '', ids: [] },
    { version: '2.6.0', ids: [] },
  ]) {
    test(`version "${version}" with ${ids.length} ids gets one MergeResult in order`, async () => {
      const waiting: (() => void)[] = []
      const server = await startServer({
        onRequest(message, requestId, frameType, peer) {
          waiting.push(() => echo(message, requestId, frameType, peer))
          // Out of order, one of them twice, and one after another request was answered.
          if (waiting.length === 4) for (const i of [3, 2, 0, 0, 1]) waiting[i]!()
        },
        onPeer: (peer) => (peer.clientVersion = version),
      })
      const socket = await openSocket(server.port)
      socket.write(frame({ message: merged(ids), frameType: 2, requestId: 5 }))
      socket.write(frame({ message: begin('single'), requestId: 6 }))
      const messages = [begun('a'), begun('b'), begun('c')]
      assert.deepEqual(await receive(socket, 2), [
        response(6, begun('single')),
        response(5, { type: MessageType.MergeResult, messages }),
      ])
    })
  }

  test('a client understands answers that come merged', async () => {
    const batch: { ids: number[]; messages: ResponseMessage[] } = { ids: [], messages: [] }
    const server = await startServer({
      onRequest(message, requestId, _frameType, peer) {
        const answer = begun((message as GlobalBeginRequest).transactionName)
        if (answer.xid === 'alone') {
          const result = { type: MessageType.MergeResult, messages: [answer] } as const
          peer.connection.send(encodeFrame, {
            version: 1,
            frameType: 1,
            requestId,
            message: result,
          })
          return
        }
        batch.ids.unshift(requestId)
        batch.messages.unshift(answer)
        if (batch.ids.length < 2) return
        const { ids: messageIds, messages } = batch
        const result = { type: MessageType.BatchResult, messages, messageIds } as const
        peer.connection.send(encodeFrame, {
          version: 1,
          frameType: 1,
          requestId: 0,
          message: result,
        })
      },
    })
    const peer = await openPeer(server.port)
    const answers = ['a', 'b', 'alone'].map((name) => ask(peer, begin(name)))
    assert.deepEqual(await Promise.all(answers), ['a', 'b', 'alone'].map(begun))
  })

  test('too many merges without answers close the connection', async () => {
    const closed = Promise.withResolvers<SetteeError>()
    const server = await startServer({ maxOpenMerges: 2, onClose: closed.resolve })
    const socket = await openSocket(server.port)
    for (let i = 0; i < 3; i++) socket.write(frame({ message: merged([]) }))
    assert.equal((await closed.promise).code, 'SETTEE_WIRE_OVERLOADED')
  })
})

describe('signs of life', () => {
  test('a heartbeat is answered with its id', async () => {
    const server = await startServer({})
    const socket = await openSocket(server.port)
    socket.write(heartbeat(42))
    assert.deepEqual(await receive(socket, 1), [
      { version: 1, frameType: FrameType.HeartbeatResponse, requestId: 42, message: undefined },
    ])
  })

  test('a client asks after 5 s of its own silence', async () => {
    const clock = createManualClock()
    const seen = Promise.withResolvers<Received[]>()
    const listener = new Listener({
      name: 'raw',
      port: 0,
      frameLength,
      accept: () => ({
        onFrame(reader) {
          const header = createFrameHeader()
          decodeFrameHeader(reader, header)
          seen.resolve([{ ...header, message: undefined }])
        },
        onClose() {},
      }),
    })
    await listener.start()
    cleanUps.push(() => listener.stop())
    await openPeer(listener.port, { clock, heartbeatIdleMs: 5000 })
    clock.advance(6000)
    assert.equal((await seen.promise)[0]!.frameType, FrameType.HeartbeatRequest)
  })

  test('a peer that is silent for 15 s is given up', async () => {
    const clock = createManualClock()
    const opened = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<SetteeError>()
    const server = await startServer({
      clock,
      onPeer: () => opened.resolve(),
      onClose: closed.resolve,
    })
    await openSocket(server.port)
    await opened.promise
    clock.advance(18_000)
    assert.match((await closed.promise).message, /sent nothing for 15000 ms/)
    assert.equal(clock.pendingCount, 0)
  })
})

describe('bad input', () => {
  const good = frame({ message: begin('good') })
  const patched = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good)
    bytes[at] = value
    return bytes
  }

  test('a body that makes no sense is dropped and told; the connection goes on', async () => {
    const bad: string[] = []
    const server = await startServer({
      onRequest: echo,
      onBadMessage: (error) => bad.push(error.message),
    })
    const socket = await openSocket(server.port)
    socket.write(
      Buffer.concat([
        patched(9, 7), // frame type
        patched(10, 2), // serializer
        patched(11, 1), // compressor
        patched(17, 99), // type code
        patched(22, 0xff), // size of the name
        frame({ message: begun('an answer as a request') }),
        frame({
          message: { type: MessageType.MergedWarp, messages: [begun('x')], messageIds: [1] },
        }),
        frame({ message: { type: MessageType.BatchResult, messages: [], messageIds: [] } }),
        good,
      ]),
    )
    assert.deepEqual((await receive(socket, 1))[0]!.message, begun('good'))
    const told = [/frame type 7/, /serializer 2/, /compressor 1/, /type code 99/, /size/]
    told.push(/type 2 came as a request/, /type 2 came as a part/, /type 121/)
    assert.equal(bad.length, told.length)
    for (const [i, pattern] of told.entries()) assert.match(bad[i]!, pattern)
  })

  test('an answer that cannot be read fails its call at once', async () => {
    const answer = frame({ message: begun('x'), frameType: 1, requestId: 1 })
    answer[18] = 9 // The result code.
    const server = await startServer({
      onRequest: (_m, _id, _type, peer) =>
        peer.connection.send((writer, bytes: Buffer) => writer.raw(bytes), answer),
    })
    const peer = await openPeer(server.port)
    await assert.rejects(ask(peer, begin('x')), {
      code: 'SETTEE_TX_BAD_MESSAGE',
      message: /result code 9/,
    })
  })

  for (const [what, bytes] of [
    ['a wrong magic', patched(0, 0x47)],
    ['a length of 2 GB', patched(3, 0x7f)],
    ['a head that is longer than the frame', patched(7, 0x7f)],
  ] as const) {
    test(`${what} closes the connection, after what came before was answered`, async () => {
      const closed = Promise.withResolvers<SetteeError>()
      const server = await startServer({ onRequest: echo, onClose: closed.resolve })
      const socket = await openSocket(server.port)
      socket.write(Buffer.concat([good, bytes]))
      assert.deepEqual((await receive(socket, 1))[0]!.message, begun('good'))
      assert.match((await closed.promise).code, /SETTEE_WIRE_(BAD_FRAME|FRAME_TOO_LARGE)/)
    })
  }

  test('20,000 mutated frames disturb no other connection', async () => {
    const random = createSeededRandom(20_261)
    const answered: RequestMessage[] = []
    const server = await startServer({
      onRequest(message, requestId, frameType, peer) {
        answered.push(message)
        if (message.type === MessageType.GlobalBegin) echo(message, requestId, frameType, peer)
      },
    })
    const other = await openPeer(server.port)
    const merge = frame({
      message: { type: MessageType.MergedWarp, messages: [begin('m')], messageIds: [3] },
    })
    // Half of the mutations spare the framing, so that what lies behind it is reached.
    const steady = await openDraining(server.port)
    let fragile = steady
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from([good, merge, heartbeat(1)][random.below(3)]!)
      const from = i % 2 === 0 ? 0 : 9
      for (let n = 1 + random.below(3); n > 0; n--) {
        bytes[from + random.below(bytes.length - from)] = random.below(256)
      }
      if (i % 20 === 0) fragile = await openDraining(server.port)
      if (i % 200 === 0) await ask(other, begin(`between ${i}`))
      ;(from === 0 ? fragile : steady).write(bytes)
    }
    assert.deepEqual(await ask(other, begin('still here')), begun('still here'))
    assert.ok(steady.writable)
    assert.ok(answered.length > 2000, `only ${answered.length} requests got through`)
  })

  async function openDraining(port: number): Promise<Socket> {
    const socket = await openSocket(port)
    return socket.resume()
  }
})
