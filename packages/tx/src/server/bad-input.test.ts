import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { createSeededRandom, type Random } from '@settee/kit'
import { ByteWriter } from '@settee/wire'
import {
  BranchStatus,
  BranchType,
  encodeFrame,
  encodeHeartbeat,
  FrameType,
  GlobalStatus,
  MessageType,
  type Message,
  type RequestMessage,
} from '../protocol/index.ts'
import {
  cleanUpAll,
  startCoordinator,
  stockResource,
  type CleanUps,
  type TestCoordinator,
} from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

const identity = {
  version: '2.6.0',
  applicationId: 'shop',
  transactionServiceGroup: 'default',
  extraData: '',
}
const registration: Message = {
  type: MessageType.RegisterRM,
  ...identity,
  resourceIds: stockResource,
}
const begin: RequestMessage = {
  type: MessageType.GlobalBegin,
  timeoutMs: 60_000,
  transactionName: 'purchase',
}

function frameOf(message: Message, frameType: FrameType = FrameType.RequestSync): Buffer {
  const writer = new ByteWriter()
  encodeFrame(writer, { version: 1, frameType: frameType as 0, requestId: 7, message })
  return writer.take()
}

/** A copy with other bytes at `offset`. */
function patched(frame: Buffer, offset: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(frame)
  copy.set(bytes, offset)
  return copy
}

function openSocket({ server }: TestCoordinator): Socket {
  const socket = connect({ port: Number(server.address.split(':')[1]), host: '127.0.0.1' })
  socket.on('error', () => {})
  cleanUps.push(() => socket.destroy())
  return socket
}

const closing: readonly { what: string; bytes: Buffer; code: string; message: RegExp }[] = [
  {
    what: 'wrong magic',
    bytes: Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /starts with 4745 instead of dada/,
  },
  {
    what: 'a frame of 2 GB',
    bytes: patched(frameOf(begin), 3, 0x7f, 0xff, 0xff, 0xff),
    code: 'SETTEE_WIRE_FRAME_TOO_LARGE',
    message: /2147483647 bytes/,
  },
  {
    what: 'a frame of minus one byte',
    bytes: patched(frameOf(begin), 3, 0xff, 0xff, 0xff, 0xff),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /says it has -1 bytes/,
  },
  {
    what: 'a frame that is shorter than its header',
    bytes: patched(frameOf(begin), 3, 0, 0, 0, 15),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /says it has 15 bytes/,
  },
  {
    what: 'a head that is longer than the frame',
    bytes: patched(frameOf(begin), 7, 0x7f, 0xff),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /of which 32767 are head/,
  },
  {
    what: 'a frame of version 0',
    bytes: patched(frameOf(begin), 2, 0),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /update the client/,
  },
  {
    what: 'an order that only coordinators give',
    bytes: frameOf({
      type: MessageType.BranchCommit,
      xid: 'x',
      branchId: 1,
      branchType: BranchType.AT,
      resourceId: stockResource,
      applicationData: '',
    }),
    code: 'SETTEE_TX_BAD_MESSAGE',
    message: /which only coordinators send/,
  },
  {
    what: 'garbage behind a good frame',
    bytes: Buffer.concat([frameOf(begin), Buffer.alloc(64, 0x55)]),
    code: 'SETTEE_WIRE_BAD_FRAME',
    message: /starts with 5555/,
  },
]

describe('closes the connection, says why, and disturbs nobody else:', () => {
  for (const { what, bytes, code, message } of closing) {
    test(what, async () => {
      const coordinator = await startCoordinator(cleanUps)
      const neighbour = await coordinator.connect()
      const socket = openSocket(coordinator)
      socket.resume()
      socket.write(Buffer.concat([frameOf(registration), bytes]))
      await once(socket, 'close')
      assert.equal(coordinator.accusations[0]!.code, code)
      assert.match(coordinator.accusations[0]!.message, message)
      assert.equal(await neighbour.commit(await neighbour.begin()), 'Committed')
    })
  }
})

const body = 16
const dropped: readonly { what: string; bytes: Buffer; message: RegExp }[] = [
  { what: 'an unknown message', bytes: patched(frameOf(begin), body, 0, 99), message: /99/ },
  {
    what: 'an unknown kind of frame',
    bytes: patched(frameOf(begin), 9, 9),
    message: /frame type 9/,
  },
  { what: 'another serializer', bytes: patched(frameOf(begin), 10, 22), message: /serializer 22/ },
  { what: 'a compressed body', bytes: patched(frameOf(begin), 11, 7), message: /compressor 7/ },
  {
    what: 'a body that ends too early',
    bytes: patched(frameOf(begin), body + 6, 0x70),
    message: /./,
  },
  {
    what: 'an answer that comes as a request',
    bytes: frameOf({
      type: MessageType.GlobalBeginResult,
      resultCode: 1,
      msg: '',
      exceptionCode: 0,
      xid: 'x',
      extraData: '',
    }),
    message: /came as a request/,
  },
]

describe('drops the message, says why, and goes on with the connection:', () => {
  for (const { what, bytes, message } of dropped) {
    test(what, async () => {
      const coordinator = await startCoordinator(cleanUps)
      const socket = openSocket(coordinator)
      socket.write(frameOf(registration))
      await once(socket, 'data')
      socket.write(Buffer.concat([bytes, frameOf(begin)]))
      await once(socket, 'data')
      assert.equal(coordinator.server.state.transactions.size, 1)
      assert.ok(
        ['SETTEE_TX_BAD_MESSAGE', 'SETTEE_WIRE_TRUNCATED'].includes(
          coordinator.accusations[0]!.code,
        ),
      )
      assert.match(coordinator.accusations[0]!.message, message)
    })
  }
})

test('an endless frame costs its sender the connection after 15 s, and nobody else', async () => {
  const coordinator = await startCoordinator(cleanUps)
  const neighbour = await coordinator.connect()
  const socket = openSocket(coordinator)
  socket.resume()
  const closed = once(socket, 'close')
  socket.write(Buffer.concat([frameOf(registration), frameOf(begin).subarray(0, 20)]))
  await once(socket, 'connect')
  while (coordinator.server.connectionCount < 2) await neighbour.statusOf('alive')
  for (let passedMs = 0; passedMs <= 20_000; passedMs += 5000) await coordinator.pass(5000)
  await closed
  assert.equal(await neighbour.commit(await neighbour.begin()), 'Committed')
})

test('100,000 mutations of good frames leave the coordinator serving', async () => {
  const coordinator = await startCoordinator(cleanUps)
  const neighbour = await coordinator.connect({ resourceIds: stockResource })
  const xid = await neighbour.begin()
  const corpus = corpusOf(xid, await neighbour.branch(xid, 'stock:1'))
  const random = createSeededRandom(20_260_101)
  const framesPerBatch = 100
  let batchesLeft = 1000

  async function lane(): Promise<void> {
    while (batchesLeft-- > 0) {
      const frames = [frameOf(registration)]
      for (let i = 1; i < framesPerBatch; i++)
        frames.push(mutateWithin(pick(corpus, random), random))
      // The last one may break the framing, which would keep those behind it from being read.
      frames.push(mutateAnywhere(pick(corpus, random), random))
      const socket = openSocket(coordinator)
      socket.resume()
      socket.end(Buffer.concat(frames))
      await once(socket, 'close')
      cleanUps.pop()
    }
  }

  await Promise.all([lane(), lane(), lane(), lane()])
  assert.deepEqual(coordinator.failures, [])
  assert.ok(coordinator.accusations.length > 10_000, 'most mutations are bad messages')
  const survivor = await coordinator.connect({ resourceIds: 'another' })
  const fresh = await survivor.begin()
  await survivor.branch(fresh, 'stock:fresh', { resourceId: 'another' })
  assert.equal(await survivor.commit(fresh), 'Committed')
})

/** One valid frame of each kind that a client sends. */
function corpusOf(xid: string, branchId: number): readonly Buffer[] {
  const resourceId = stockResource
  const branchType = BranchType.AT
  const end = { xid, extraData: '' }
  const branch = { xid, branchType, resourceId, lockKey: 'stock:1,2;log:3' }
  const messages: readonly Message[] = [
    registration,
    { type: MessageType.RegisterTM, ...identity },
    { type: MessageType.UnregisterRM, ...identity, resourceIds: resourceId },
    begin,
    { type: MessageType.BranchRegister, ...branch, applicationData: '{"lockWaitMs":10}' },
    { type: MessageType.GlobalLockQuery, ...branch, applicationData: '' },
    {
      type: MessageType.BranchReport,
      xid,
      branchId,
      branchStatus: BranchStatus.PhaseOne_Done,
      resourceId,
      applicationData: '',
      branchType,
    },
    { type: MessageType.GlobalCommit, ...end },
    { type: MessageType.GlobalRollback, ...end },
    { type: MessageType.GlobalStatus, ...end },
    { type: MessageType.GlobalReport, ...end, globalStatus: GlobalStatus.Committed },
    { type: MessageType.MergedWarp, messages: [begin, begin], messageIds: [8, 9] },
  ]
  const heartbeat = new ByteWriter()
  encodeHeartbeat(heartbeat, { version: 1, frameType: FrameType.HeartbeatRequest, requestId: 3 })
  return [...messages.map((message) => frameOf(message)), heartbeat.take()]
}

function pick(frames: readonly Buffer[], random: Random): Buffer {
  return frames[random.below(frames.length)]!
}

/** Changes up to four bytes behind the lengths of the header, or cuts the body. */
function mutateWithin(frame: Buffer, random: Random): Buffer {
  const firstByte = 9
  let copy = Buffer.from(frame)
  if (copy.length > 20 && random.below(8) === 0) {
    copy = copy.subarray(0, 18 + random.below(copy.length - 18))
    copy.writeUInt32BE(copy.length, 3)
  }
  for (let i = random.below(4); i >= 0; i--) {
    copy[firstByte + random.below(copy.length - firstByte)] = randomByte(random)
  }
  return copy
}

function mutateAnywhere(frame: Buffer, random: Random): Buffer {
  const copy = Buffer.from(frame)
  for (let i = random.below(4); i >= 0; i--) copy[random.below(copy.length)] = randomByte(random)
  return copy.subarray(0, 1 + random.below(copy.length))
}

/** Borders of signs and lengths more often than the rest. */
function randomByte(random: Random): number {
  const borders = [0, 1, 0x7f, 0x80, 0xff]
  return random.below(2) === 0 ? borders[random.below(borders.length)]! : random.below(256)
}
