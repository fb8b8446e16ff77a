import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TextCache } from './text.ts'

test('a cached name is always the name that the bytes spell', () => {
  // Two slots, so that names collide all the time.
  const cache = new TextCache(2)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(5), (name, offset) => {
      const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(name), Buffer.alloc(3)])
      const expected = Buffer.from(name).toString()
      const end = bytes.length - 3
      assert.equal(cache.text(bytes, offset, end), expected)
      assert.equal(cache.text(bytes, offset, end), expected)
    }),
    { seed: 3, numRuns: 2000 },
  )
})

test('names that differ in one byte are told apart', () => {
  const cache = new TextCache(1)
  const left = Buffer.from('shop.OrderService:1.0')
  for (let at = 0; at < left.length; at++) {
    const right = Buffer.from(left)
    right[at]! ^= 1
    assert.equal(cache.text(left, 0, left.length), left.toString())
    assert.equal(cache.text(right, 0, right.length), right.toString())
  }
})
