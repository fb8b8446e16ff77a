/** The recorded conversation of a SOFARPC 5.14.3 client and server, byte for byte. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ByteWriter } from '@settee/wire'
import {
  BoltFrame,
  codecId,
  createBytesCodec,
  createRequestTemplate,
  createResponseTemplate,
  decodeHeaders,
  encodeHeartbeat,
  encodeHeartbeatAck,
  FrameEncoder,
  frameLength,
  frameType,
  sofaRequestClass,
  sofaResponseClass,
} from './index.ts'

interface Recorded {
  readonly fromClient: boolean
  readonly bytes: Buffer
}

const fixture = new URL('../test/fixtures/sofarpc-5.14.3-conversation.txt', import.meta.url)

// A line: time in ms, connection, direction, hex. The last lines say who closed and have no hex.
const recorded: readonly Recorded[] = readFileSync(fixture, 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .filter((fields) => fields.length === 4)
  .map(([, , direction, hex]) => ({
    fromClient: direction === 'C>',
    bytes: Buffer.from(hex!, 'hex'),
  }))

function load(bytes: Buffer): BoltFrame {
  const frame = new BoltFrame()
  frame.load(bytes, 0, frameLength(bytes, 0, bytes.length))
  return frame
}

test('the recording has all 18 frames', () => {
  assert.equal(recorded.length, 18)
})

test('a client sends requests and heartbeats, a server answers with the same ids', () => {
  const asked = new Set<number>()
  for (const { fromClient, bytes } of recorded) {
    assert.equal(frameLength(bytes, 0, bytes.length), bytes.length)
    const frame = load(bytes)
    assert.equal(frame.version, 1)
    assert.equal(frame.codec, codecId.hessian2)
    assert.equal(frame.type, fromClient ? frameType.request : frameType.response)
    assert.equal(frame.status, 0)
    if (fromClient) {
      asked.add(frame.requestId)
      assert.equal(frame.timeoutMs, frame.isHeartbeat ? -1 : 3000)
    } else {
      assert.ok(asked.delete(frame.requestId), `nobody asked ${frame.requestId}`)
    }
    const expected = fromClient ? sofaRequestClass : sofaResponseClass
    assert.equal(frame.className, frame.isHeartbeat ? '' : expected)
  }
  assert.equal(asked.size, 0)
})

test('the headers of a call are those that SOFARPC sends, in order', () => {
  assert.deepEqual(
    [...decodeHeaders(load(recorded[0]!.bytes))],
    [
      ['sofa_head_target_service', 'demo.HelloService:1.0'],
      ['app', 'cli'],
      ['protocol', 'bolt'],
      ['service', 'demo.HelloService:1.0'],
      ['sofa_head_method_name', 'sayHello'],
      ['type', 'sync'],
    ],
  )
})

test('the answer that carries an exception says so in its header', () => {
  const withHeaders = recorded
    .filter(({ fromClient }) => !fromClient)
    .map(({ bytes }) => [...decodeHeaders(load(bytes))])
    .filter((headers) => headers.length > 0)
  assert.deepEqual(withHeaders, [[['sofa_head_response_error', 'true']]])
})

test('every frame encodes to the bytes that were recorded', () => {
  const writer = new ByteWriter()
  for (const { bytes } of recorded) {
    const start = writer.length
    encodeAgain(writer, load(bytes))
    assert.equal(writer.bytes(start).toString('hex'), bytes.toString('hex'))
  }
})

function encodeAgain(writer: ByteWriter, frame: BoltFrame): void {
  const { dialect, requestId, className } = frame
  const isRequest = frame.type === frameType.request
  if (frame.isHeartbeat) {
    if (isRequest) encodeHeartbeat(writer, dialect, requestId)
    else encodeHeartbeatAck(writer, dialect, requestId)
    return
  }
  const codec = createBytesCodec(frame.codec)
  const options = { codec, className, dialect, headers: decodeHeaders(frame) }
  const encoder = new FrameEncoder()
  if (isRequest) {
    encoder.beginRequest(writer, createRequestTemplate(options), requestId, frame.timeoutMs)
  } else {
    encoder.beginResponse(writer, createResponseTemplate(options), requestId, frame.status)
  }
  encoder.finish(codec.decode(frame.bytes, frame.contentStart, frame.contentEnd))
}
