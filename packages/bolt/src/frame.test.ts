import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { FrameSplitter } from '@settee/wire'
import {
  BoltFrame,
  boltV1,
  boltV2,
  boltV2Crc,
  boltV2Revision1,
  decodeHeaders,
  defaultMaxFrameBytes,
  frameLength,
} from './index.ts'

/** Class `A`, header map { k: v }, content `hi`, written by hand. */
const sections = '0001 000a 00000002  41  00000001 6b 00000001 76  6869'

const byHand = {
  'v1 request': { hex: `01 01 0001 01 00000007 0c 00000bb8 ${sections}`, dialect: boltV1 },
  'v1 oneway': { hex: `01 02 0001 01 00000007 0c 00000bb8 ${sections}`, dialect: boltV1 },
  'v1 response': { hex: `01 00 0002 01 00000007 0c 0004 ${sections}`, dialect: boltV1 },
  'v2 request of revision 1, whose switch promises a CRC that revision has not': {
    hex: `02 01 01 0001 01 00000007 0c 01 00000bb8 ${sections}`,
    dialect: boltV2Revision1,
  },
  'v2 request without CRC': {
    hex: `02 02 01 0001 01 00000007 0c 00 00000bb8 ${sections}`,
    dialect: boltV2,
  },
  'v2 request with CRC': {
    hex: `02 02 01 0001 01 00000007 0c 01 00000bb8 ${sections} fbccc68c`,
    dialect: boltV2Crc,
  },
  'v2 response with CRC': {
    hex: `02 02 00 0002 01 00000007 0c 01 0004 ${sections} ea082b5d`,
    dialect: boltV2Crc,
  },
} as const

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex')
}

for (const [name, { hex, dialect }] of Object.entries(byHand)) {
  test(`a ${name} written by hand decodes`, () => {
    const bytes = bytesOf(hex)
    const isResponse = name.includes('response')
    assert.equal(frameLength(bytes, 0, bytes.length), bytes.length)
    const frame = new BoltFrame()
    frame.load(bytes, 0, bytes.length)
    assert.equal(frame.dialect, dialect)
    assert.equal(frame.requestId, 7)
    assert.equal(frame.codec, 12)
    assert.equal(frame.timeoutMs, isResponse ? 0 : 3000)
    assert.equal(frame.status, isResponse ? 4 : 0)
    assert.equal(frame.expectsAnswer, !isResponse && !name.includes('oneway'))
    assert.equal(frame.isHeartbeat, false)
    assert.equal(frame.className, 'A')
    assert.deepEqual([...decodeHeaders(frame)], [['k', 'v']])
    assert.equal(bytes.toString('latin1', frame.contentStart, frame.contentEnd), 'hi')
  })

  test(`a ${name} tells its length with the last byte of its fixed part`, () => {
    const bytes = bytesOf(hex)
    const fixedBytes = bytes.length - bytesOf(hex.slice(hex.indexOf('  41'))).length
    for (let available = 0; available < bytes.length; available++) {
      const expected = available < fixedBytes ? 0 : bytes.length
      assert.equal(frameLength(bytes, 0, available), expected, `${available} bytes`)
    }
  })
}

test('a stream of frames is cut right wherever the network cuts it', () => {
  const frames = Object.values(byHand).map(({ hex }) => bytesOf(hex))
  const stream = Buffer.concat(frames)
  for (let size = 1; size < stream.length; size++) {
    const seen: string[] = []
    const splitter = new FrameSplitter(frameLength, defaultMaxFrameBytes, (reader) => {
      const frame = new BoltFrame()
      frame.load(reader.chunk, reader.offset, reader.offset + reader.remaining)
      seen.push(reader.raw(reader.remaining).toString('hex'))
    })
    for (let at = 0; at < stream.length; at += size) splitter.push(stream.subarray(at, at + size))
    assert.deepEqual(
      seen,
      frames.map((frame) => frame.toString('hex')),
      `chunks of ${size} bytes`,
    )
  }
})

test('a frame in the middle of a chunk is found at its offset', () => {
  const first = bytesOf(byHand['v1 request'].hex)
  const second = bytesOf(byHand['v2 response with CRC'].hex)
  const chunk = Buffer.concat([first, second, first.subarray(0, 3)])
  const secondEnd = first.length + second.length
  assert.equal(frameLength(chunk, 0, chunk.length), first.length)
  assert.equal(frameLength(chunk, first.length, chunk.length - first.length), second.length)
  assert.equal(frameLength(chunk, secondEnd, 3), 0)
  const frame = new BoltFrame()
  frame.load(chunk, first.length, secondEnd)
  assert.equal(frame.className, 'A')
  assert.equal(frame.status, 4)
})

test('a request id is signed, so that it is echoed as it came', () => {
  const frame = new BoltFrame()
  const bytes = bytesOf('01 01 0000 01 fffffffe 01 ffffffff 0000 0000 00000000')
  frame.load(bytes, 0, bytes.length)
  assert.equal(frame.requestId, -2)
  assert.equal(frame.timeoutMs, -1)
  assert.equal(frame.isHeartbeat, true)
})

test('every changed bit of a frame with CRC is found', () => {
  const good = bytesOf(byHand['v2 request with CRC'].hex)
  const frame = new BoltFrame()
  // Behind the lengths: a change in front of them changes framing, which is another error.
  for (let bit = 24 * 8; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(
      () => frame.load(bytes, 0, bytes.length),
      (error) => isSetteeError(error, 'SETTEE_BOLT_BAD_CRC'),
    )
  }
})

const badFrames = {
  'an HTTP request': [Buffer.from('GET / HTTP/1.1'), /proto is 71/],
  'a TLS handshake': [bytesOf('16'), /proto is 22/],
  'protocol 3': [bytesOf('03'), /proto is 3/],
  'revision 3 of v2': [bytesOf('02 03 01 0001'), /ver1 is 3/],
  'type 3': [bytesOf('01 03 0001'), /type is 3/],
  'command code 3': [bytesOf('01 01 0003'), /cmdcode is 3/],
  'a response with the command code of a request': [bytesOf('01 00 0001'), /cmdcode is 1/],
  'a negative class length': [
    bytesOf('01 01 0001 01 00000007 0c 00000bb8 8000 0000 00000000'),
    /class -32768/,
  ],
  'a negative header length': [
    bytesOf('01 00 0002 01 00000007 0c 0000 0000 ffff 00000000'),
    /header -1/,
  ],
  'a negative content length': [
    bytesOf('02 02 00 0002 01 00000007 0c 00 0000 0000 0000 80000000'),
    /content -2147483648/,
  ],
} as const

for (const [name, [bytes, message]] of Object.entries(badFrames)) {
  test(`${name} is refused as no frame`, () => {
    assert.throws(
      () => frameLength(bytes, 0, bytes.length),
      (error) => isSetteeError(error, 'SETTEE_WIRE_BAD_FRAME') && message.test(error.message),
    )
  })
}

test('garbage behind a valid frame is refused, the frame itself is not', () => {
  const good = bytesOf(byHand['v1 request'].hex)
  const chunk = Buffer.concat([good, Buffer.from('garbage')])
  assert.equal(frameLength(chunk, 0, chunk.length), good.length)
  assert.throws(
    () => frameLength(chunk, good.length, chunk.length - good.length),
    (error) => isSetteeError(error, 'SETTEE_WIRE_BAD_FRAME'),
  )
})

test('a length of 2 GB is refused when the header is there, and costs no memory', () => {
  const bytes = bytesOf('01 01 0001 01 00000007 0c 00000bb8 0000 0000 7fffffff')
  const before = process.memoryUsage().arrayBuffers
  assert.throws(
    () => frameLength(bytes, 0, bytes.length),
    (error) => isSetteeError(error, 'SETTEE_WIRE_FRAME_TOO_LARGE'),
  )
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20)
})

test('a frame may be as large as the limit and not a byte larger', () => {
  const bytes = bytesOf(byHand['v1 request'].hex)
  assert.equal(frameLength(bytes, 0, bytes.length, bytes.length), bytes.length)
  assert.throws(
    () => frameLength(bytes, 0, bytes.length, bytes.length - 1),
    (error) => isSetteeError(error, 'SETTEE_WIRE_FRAME_TOO_LARGE'),
  )
  assert.ok(defaultMaxFrameBytes > 8 * 2 ** 20)
})
