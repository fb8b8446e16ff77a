/** Writer and reader together: what one writes, the other reads back, and never more. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isSetteeError } from '@settee/kit'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter, type Long } from './byte-writer.ts'

interface Field {
  readonly name: string
  write(writer: ByteWriter): void
  /** Reads the field and checks that it is the one written. */
  check(reader: ByteReader): void
}

function integerField(name: 'u8' | 'u16' | 'u32', min: number, max: number): fc.Arbitrary<Field> {
  return fc.integer({ min, max }).map((value) => ({
    name: `${name} ${value}`,
    write: (writer) => writer[name](value),
    check: (reader) => assert.equal(reader[name](), value),
  }))
}

const longs: fc.Arbitrary<Long> = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))

const fields: fc.Arbitrary<Field> = fc.oneof(
  integerField('u8', 0, 0xff),
  integerField('u16', 0, 0xffff),
  integerField('u32', 0, 0xffff_ffff),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((value) => ({
    name: `i32 ${value}`,
    write: (writer: ByteWriter) => writer.u32(value),
    check: (reader: ByteReader) => assert.equal(reader.i32(), value),
  })),
  fc.oneof(longs, fc.maxSafeInteger()).map((value) => ({
    name: `i64 ${value}`,
    write: (writer: ByteWriter) => writer.i64(value),
    check: (reader: ByteReader) => assert.equal(reader.i64(), value),
  })),
  fc.string({ unit: 'binary' }).map((text) => ({
    name: `utf8 ${JSON.stringify(text)}`,
    write: (writer: ByteWriter) => {
      const lengthAt = writer.length
      writer.u32(0)
      writer.patchU32(lengthAt, writer.utf8(text))
    },
    check: (reader: ByteReader) => assert.equal(reader.utf8(reader.u32()), text),
  })),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => ({
    name: `raw ${bytes.length}`,
    write: (writer: ByteWriter) => {
      writer.u16(bytes.length)
      writer.raw(bytes)
    },
    check: (reader: ByteReader) =>
      assert.deepEqual(new Uint8Array(reader.raw(reader.u16())), bytes),
  })),
)

test('any fields come back as they were written, from any arena size and place in a chunk', () => {
  fc.assert(
    fc.property(fc.array(fields), fc.nat(64), fc.nat(9), (written, initialBytes, margin) => {
      const writer = new ByteWriter(initialBytes)
      for (const field of written) field.write(writer)
      const chunk = new Uint8Array(margin + writer.length + margin)
      chunk.set(writer.bytes(), margin)
      const reader = new ByteReader(chunk)
      reader.enter(margin, margin + writer.length)
      for (const field of written) field.check(reader)
      assert.equal(reader.remaining, 0)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('a frame cut anywhere is a typed error, although the chunk goes on behind it', () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1 }), fc.nat(), (written, cut) => {
      const writer = new ByteWriter()
      for (const field of written) field.write(writer)
      const reader = new ByteReader(writer.bytes())
      reader.enter(0, cut % writer.length)
      assert.throws(
        () => {
          for (const field of written) field.check(reader)
        },
        (error) => isSetteeError(error, 'SETTEE_WIRE_TRUNCATED'),
      )
    }),
    { seed: 1, numRuns: 500 },
  )
})

describe('64-bit integers at the edges', () => {
  const two53 = 2 ** 53
  const edges: readonly (readonly [written: Long, read: Long, hex: string])[] = [
    [0, 0, '0000000000000000'],
    [-0, 0, '0000000000000000'],
    [1, 1, '0000000000000001'],
    [-1, -1, 'ffffffffffffffff'],
    [2 ** 31, 2 ** 31, '0000000080000000'],
    [2 ** 32, 2 ** 32, '0000000100000000'],
    [-(2 ** 32), -(2 ** 32), 'ffffffff00000000'],
    [-(2 ** 32) - 1, -(2 ** 32) - 1, 'fffffffeffffffff'],
    [two53 - 1, two53 - 1, '001fffffffffffff'],
    [BigInt(two53), BigInt(two53), '0020000000000000'],
    [1 - two53, 1 - two53, 'ffe0000000000001'],
    [BigInt(-two53), BigInt(-two53), 'ffe0000000000000'],
    [BigInt(-two53) - 1n, BigInt(-two53) - 1n, 'ffdfffffffffffff'],
    [5n, 5, '0000000000000005'],
    [2n ** 63n - 1n, 2n ** 63n - 1n, '7fffffffffffffff'],
    [-(2n ** 63n), -(2n ** 63n), '8000000000000000'],
  ]
  for (const [written, read, hex] of edges) {
    test(`${written} is ${hex}`, () => {
      const writer = new ByteWriter()
      writer.i64(written)
      assert.equal(writer.bytes().toString('hex'), hex)
      assert.equal(new ByteReader(writer.bytes()).i64(), read)
    })
  }

  for (const refused of [two53, 1.5, Number.NaN, 2n ** 63n, -(2n ** 63n) - 1n]) {
    test(`${refused}${typeof refused} is refused, because it would become another number`, () => {
      const writer = new ByteWriter()
      assert.throws(() => writer.i64(refused), /AssertionError: 64-bit field/)
      assert.equal(writer.length, 0)
    })
  }
})

test('a lone surrogate becomes the replacement character, of three bytes', () => {
  const writer = new ByteWriter(4)
  assert.equal(writer.utf8('a\ud800b'), 5)
  assert.equal(writer.utf8('\udc00'), 3)
  assert.equal(new ByteReader(writer.bytes()).utf8(8), 'a\ufffdb\ufffd')
})
