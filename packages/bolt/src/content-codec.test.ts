import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { ByteWriter } from '@settee/wire'
import { createBytesCodec, jsonCodec } from './index.ts'

function roundTrip(value: unknown): unknown {
  const writer = new ByteWriter()
  jsonCodec.encode(writer, value)
  return jsonCodec.decode(writer.bytes(), 0, writer.length)
}

test('JSON values come back', () => {
  for (const value of [null, true, 0, -1.5, '', 'zażółć 🪑', [1, 'a', null], { a: { b: [] } }]) {
    assert.deepEqual(roundTrip(value), value)
  }
})

test('undefined is empty content', () => {
  const writer = new ByteWriter()
  jsonCodec.encode(writer, undefined)
  assert.equal(writer.length, 0)
  assert.equal(roundTrip(undefined), undefined)
})

test('a __proto__ key is a property of the object and not its prototype', () => {
  const text = Buffer.from('{"__proto__":{"admin":true}}')
  const value = jsonCodec.decode(text, 0, text.length) as Record<string, unknown>
  assert.equal(value['admin'], undefined)
  assert.deepEqual(Object.keys(value), ['__proto__'])
})

test('content that is no JSON is refused with its size', () => {
  const bytes = Buffer.from('xx{"a":yy')
  assert.throws(
    () => jsonCodec.decode(bytes, 2, 7),
    (error) => isSetteeError(error, 'SETTEE_BOLT_BAD_CONTENT') && error.message.includes('5 bytes'),
  )
})

test('values without JSON are refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  for (const value of [1n, cycle]) {
    assert.throws(
      () => roundTrip(value),
      (error) => isSetteeError(error, 'SETTEE_BOLT_UNENCODABLE_VALUE'),
    )
  }
})

test('the bytes codec copies what it decodes and refuses what is no bytes', () => {
  const codec = createBytesCodec(1)
  const chunk = Buffer.from('abcd')
  const content = codec.decode(chunk, 1, 3) as Buffer
  chunk.fill(0)
  assert.equal(content.toString(), 'bc')
  assert.throws(
    () => codec.encode(new ByteWriter(), 'text'),
    (error) => isSetteeError(error, 'SETTEE_BOLT_UNENCODABLE_VALUE'),
  )
})
