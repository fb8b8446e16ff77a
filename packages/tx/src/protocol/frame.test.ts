import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { ByteReader, ByteWriter } from '@settee/wire'
import {
  createFrameHeader,
  decodeFrameHeader,
  defaultMaxFrameBytes,
  encodeFrame,
  encodeHeartbeat,
  frameLength,
  FrameType,
  replyVersion,
  type FrameHeader,
} from './frame.ts'
import { MessageType } from './message-type.ts'
import { decodeMessage } from './message.ts'

const begin = { type: MessageType.GlobalBegin, timeoutMs: 60_000, transactionName: 't' } as const

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

function lengthOf(bytes: Buffer, maxFrameBytes = defaultMaxFrameBytes): number {
  return frameLength(bytes, 0, bytes.length, maxFrameBytes)
}

function decodeHeader(reader: ByteReader): FrameHeader {
  const header = createFrameHeader()
  decodeFrameHeader(reader, header)
  return header
}

function failsWith(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => isSetteeError(error, code) && pattern.test(error.message)
}

const beginFrame = hex('dada 01 00000019 0010 00 01 00 00000001 0001 0000ea60 0001 74')

test('a GlobalBegin is the known frame of 25 bytes', () => {
  const writer = new ByteWriter()
  const frame = { version: 1, frameType: FrameType.RequestSync, requestId: 1, message: begin }
  encodeFrame(writer, frame)
  assert.equal(writer.bytes().toString('hex'), beginFrame.toString('hex'))
  assert.equal(lengthOf(beginFrame), 25)
  const reader = new ByteReader(beginFrame)
  assert.deepEqual(decodeHeader(reader), {
    version: 1,
    frameType: FrameType.RequestSync,
    requestId: 1,
    headMap: undefined,
  })
  assert.deepEqual(decodeMessage(reader, 1), begin)
})

test('a heartbeat is a header of 16 bytes, and its answer has the same id', () => {
  const writer = new ByteWriter()
  encodeHeartbeat(writer, { version: 1, frameType: FrameType.HeartbeatRequest, requestId: 2 })
  assert.deepEqual(writer.bytes(), hex('dada 01 00000010 0010 03 01 00 00000002'))
  writer.reset()
  encodeHeartbeat(writer, { version: 2, frameType: FrameType.HeartbeatResponse, requestId: -2 })
  assert.deepEqual(writer.bytes(), hex('dada 02 00000010 0010 04 01 00 fffffffe'))
  const header = decodeHeader(new ByteReader(writer.bytes()))
  assert.equal(header.frameType, FrameType.HeartbeatResponse)
  assert.equal(header.requestId, -2)
})

test('frames are written behind what the writer holds already', () => {
  const writer = new ByteWriter(16)
  for (const requestId of [1, 1]) {
    encodeFrame(writer, { version: 1, frameType: FrameType.RequestSync, requestId, message: begin })
  }
  assert.deepEqual(writer.bytes(), Buffer.concat([beginFrame, beginFrame]))
})

test('a head map is read, with null and empty values, and not kept for the next', () => {
  const body = '0001 0000ea60 0001 74'
  const map = '0001 6b 0001 76  0001 65 0000  0001 6e ffff  ffff 0001 78'
  const bytes = hex(`dada 01 0000002e 0025 00 01 00 00000001 ${map} ${body}`)
  const reader = new ByteReader(bytes)
  const header = decodeHeader(reader)
  assert.deepEqual(
    header.headMap,
    new Map([
      ['k', 'v'],
      ['e', ''],
      ['n', null],
    ]),
  )
  assert.deepEqual(decodeMessage(reader, header.version), begin)
  reader.load(beginFrame)
  decodeFrameHeader(reader, header)
  assert.equal(header.headMap, undefined)
})

test('a head map that reaches into the body is refused', () => {
  const bytes = hex('dada 01 00000019 0014 00 01 00 00000001 0001 00 00ea600001 74')
  assert.throws(
    () => decodeHeader(new ByteReader(bytes)),
    failsWith('SETTEE_WIRE_TRUNCATED', /2 bytes/),
  )
})

test('the length is unknown until seven bytes are there', () => {
  for (let available = 0; available < 7; available++) {
    assert.equal(frameLength(beginFrame, 0, available, defaultMaxFrameBytes), 0)
  }
  assert.equal(frameLength(beginFrame, 0, 7, defaultMaxFrameBytes), 25)
  const shifted = Buffer.concat([Buffer.from([0]), beginFrame])
  assert.equal(frameLength(shifted, 1, 25, defaultMaxFrameBytes), 25)
})

const lostFraming = [
  ['wrong magic', '474554202f2048', 'SETTEE_WIRE_BAD_FRAME', /starts with 4745/],
  ['version 0', 'dada0020000000', 'SETTEE_WIRE_BAD_FRAME', /version 0 are not supported/],
  ['a length below the header', 'dada010000000f', 'SETTEE_WIRE_BAD_FRAME', /has 15 bytes/],
  ['a negative length', 'dada0180000000', 'SETTEE_WIRE_BAD_FRAME', /has -2147483648 bytes/],
  ['a length of 2 GiB', 'dada017fffffff', 'SETTEE_WIRE_FRAME_TOO_LARGE', /2147483647 bytes/],
  ['one byte over 8 MiB', 'dada0100800001', 'SETTEE_WIRE_FRAME_TOO_LARGE', /8388609 bytes/],
] as const
for (const [name, bytes, code, pattern] of lostFraming) {
  test(`${name} loses the framing`, () => {
    assert.throws(() => lengthOf(hex(bytes)), failsWith(code, pattern))
  })
}

test('a frame of exactly the limit passes', () => {
  assert.equal(lengthOf(hex('dada0100800000')), 8 * 2 ** 20)
  assert.equal(lengthOf(beginFrame, 25), 25)
  assert.throws(() => lengthOf(beginFrame, 24), failsWith('SETTEE_WIRE_FRAME_TOO_LARGE', /24/))
})

const refusedHeaders = [
  ['head size below 16', 'dada 01 00000010 000f 00 01 00 00000007', 'SETTEE_WIRE_BAD_FRAME', /15/],
  ['head size over all', 'dada 01 00000010 0011 00 01 00 00000007', 'SETTEE_WIRE_BAD_FRAME', /17/],
  ['negative head size', 'dada 01 00000010 8010 00 01 00 00000007', 'SETTEE_WIRE_BAD_FRAME', /-32/],
  ['frame type 5', 'dada 01 00000010 0010 05 01 00 00000007', 'SETTEE_TX_BAD_MESSAGE', /type 5/],
  ['protobuf', 'dada 01 00000010 0010 00 02 00 00000007', 'SETTEE_TX_BAD_MESSAGE', /serializer 2/],
  ['gzip', 'dada 01 00000010 0010 00 01 01 00000007', 'SETTEE_TX_BAD_MESSAGE', /compressor 1/],
] as const
for (const [name, bytes, code, pattern] of refusedHeaders) {
  test(`a header with ${name} is refused, and its request id is known`, () => {
    const header = createFrameHeader()
    assert.throws(
      () => decodeFrameHeader(new ByteReader(hex(bytes)), header),
      failsWith(code, pattern),
    )
    assert.equal(header.requestId, 7)
  })
}

test('a heartbeat may name any serializer and compressor, because it has no body', () => {
  const header = decodeHeader(new ByteReader(hex('dada 01 00000010 0010 03 16 05 00000007')))
  assert.equal(header.frameType, FrameType.HeartbeatRequest)
})

test('any version from 1 on is read, and answered with at most 2', () => {
  const future = Buffer.from(beginFrame)
  future[2] = 9
  assert.equal(lengthOf(future), 25)
  assert.equal(decodeHeader(new ByteReader(future)).version, 9)
  assert.deepEqual([1, 2, 3, 255].map(replyVersion), [1, 2, 2, 2])
})

test('a frame that every peer would refuse as too large is not sent', () => {
  const lockKey = `t:${'1'.repeat(defaultMaxFrameBytes)}`
  const message = {
    type: MessageType.BranchRegister,
    xid: '',
    branchType: 0,
    resourceId: '',
    lockKey,
    applicationData: '',
  } as const
  const frame = { version: 1, frameType: FrameType.RequestSync, requestId: 1, message }
  assert.throws(
    () => encodeFrame(new ByteWriter(), frame),
    failsWith('SETTEE_WIRE_FRAME_TOO_LARGE', /over the limit/),
  )
})
