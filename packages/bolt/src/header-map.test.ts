import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSetteeError } from '@settee/kit'
import { ByteWriter } from '@settee/wire'
import {
  BoltFrame,
  createHeaderKey,
  createRequestTemplate,
  decodeHeaders,
  FrameEncoder,
  HeaderReader,
  jsonCodec,
} from './index.ts'

/** A frame whose header section is `map`. */
function frameWith(map: Buffer): BoltFrame {
  const fixed = Buffer.from('0101000101000000070c00000bb8', 'hex')
  const lengths = Buffer.alloc(8)
  lengths.writeInt16BE(map.length, 2)
  const bytes = Buffer.concat([fixed, lengths, map])
  const frame = new BoltFrame()
  frame.load(bytes, 0, bytes.length)
  return frame
}

function field(text: string | null): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(text === null ? -1 : Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text ?? '')])
}

function mapOf(...texts: (string | null)[]): Buffer {
  return Buffer.concat(texts.map(field))
}

const cases: readonly [name: string, map: Buffer, headers: [string, string][]][] = [
  ['no bytes are the empty map', mapOf(), []],
  [
    'entries keep their order',
    mapOf('b', '1', 'a', '2'),
    [
      ['b', '1'],
      ['a', '2'],
    ],
  ],
  ['an empty key and an empty value are strings', mapOf('', ''), [['', '']]],
  ['an entry with a null value is skipped', mapOf('a', null, 'b', '1'), [['b', '1']]],
  ['an entry with a null key is skipped', mapOf(null, '1', '', '2'), [['', '2']]],
  ['of two values the last one counts', mapOf('a', '1', 'a', '2'), [['a', '2']]],
  ['a null does not undo the value before it', mapOf('a', '1', 'a', null), [['a', '1']]],
  ['__proto__ is a key like others', mapOf('__proto__', 'x'), [['__proto__', 'x']]],
  ['text is UTF-8', mapOf('應用', 'zażółć 🪑'), [['應用', 'zażółć 🪑']]],
]

for (const [name, map, expected] of cases) {
  test(`header map: ${name}`, () => {
    const frame = frameWith(map)
    assert.deepEqual([...decodeHeaders(frame)], expected)
    const keys = ['a', 'b', '', '__proto__', '應用', 'absent'].map(createHeaderKey)
    const reader = new HeaderReader(keys)
    const values = new Map(expected)
    for (const round of [1, 2]) {
      reader.load(frame)
      for (const key of keys) {
        assert.equal(reader.text(key), values.get(key.name), `${key.name}, round ${round}`)
        assert.equal(reader.name(key), values.get(key.name), `${key.name}, round ${round}`)
      }
    }
  })
}

test('a reader forgets the frame before', () => {
  const key = createHeaderKey('a')
  const reader = new HeaderReader([key])
  reader.load(frameWith(mapOf('a', '1')))
  reader.load(frameWith(mapOf('b', '1')))
  assert.equal(reader.text(key), undefined)
})

test('a reader notices keys that begin with its prefix, not values that do', () => {
  const reader = new HeaderReader([createHeaderKey('baggage.known')], 'baggage.')
  const cases: readonly [map: Buffer, hasPrefixed: boolean][] = [
    [mapOf('a', '1', 'baggage.user', 'ada'), true],
    [mapOf('a', 'baggage.user'), false],
    [mapOf('baggage', '1', 'xbaggage.', '2', '', '3'), false],
    [mapOf('baggage.known', '1'), false],
    [mapOf(), false],
  ]
  for (const [map, hasPrefixed] of cases) {
    reader.load(frameWith(map))
    assert.equal(reader.hasPrefixed, hasPrefixed)
  }
})

const broken: readonly [name: string, map: Buffer][] = [
  ['ends inside a length', Buffer.concat([mapOf('a', 'b'), Buffer.alloc(3)])],
  ['ends behind a key', mapOf('a')],
  ['has a key of 2 GB', Buffer.from('7fffffff61', 'hex')],
  ['has a value that is one byte too long', Buffer.from('0000000161000000026a', 'hex')],
  ['has a length below -1', Buffer.from('fffffffe00000000', 'hex')],
]

for (const [name, map] of broken) {
  test(`a header map that ${name} is refused`, () => {
    const isRefused = (error: unknown): boolean =>
      isSetteeError(error, 'SETTEE_BOLT_BAD_HEADER_MAP')
    const frame = frameWith(map)
    assert.throws(() => decodeHeaders(frame), isRefused)
    assert.throws(() => new HeaderReader([createHeaderKey('a')]).load(frame), isRefused)
  })
}

test('a map that is written is read again', () => {
  const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.string()), {
    selector: ([key]) => key,
    maxLength: 20,
  })
  const writer = new ByteWriter()
  const encoder = new FrameEncoder()
  const frame = new BoltFrame()
  fc.assert(
    fc.property(entries, fc.nat(20), (headers, staticCount) => {
      writer.reset()
      const template = createRequestTemplate({
        codec: jsonCodec,
        className: 'A',
        headers: headers.slice(0, staticCount),
      })
      encoder.beginRequest(writer, template, 1, 0)
      for (const [name, value] of headers.slice(staticCount)) {
        encoder.header(createHeaderKey(name), value)
      }
      encoder.finish(undefined)
      frame.load(writer.bytes(), 0, writer.length)
      assert.deepEqual([...decodeHeaders(frame)], headers)
    }),
    { seed: 20261121, numRuns: 500 },
  )
})
