import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSetteeError } from '@settee/kit'
import { ByteWriter } from '@settee/wire'
import {
  BoltFrame,
  boltV1,
  boltV2,
  boltV2Crc,
  boltV2Revision1,
  createBytesCodec,
  createHeaderKey,
  createRequestTemplate,
  createResponseTemplate,
  encodeHeartbeat,
  encodeHeartbeatAck,
  FrameEncoder,
  frameLength,
  frameType,
  jsonCodec,
  type BoltDialect,
} from './index.ts'

const dialects = [boltV1, boltV2Revision1, boltV2, boltV2Crc]
const className = 'A'

function loadAll(writer: ByteWriter): BoltFrame {
  const bytes = writer.bytes()
  assert.equal(frameLength(bytes, 0, bytes.length), bytes.length)
  const frame = new BoltFrame()
  frame.load(bytes, 0, bytes.length)
  return frame
}

function contentOf(frame: BoltFrame): unknown {
  return jsonCodec.decode(frame.bytes, frame.contentStart, frame.contentEnd)
}

const dialectOf = fc.constantFrom(...dialects)
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const timeout = fc.nat(2 ** 31 - 1)

test('a request that is written is read again, in every dialect', () => {
  fc.assert(
    fc.property(
      dialectOf,
      int32,
      timeout,
      fc.boolean(),
      fc.jsonValue(),
      (dialect, requestId, timeoutMs, oneway, value) => {
        const template = createRequestTemplate({ codec: jsonCodec, className, dialect, oneway })
        const writer = new ByteWriter(16)
        const encoder = new FrameEncoder()
        encoder.beginRequest(writer, template, requestId, timeoutMs)
        encoder.finish(value)
        const frame = loadAll(writer)
        assert.equal(frame.dialect, dialect)
        assert.equal(frame.type, oneway ? frameType.oneway : frameType.request)
        assert.equal(frame.requestId, requestId)
        assert.equal(frame.timeoutMs, timeoutMs)
        assert.equal(frame.codec, 12)
        assert.deepEqual(contentOf(frame), JSON.parse(JSON.stringify(value)))
      },
    ),
    { seed: 1, numRuns: 1000 },
  )
})

test('a response that is written is read again, in every dialect', () => {
  fc.assert(
    fc.property(dialectOf, int32, fc.nat(0x7fff), fc.uint8Array(), (dialect, id, status, value) => {
      const codec = createBytesCodec(11)
      const template = createResponseTemplate({ codec, className, dialect })
      const writer = new ByteWriter(16)
      const encoder = new FrameEncoder()
      encoder.beginResponse(writer, template, id, status)
      encoder.finish(value)
      const frame = loadAll(writer)
      assert.equal(frame.dialect, dialect)
      assert.equal(frame.type, frameType.response)
      assert.equal(frame.requestId, id)
      assert.equal(frame.status, status)
      assert.equal(frame.codec, 11)
      const read = codec.decode(frame.bytes, frame.contentStart, frame.contentEnd) as Buffer
      assert.deepEqual([...read], [...value])
    }),
    { seed: 2, numRuns: 1000 },
  )
})

test('a timeout beyond the field is the longest that the field holds', () => {
  const writer = new ByteWriter()
  const encoder = new FrameEncoder()
  encoder.beginRequest(
    writer,
    createRequestTemplate({ codec: jsonCodec, className }),
    1,
    Number.POSITIVE_INFINITY,
  )
  encoder.finish(undefined)
  assert.equal(loadAll(writer).timeoutMs, 2 ** 31 - 1)
})

const heartbeats: readonly [BoltDialect, request: string, ack: string][] = [
  [
    boltV1,
    '01 01 0000 01 00000007 01 ffffffff 0000 0000 00000000',
    '01 00 0000 01 00000007 01 0000 0000 0000 00000000',
  ],
  [
    boltV2Revision1,
    '02 01 01 0000 01 00000007 01 00 ffffffff 0000 0000 00000000',
    '02 01 00 0000 01 00000007 01 00 0000 0000 0000 00000000',
  ],
  [
    boltV2Crc,
    '02 02 01 0000 01 00000007 01 00 ffffffff 0000 0000 00000000',
    '02 02 00 0000 01 00000007 01 00 0000 0000 0000 00000000',
  ],
]

for (const [dialect, request, ack] of heartbeats) {
  test(`heartbeats of ${dialect.name} are the bytes that Java sends`, () => {
    const writer = new ByteWriter()
    for (const [encode, expected] of [
      [encodeHeartbeat, request],
      [encodeHeartbeatAck, ack],
    ] as const) {
      writer.reset()
      encode(writer, dialect, 7)
      assert.equal(writer.bytes().toString('hex'), expected.replaceAll(' ', ''))
      assert.equal(loadAll(writer).isHeartbeat, true)
    }
  })
}

const failures: Readonly<Record<string, (encoder: FrameEncoder) => void>> = {
  SETTEE_BOLT_UNENCODABLE_VALUE: (encoder) => encoder.finish({ amount: 10n }),
  SETTEE_BOLT_MESSAGE_TOO_LARGE: (encoder) => encoder.finish('x'.repeat(40_000)),
  SETTEE_WIRE_OVERLOADED: (encoder) => encoder.header(createHeaderKey('k'), 'x'.repeat(200_000)),
  SETTEE_BOLT_HEADER_TOO_LARGE: (encoder) => {
    encoder.header(createHeaderKey('small'), 'x'.repeat(1000))
    encoder.header(createHeaderKey('baggage'), 'x'.repeat(32_000))
    encoder.finish(undefined)
  },
}

for (const [code, fail] of Object.entries(failures)) {
  test(`after ${code} the next frame is written as if nothing had happened`, () => {
    const writer = new ByteWriter(4096, 200_000)
    const encoder = new FrameEncoder({ maxFrameBytes: 40_000 })
    const template = createRequestTemplate({ codec: jsonCodec, className })
    encoder.beginRequest(writer, template, 2, 0)
    assert.throws(
      () => fail(encoder),
      (error) => isSetteeError(error, code),
    )
    writer.truncate(0)
    encoder.beginRequest(writer, template, 3, 0)
    encoder.finish('good')
    assert.equal(contentOf(loadAll(writer)), 'good')
  })
}

test('a frame may be as large as the limit and not a byte larger', () => {
  const template = createRequestTemplate({ codec: jsonCodec, className, dialect: boltV2Crc })
  const encode = (maxFrameBytes: number): number => {
    const writer = new ByteWriter()
    const encoder = new FrameEncoder({ maxFrameBytes })
    encoder.beginRequest(writer, template, 1, 0)
    encoder.finish('abc')
    return writer.length
  }
  const sizeBytes = encode(1000)
  assert.equal(encode(sizeBytes), sizeBytes)
  assert.throws(
    () => encode(sizeBytes - 1),
    (error) => isSetteeError(error, 'SETTEE_BOLT_MESSAGE_TOO_LARGE'),
  )
})

test('headers that are too large are refused with the name of the largest', () => {
  const headers = [
    ['a', 'x'.repeat(10_000)],
    ['rpc_req_baggage.cart', 'x'.repeat(20_000)],
    ['b', 'x'.repeat(5000)],
  ] as const
  assert.throws(
    () => createRequestTemplate({ codec: jsonCodec, className, headers }),
    (error) =>
      isSetteeError(error, 'SETTEE_BOLT_HEADER_TOO_LARGE') &&
      error.message.includes('rpc_req_baggage.cart'),
  )
})

test('headers may take 32,767 bytes and not one more', () => {
  const create = (valueBytes: number): unknown =>
    createRequestTemplate({
      codec: jsonCodec,
      className,
      headers: [['k', 'x'.repeat(valueBytes)]],
    })
  create(32_767 - 9)
  assert.throws(() => create(32_767 - 8))
})

test('a class name that is too long is refused', () => {
  assert.throws(
    () => createResponseTemplate({ codec: jsonCodec, className: 'x'.repeat(32_768) }),
    (error) => isSetteeError(error, 'SETTEE_BOLT_CLASS_NAME_TOO_LONG'),
  )
})

test('frames of one arena stand one behind the other', () => {
  const writer = new ByteWriter(16)
  const encoder = new FrameEncoder()
  const request = createRequestTemplate({ codec: jsonCodec, className, dialect: boltV2Crc })
  const response = createResponseTemplate({ codec: jsonCodec, className })
  for (let id = 0; id < 100; id++) {
    encoder.beginRequest(writer, request, id, 0)
    encoder.finish(id)
    encoder.beginResponse(writer, response, id, 0)
    encoder.finish(id)
  }
  const bytes = writer.bytes()
  const frame = new BoltFrame()
  let at = 0
  for (let count = 0; count < 200; count++) {
    const length = frameLength(bytes, at, bytes.length - at)
    frame.load(bytes, at, at + length)
    assert.equal(frame.requestId, count >> 1)
    assert.equal(contentOf(frame), count >> 1)
    at += length
  }
  assert.equal(at, bytes.length)
})
