import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { ByteReader } from './byte-reader.ts'

function isTruncated(error: unknown): boolean {
  return isSetteeError(error, 'SETTEE_WIRE_TRUNCATED')
}

test('fields are read big-endian, signed and unsigned', () => {
  const bytes = Buffer.from('fffe0102fffffffd03040506', 'hex')
  const reader = new ByteReader(bytes)
  assert.equal(reader.i8(), -1)
  assert.equal(reader.u8(), 0xfe)
  assert.equal(reader.u16(), 0x0102)
  assert.equal(reader.i32(), -3)
  assert.equal(reader.u32(), 0x03040506)
  reader.load(Buffer.from('fffc', 'hex'))
  assert.equal(reader.i16(), -4)
})

describe('every field checks its size before it reads', () => {
  const reads: Readonly<Record<string, [size: number, read: (reader: ByteReader) => unknown]>> = {
    u8: [1, (reader) => reader.u8()],
    i8: [1, (reader) => reader.i8()],
    u16: [2, (reader) => reader.u16()],
    i16: [2, (reader) => reader.i16()],
    u32: [4, (reader) => reader.u32()],
    i32: [4, (reader) => reader.i32()],
    i64: [8, (reader) => reader.i64()],
    raw: [5, (reader) => reader.raw(5)],
    utf8: [5, (reader) => reader.utf8(5)],
    skip: [5, (reader) => reader.skip(5)],
  }
  for (const [name, [size, read]] of Object.entries(reads)) {
    test(name, () => {
      const reader = new ByteReader(new Uint8Array(64))
      for (let short = 0; short < size; short++) {
        reader.enter(10, 10 + short)
        assert.throws(() => read(reader), isTruncated)
        assert.equal(reader.offset, 10, 'a refused field must not move the reader')
      }
      reader.enter(10, 10 + size)
      read(reader)
      assert.equal(reader.remaining, 0)
    })
  }
})

test('a length that lies costs an error, never memory', () => {
  const reader = new ByteReader(new Uint8Array(16))
  for (const size of [17, 2 ** 31 - 1, 2 ** 32 - 1, -1]) {
    assert.throws(() => reader.raw(size), isTruncated)
    assert.throws(() => reader.utf8(size), isTruncated)
    assert.throws(() => reader.skip(size), isTruncated)
  }
  assert.throws(() => reader.raw(17), /17 bytes at offset 0 .* 16 bytes left/)
})

test('a frame must lie within its chunk', () => {
  const reader = new ByteReader(new Uint8Array(16))
  for (const [start, end] of [
    [-1, 4],
    [0, 17],
    [9, 8],
  ] as const) {
    assert.throws(() => reader.enter(start, end), isTruncated)
  }
  reader.enter(16, 16)
  assert.equal(reader.remaining, 0)
})

test('a view of a larger buffer is read at its own place', () => {
  const backing = Uint8Array.from([9, 9, 1, 2, 3, 9])
  const reader = new ByteReader(backing.subarray(2, 5))
  assert.equal(reader.u16(), 0x0102)
  assert.equal(reader.u8(), 3)
  assert.throws(() => reader.u8(), isTruncated)
})

test('raw bytes are a view of the chunk, not a copy', () => {
  const chunk = Buffer.from([1, 2, 3, 4])
  const reader = new ByteReader(chunk)
  reader.skip(1)
  const view = reader.raw(2)
  chunk[1] = 7
  assert.deepEqual([...view], [7, 3])
})

test('a loaded chunk replaces the one before, with its frame', () => {
  const reader = new ByteReader(Uint8Array.from([1, 2, 3]))
  reader.enter(1, 2)
  reader.load(Uint8Array.from([4, 5]))
  assert.equal(reader.offset, 0)
  assert.equal(reader.remaining, 2)
  assert.equal(reader.u8(), 4)
})

test('bytes that are no UTF-8 become replacement characters', () => {
  assert.equal(new ByteReader(Uint8Array.from([0x61, 0xff, 0x62])).utf8(3), 'a\ufffdb')
})
