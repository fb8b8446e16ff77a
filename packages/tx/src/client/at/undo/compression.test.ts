import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { isSetteeError } from '@settee/kit'
import { packUndoLog, unpackUndoLog } from './compression.ts'

const text = '{"name":"é😀 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'

/** What the original's ZipUtil, GzipUtil and DeflaterUtil make of {@link text} on Java 17. */
const java: Readonly<Record<string, string>> = {
  ZIP:
    'UEsDBBQACAgIAE4jdV0AAAAAAAAAAAAAAAADAAAAemlwq1bKS8xNVbJSOrzyw/wZDQoVxAOlWgBQSwcIYuQzjRcAAAA9' +
    'AAAA',
  GZIP: 'H4sIAAAAAAAA/6tWykvMTVWyUjq88sP8GQ0KFcQDpVoAYuQzjT0AAAA=',
  DEFLATER: 'eJyrVspLzE1VslI6vPLD/BkNChXEA6VaAFLNG7c=',
}

const packed = (compressor: string, bytes: Uint8Array) => ({
  context: `serializer=jackson&compressorType=${compressor}`,
  bytes,
})

const isBad = (message: RegExp) => (error: unknown) =>
  isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG') && message.test(error.message)

describe('packed undo logs', () => {
  for (const [compressor, base64] of Object.entries(java)) {
    const log = packed(compressor, Buffer.from(base64, 'base64'))

    test(`${compressor} as Java writes it is read`, async () => {
      assert.equal(await unpackUndoLog(log, 1000), text)
    })

    test(`${compressor} longer than the limit is refused`, async () => {
      await assert.rejects(unpackUndoLog(log, 30), isBad(/longer than 30 bytes/))
    })

    test(`${compressor} cut off or changed is refused`, async () => {
      for (let length = 0; length < log.bytes.length; length++) {
        const cut = packed(compressor, log.bytes.subarray(0, length))
        await assert.rejects(unpackUndoLog(cut, 1000), isBad(/cannot be decompressed/))
      }
    })
  }

  test('Zstandard is read', async () => {
    assert.equal(await unpackUndoLog(packed('ZSTD', zstdCompressSync(text)), 1000), text)
  })

  test('a short log is plain', async () => {
    const log = await packUndoLog(text)
    assert.equal(log.context, 'serializer=jackson&compressorType=NONE')
    assert.equal(Buffer.from(log.bytes).toString(), text)
    assert.equal(await unpackUndoLog(log, 1000), text)
    await assert.rejects(unpackUndoLog(log, 10), isBad(/the limit is 10/))
  })

  test('a long log is an archive with one entry', async () => {
    const long = text.repeat(2000)
    const log = await packUndoLog(long)
    assert.equal(log.context, 'serializer=jackson&compressorType=ZIP')
    assert.ok(log.bytes.length < long.length / 10)
    const name = Buffer.from('zip')
    const data = deflateRawSync(long)
    const bytes = Buffer.from(log.bytes)
    assert.equal(bytes.subarray(0, 4).toString('latin1'), 'PK\u0003\u0004')
    assert.equal(bytes.readUInt32LE(18), data.length)
    assert.deepEqual(bytes.subarray(30), Buffer.concat([name, data]))
    assert.equal(await unpackUndoLog(log, 1e6), long)
  })

  test('a changed byte of an archive is found', async () => {
    const bytes = Buffer.from(java['ZIP']!, 'base64')
    bytes[bytes.length - 10]! ^= 1
    await assert.rejects(unpackUndoLog(packed('ZIP', bytes), 1000), isBad(/checksum/))
  })

  test('a compressor that Node lacks is named with what to do', async () => {
    for (const compressor of ['LZ4', 'BZIP2', 'SEVENZ', '__proto__', 'toString']) {
      await assert.rejects(
        unpackUndoLog(packed(compressor, Buffer.from('x')), 1000),
        isBad(/compressor that Settee cannot read.*compress\.type=zip/),
      )
    }
  })
})
