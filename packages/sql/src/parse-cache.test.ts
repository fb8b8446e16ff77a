import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createParseCache } from './parse-cache.ts'

test('a value comes back under its text and variant only', () => {
  const cache = createParseCache<number>({ maxBytes: 100_000 })
  cache.set('a', 1, 10)
  cache.set('a', 2, 10, 3)
  assert.deepEqual(
    [cache.get('a'), cache.get('a', 3), cache.get('a', 1), cache.get('b')],
    [1, 2, undefined, undefined],
  )
  assert.equal(cache.size, 2)
  cache.clear()
  assert.deepEqual([cache.get('a'), cache.size, cache.bytes], [undefined, 0, 0])
})

test('the entry that was not asked for longest goes first', () => {
  const cache = createParseCache<number>({ maxBytes: 10_000 })
  for (let key = 0; key < 9; key++) cache.set(`k${key}`, key, 950)
  assert.equal(cache.get('k0'), 0)
  cache.set('k9', 9, 950)
  assert.equal(cache.get('k1'), undefined)
  assert.equal(cache.get('k0'), 0)
  assert.equal(cache.get('k9'), 9)
})

test('a value that would take more than an eighth is not kept, nor is its older self', () => {
  const cache = createParseCache<number>({ maxBytes: 8000 })
  cache.set('a', 1, 10)
  cache.set('a', 2, 1000)
  assert.deepEqual([cache.get('a'), cache.size, cache.bytes], [undefined, 0, 0])
})

test('whatever is asked and kept, the bytes stay within the limit and the youngest stay', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(30), fc.nat(900), fc.nat(2)))
  fc.assert(
    fc.property(steps, (asked) => {
      const cache = createParseCache<number>({ maxBytes: 8192 })
      let model: { key: string; value: number; bytes: number }[] = []
      for (const [isSet, id, sizeBytes, variant] of asked) {
        const key = `${id}/${variant}`
        const known = model.find((it) => it.key === key)
        if (isSet) {
          cache.set(String(id), sizeBytes, sizeBytes, variant)
          model = model.filter((it) => it !== known)
          const bytes = String(id).length * 2 + sizeBytes + 128
          if (bytes <= 1024) model.push({ key, value: sizeBytes, bytes })
          while (model.reduce((sum, it) => sum + it.bytes, 0) > 8192) model.shift()
        } else {
          assert.equal(cache.get(String(id), variant), known?.value)
          if (known !== undefined) model = [...model.filter((it) => it !== known), known]
        }
        assert.equal(cache.size, model.length)
        assert.equal(
          cache.bytes,
          model.reduce((sum, it) => sum + it.bytes, 0),
        )
      }
    }),
    { seed: 1 },
  )
})
