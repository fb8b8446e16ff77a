import assert from 'node:assert/strict'
import { type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { createSeededRandom, type SetteeError } from '@settee/kit'
import { BranchType, MessageType, type RequestMessage } from './protocol/index.ts'
import {
  ask,
  begin,
  begun,
  closeAll,
  echo,
  frame,
  heartbeat,
  openPeer,
  openSocket,
  receive,
  startServer,
} from './test-peers.ts'

after(closeAll)

describe('bad input', () => {
  const good = frame({ message: begin('good') })
  const patched = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good)
    bytes[at] = value
    return bytes
  }

  const undoLogDelete = {
    type: MessageType.UndoLogDelete,
    branchType: BranchType.AT,
    resourceId: 'a',
    saveDays: 7,
  } as const

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
        frame({
          message: { type: MessageType.MergedWarp, messages: [undoLogDelete], messageIds: [1] },
        }),
        frame({ message: { type: MessageType.BatchResult, messages: [], messageIds: [] } }),
        good,
      ]),
    )
    assert.deepEqual((await receive(socket, 1))[0]!.message, begun('good'))
    const told = [/frame type 7/, /serializer 2/, /compressor 1/, /type code 99/, /size/]
    told.push(/type 2 came as a request/, /type 2 came as a part/)
    // Nobody would answer it, and then nobody could answer the merge.
    told.push(/type 111 came as a part/, /type 121/)
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
