/**
 * An undo log as the bytes of `rollback_info`, compressed when it is long. Any database's undo
 * table stores `bytes` beside `context`; a Java peer reads both, and its own are read here.
 * Original: org.apache.seata.core.compressor.CompressorType and the modules seata-compressor-*.
 *
 * | compressorType | bytes | written | read |
 * |---|---|---|---|
 * | NONE | the JSON in UTF-8 | up to 64 KiB | yes |
 * | ZIP | an archive with one entry `zip` | above, as the original's default | yes |
 * | GZIP, DEFLATER, ZSTD | gzip file, zlib stream, Zstandard frame | no | yes |
 * | BZIP2, LZ4, SEVENZ | | no | refused |
 *
 * ```
 * ZIP, as written   PK\3\4 20 0 8 0 0x21 crc32(4) packed(4) plain(4) 3 0 "zip" <data>
 *      as read, too  PK\3\4 20 8 8 time date 0(4) 0(4) 0(4) 3 0 "zip" <data>
 *                    PK\7\8 crc32(4) packed(4) plain(4)      numbers little-endian, else of 2 bytes
 * ```
 * The original cuts its archives off in front of the directory at their end, and reads none.
 */
import { promisify } from 'node:util'
import {
  crc32,
  deflateRaw,
  gunzip,
  inflate,
  inflateRaw,
  zstdDecompress,
  type InflateRaw,
} from 'node:zlib'
import { isSetteeError, messageOf } from '@settee/kit'
import { txError } from '../../../errors.ts'
import { readUndoContext, undoContext, unreadable, zippedUndoContext } from './undo-context.ts'

export interface PackedUndoLog {
  /** What the column `context` says of the bytes. */
  readonly context: string
  readonly bytes: Uint8Array
}

/**
 * Longest log that is stored as it is, in bytes: client.undo.compress.threshold of the original.
 */
const compressAboveBytes = 64 * 1024

/** Packs the JSON of an undo log. */
export async function packUndoLog(text: string): Promise<PackedUndoLog> {
  const bytes = Buffer.from(text)
  if (bytes.length <= compressAboveBytes) return { context: undoContext, bytes }
  return { context: zippedUndoContext, bytes: await zip(bytes) }
}

/**
 * The JSON of a packed undo log. The parts of a split one have to be joined before.
 * @param maxBytes longest JSON in bytes, looked at before and while it is decompressed.
 * @throws SETTEE_TX_BAD_UNDO_LOG when it is longer, damaged, or of a compressor that is not known.
 */
export async function unpackUndoLog(
  { context, bytes }: PackedUndoLog,
  maxBytes: number,
): Promise<string> {
  const { compressor } = readUndoContext(context)
  const decompress = decompressors[compressor]
  if (decompress === undefined) {
    throw unreadable(
      context,
      'compressor',
      'set client.undo.compress.type=zip or client.undo.compress.enable=false at its writer',
    )
  }
  try {
    const plain = await decompress(bytes, maxBytes)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
  } catch (error) {
    if (isSetteeError(error)) throw error
    const isTooLong =
      error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    if (isTooLong) throw tooLong(`it is longer than ${maxBytes} bytes when it is decompressed`)
    throw damaged(`${compressor}: ${messageOf(error)}`)
  }
}

type Decompress = (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array>

type NodeDecompress = (
  bytes: Uint8Array,
  options: { readonly maxOutputLength: number },
) => Promise<Uint8Array>

const limited =
  (decompress: NodeDecompress): Decompress =>
  (bytes, maxBytes) =>
    decompress(bytes, { maxOutputLength: maxBytes })

const decompressors: Readonly<Record<string, Decompress | undefined>> = {
  __proto__: null as never,
  async NONE(bytes, maxBytes) {
    if (bytes.length > maxBytes) {
      throw tooLong(`it has ${bytes.length} bytes, but the limit is ${maxBytes}`)
    }
    return bytes
  },
  ZIP: unzip,
  GZIP: limited(promisify(gunzip)),
  DEFLATER: limited(promisify(inflate)),
  ZSTD: limited(promisify(zstdDecompress)),
}

// ------------------------------------------------------------------------------------------ ZIP

const entryName = Buffer.from('zip')
const version = 20
const deflated = 8
/** Flag: the checksum and the lengths are behind the data. */
const hasDescriptor = 0x08
/** 1 January 1980, the first date of the format: the log's own time is a column. */
const firstDate = 0x21
const headerLength = 30
const headerSignature = 0x04034b50
const descriptorLength = 16
const descriptorSignature = 0x08074b50

async function zip(plain: Buffer): Promise<Buffer> {
  const packed = await promisify(deflateRaw)(plain)
  const header = Buffer.alloc(headerLength)
  header.writeUInt32LE(headerSignature, 0)
  header.writeUInt16LE(version, 4)
  header.writeUInt16LE(deflated, 8)
  header.writeUInt16LE(firstDate, 12)
  header.writeUInt32LE(crc32(plain), 14)
  header.writeUInt32LE(packed.length, 18)
  header.writeUInt32LE(plain.length, 22)
  header.writeUInt16LE(entryName.length, 26)
  return Buffer.concat([header, entryName, packed])
}

/** The original's entry says how long it is behind its data only, which say so themselves. */
async function unzip(archive: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength)
  if (bytes.length < headerLength || bytes.readUInt32LE(0) !== headerSignature) {
    throw damaged('ZIP: it has no entry')
  }
  if (bytes.readUInt16LE(8) !== deflated) throw damaged('ZIP: its entry is not deflated')
  const start = headerLength + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const { plain, packedLength } = await inflateEntry(bytes.subarray(start), maxBytes)
  let checksumAt = 14
  if ((bytes.readUInt16LE(6) & hasDescriptor) !== 0) {
    const descriptor = start + packedLength
    const isWhole =
      descriptor + descriptorLength <= bytes.length &&
      bytes.readUInt32LE(descriptor) === descriptorSignature
    if (!isWhole) throw damaged('ZIP: it was cut off')
    checksumAt = descriptor + 4
  }
  const [checksum, , plainLength] = [0, 4, 8].map((at) => bytes.readUInt32LE(checksumAt + at))
  if (plain.length !== plainLength || crc32(plain) !== checksum) {
    throw damaged('ZIP: its checksum is wrong')
  }
  return plain
}

interface Entry {
  readonly plain: Buffer
  readonly packedLength: number
}

function inflateEntry(bytes: Buffer, maxBytes: number): Promise<Entry> {
  return new Promise((resolve, reject) => {
    inflateRaw(bytes, { maxOutputLength: maxBytes, info: true }, (error, result) => {
      if (error !== null) return reject(error)
      // With `info` the result is the answer beside the engine that made it, which no type says.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: InflateRaw }
      resolve({ plain: buffer, packedLength: engine.bytesWritten })
    })
  })
}

function tooLong(reason: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log cannot be used: ${reason}; raise the limit and try again`,
  )
}

function damaged(reason: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log cannot be decompressed: ${reason}; ` +
      'look at the row in undo_log and at who wrote it',
  )
}
