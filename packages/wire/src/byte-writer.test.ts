import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { ByteWriter } from './byte-writer.ts'

function isOverloaded(error: unknown): boolean {
  return isSetteeError(error, 'SETTEE_WIRE_OVERLOADED')
}

test('fields are big-endian, and a signed value has the bits of the unsigned one', () => {
  const writer = new ByteWriter()
  writer.u8(0xab)
  writer.u16(0x0102)
  writer.u32(0x03040506)
  writer.u32(-2)
  assert.equal(writer.bytes().toString('hex'), 'ab010203040506fffffffe')
  assert.equal(writer.bytes(3).toString('hex'), '03040506fffffffe')
})

test('the arena grows and keeps what was written', () => {
  const writer = new ByteWriter(1)
  for (let i = 0; i < 1000; i++) writer.u16(i)
  assert.equal(writer.length, 2000)
  for (let i = 0; i < 1000; i++) assert.equal(writer.bytes().readUInt16BE(2 * i), i)
})

test('patching overwrites in place', () => {
  const writer = new ByteWriter()
  writer.u32(0)
  writer.u16(0)
  writer.u8(7)
  writer.patchU32(0, 0xdeadbeef)
  writer.patchU16(4, 0xcafe)
  assert.equal(writer.bytes().toString('hex'), 'deadbeefcafe07')
})

test('truncating takes back the tail and never adds', () => {
  const writer = new ByteWriter()
  writer.u32(1)
  writer.u32(2)
  writer.truncate(4)
  writer.u8(9)
  assert.equal(writer.bytes().toString('hex'), '0000000109')
  assert.throws(() => writer.truncate(6), /truncate may only take back/)
})

test('taken bytes stay as they are while the writer goes on from nothing', () => {
  const writer = new ByteWriter(16)
  writer.u32(1)
  const taken = writer.take()
  assert.equal(writer.length, 0)
  writer.u32(2)
  assert.equal(taken.toString('hex'), '00000001')
  assert.equal(writer.bytes().toString('hex'), '00000002')
})

test('after a reset the arena is written anew', () => {
  const writer = new ByteWriter()
  writer.u32(1)
  writer.reset()
  writer.u8(5)
  assert.equal(writer.bytes().toString('hex'), '05')
})

test('the limit is exact, and a refused field leaves the writer as it was', () => {
  const writer = new ByteWriter(2, 8)
  writer.u32(1)
  writer.u32(2)
  const writes = [
    () => writer.u8(1),
    () => writer.u16(1),
    () => writer.u32(1),
    () => writer.i64(1),
    () => writer.raw(new Uint8Array(1)),
    () => writer.utf8('x'),
  ]
  for (const write of writes) {
    assert.throws(write, isOverloaded)
    assert.equal(writer.bytes().toString('hex'), '0000000100000002')
  }
  writer.truncate(7)
  writer.u8(3)
  assert.equal(writer.length, 8)
})

test('the limit holds below the initial size and for the arena behind taken bytes', () => {
  const writer = new ByteWriter(4096, 8)
  assert.throws(() => writer.raw(new Uint8Array(9)), isOverloaded)
  writer.take(4096)
  assert.throws(() => writer.raw(new Uint8Array(9)), isOverloaded)
})

test('text fits when its bytes do, whatever its worst case would be', () => {
  const writer = new ByteWriter(4, 8)
  assert.equal(writer.utf8('12345678'), 8)
  writer.reset()
  assert.equal(writer.utf8('é漢語'), 8)
  writer.reset()
  assert.throws(() => writer.utf8('123456789'), isOverloaded)
  assert.throws(() => writer.utf8('漢語漢'), isOverloaded)
  assert.equal(writer.length, 0)
})
