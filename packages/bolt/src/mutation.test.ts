/** Bytes that were changed on the way give typed errors and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, isSetteeError, type Random } from '@settee/kit'
import { ByteWriter } from '@settee/wire'
import {
  BoltFrame,
  boltV1,
  boltV2,
  boltV2Crc,
  boltV2Revision1,
  createRequestTemplate,
  createResponseTemplate,
  decodeHeaders,
  encodeHeartbeat,
  FrameEncoder,
  frameLength,
  HeaderReader,
  jsonCodec,
  sofaHeader,
  sofaRequestClass,
  sofaResponseClass,
} from './index.ts'

const seeds = validFrames()

function validFrames(): Buffer[] {
  const writer = new ByteWriter()
  const encoder = new FrameEncoder()
  const codec = jsonCodec
  return [boltV1, boltV2Revision1, boltV2, boltV2Crc].flatMap((dialect) => {
    const headers = [
      ['service', 'shop.Account:1.0'],
      ['sofa_head_method_name', 'debit'],
      ['app', ''],
    ] as const
    const value = { amount: 12.5, note: 'two books', tags: ['a'] }
    encodeHeartbeat(writer, dialect, 1)
    const heartbeat = writer.take()
    const request = createRequestTemplate({ codec, className: sofaRequestClass, headers, dialect })
    encoder.beginRequest(writer, request, 2, 3000)
    encoder.finish(value)
    const call = writer.take()
    const response = createResponseTemplate({ codec, className: sofaResponseClass, dialect })
    encoder.beginResponse(writer, response, 2, 0)
    encoder.finish(value)
    return [heartbeat, call, writer.take()]
  })
}

/** Changes one to four places: a bit, a byte, an extreme integer, a cut, an insertion. */
function mutate(good: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(good)
  for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 4; changes--) {
    // Half of the changes hit the fixed part, where they can do most.
    const reach = random.below(2) === 0 ? Math.min(26, bytes.length) : bytes.length
    const at = random.below(reach)
    const kind = random.below(6)
    if (kind === 0) bytes[at]! ^= 1 << random.below(8)
    else if (kind === 1) bytes[at] = random.below(256)
    else if (kind === 2)
      bytes.writeInt32BE(extremes[random.below(5)]!, Math.min(at, bytes.length - 4))
    else if (kind === 3) bytes[at] = random.below(4)
    else if (kind === 4) bytes = bytes.subarray(0, at + 1)
    else
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(1 + random.below(8)),
        bytes.subarray(at),
      ])
  }
  return bytes
}

const extremes = [0, -1, 0x7fff_ffff, -0x8000_0000, 0x7fff] as const

test('100,000 changed frames give only typed errors and views inside the frame', () => {
  const random = createSeededRandom(20261121)
  const frame = new BoltFrame()
  const reader = new HeaderReader([sofaHeader.service, sofaHeader.methodName, sofaHeader.app])
  const outcomes = { decoded: 0, waiting: 0, refused: 0 }
  for (let round = 0; round < 100_000; round++) {
    const bytes = mutate(seeds[random.below(seeds.length)]!, random)
    try {
      const length = frameLength(bytes, 0, bytes.length)
      if (length === 0 || length > bytes.length) {
        outcomes.waiting++
        continue
      }
      frame.load(bytes, 0, length)
      assert.ok(frame.classStart <= frame.headerStart && frame.headerStart <= frame.contentStart)
      assert.ok(frame.contentStart <= frame.contentEnd && frame.contentEnd <= length)
      assert.equal(typeof frame.className, 'string')
      reader.load(frame)
      assert.equal(reader.name(sofaHeader.service), decodeHeaders(frame).get('service'))
      jsonCodec.decode(bytes, frame.contentStart, frame.contentEnd)
      outcomes.decoded++
    } catch (error) {
      if (!isSetteeError(error)) throw error
      outcomes.refused++
    }
  }
  // The mutations are worth something only if they reach every part of the decoder.
  assert.ok(Math.min(...Object.values(outcomes)) > 10_000, JSON.stringify(outcomes))
})
