import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom } from '@settee/kit'
import { crc32c } from './crc32c.ts'

// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
const vectors: readonly [string, Uint8Array, number][] = [
  ['nothing', new Uint8Array(0), 0],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
]

for (const [name, bytes, expected] of vectors) {
  test(`crc32c of ${name}`, () => {
    assert.equal(crc32c(bytes, 0, bytes.length), expected)
  })
}

test('crc32c of any range equals the bit-by-bit definition and can go on from a part', () => {
  const random = createSeededRandom(1)
  const bytes = Uint8Array.from({ length: 300 }, () => random.below(256))
  for (let round = 0; round < 500; round++) {
    const start = random.below(150)
    const end = start + random.below(150)
    const middle = start + random.below(end - start + 1)
    const whole = crc32c(bytes, start, end)
    assert.equal(whole, bitwise(bytes.subarray(start, end)))
    assert.equal(crc32c(bytes, middle, end, crc32c(bytes, start, middle)), whole)
  }
})

function bitwise(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
