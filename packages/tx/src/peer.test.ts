import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createManualClock, type SetteeError } from '@settee/kit'
import { Listener } from '@settee/wire'
import type { SeataPeer } from './peer.ts'
import {
  createFrameHeader,
  decodeFrameHeader,
  encodeFrame,
  FrameType,
  frameLength,
  GlobalStatus,
  MessageType,
  ResultCode,
  type GlobalBeginRequest,
  type GlobalStatusResponse,
  type Message,
  type RequestMessage,
  type ResponseMessage,
} from './protocol/index.ts'
import {
  ask,
  begin,
  begun,
  cleanUps,
  closeAll,
  echo,
  frame,
  heartbeat,
  openPeer,
  openSocket,
  receive,
  startServer,
  TestCall,
  type Received,
} from './test-peers.ts'

after(closeAll)

const status: GlobalStatusResponse = {
  type: MessageType.GlobalStatusResult,
  resultCode: ResultCode.Success,
  msg: '',
  exceptionCode: 0,
  globalStatus: GlobalStatus.Committed,
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
    const handled: RequestMessage[] = []
    const server = await startServer({
      onRequest(message, _id, _type, peer) {
        handled.push(message)
        peer.connection.close()
      },
    })
    const clock = createManualClock()
    const closed = Promise.withResolvers<SetteeError>()
    const peer = await openPeer(server.port, { clock, onClose: closed.resolve })
    const second = new TestCall(begin('in the same chunk'))
    peer.call(second)
    await assert.rejects(ask(peer, begin('lost')), { code: 'SETTEE_WIRE_CLOSED' })
    assert.equal((await closed.promise).code, 'SETTEE_WIRE_CLOSED')
    assert.throws(() => peer.call(new TestCall(begin('late'))), { code: 'SETTEE_WIRE_CLOSED' })
    assert.equal(peer.pendingCount, 0)
    peer.answer(1, begun('nobody is there'))
    await assert.rejects(second.answer, { code: 'SETTEE_WIRE_CLOSED' })
    assert.equal(handled.length, 1)
    clock.advance(20)
    assert.equal(clock.pendingCount, 0)
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

  test('a merge that was answered makes room for the next', async () => {
    const server = await startServer({ maxOpenMerges: 1, onRequest: echo })
    const socket = await openSocket(server.port)
    for (let i = 0; i < 3; i++) socket.write(frame({ message: merged([]), requestId: i }))
    const ids = (await receive(socket, 3)).map(({ requestId }) => requestId)
    assert.deepEqual(ids, [0, 1, 2])
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
