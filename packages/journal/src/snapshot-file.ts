/**
 * Snapshot files: the state after one record, in a file of its own.
 *
 *   0        4         8             16             24              24 + length
 *   | magic  | version | index (u64) | length (u64) | state bytes   | crc32c of all before |
 *
 * A snapshot is written aside, flushed and renamed, so that a file with a snapshot's name is whole;
 * the checksum finds what the disk did to it later.
 */
import path from 'node:path'
import { crc32c } from './crc32c.ts'
import { readFully, writeFully, type JournalFiles } from './files.ts'

export interface Snapshot {
  readonly index: number
  readonly bytes: Uint8Array
}

const headerBytes = 24
const trailerBytes = 4
const magic = 0x53_54_4a_53 // STJS
const formatVersion = 1
const two32 = 2 ** 32
/** Bytes that are checksummed between two turns of the event loop: about 1 ms. */
const chunkBytes = 2 ** 20

export function snapshotPath(dir: string, index: number): string {
  return path.join(dir, `snapshot-${String(index).padStart(16, '0')}.bin`)
}

/** The index in a snapshot's file name; undefined for other files. */
export function parseSnapshotName(name: string): number | undefined {
  const match = /^snapshot-(\d{16})\.bin$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** Size of the file for a state of `stateBytes`. */
export function snapshotSize(stateBytes: number): number {
  return headerBytes + stateBytes + trailerBytes
}

/** Writes the snapshot so that it is there whole or not at all. */
export async function writeSnapshot(
  files: JournalFiles,
  dir: string,
  snapshot: Snapshot,
): Promise<void> {
  const finalPath = snapshotPath(dir, snapshot.index)
  const temporaryPath = `${finalPath}.tmp`
  try {
    const file = await files.create(temporaryPath)
    try {
      const header = encodeHeader(snapshot)
      await writeFully(file, header, 0)
      let crc = crc32c(header, 0, header.length)
      const { bytes } = snapshot
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        const end = Math.min(at + chunkBytes, bytes.length)
        crc = crc32c(bytes, at, end, crc)
        await writeFully(file, bytes.subarray(at, end), headerBytes + at)
      }
      await writeFully(file, encodeTrailer(crc), headerBytes + bytes.length)
      await file.sync()
    } finally {
      await file.close()
    }
    await files.rename(temporaryPath, finalPath)
    await files.syncDir(dir)
  } catch (error) {
    await files.remove(temporaryPath)
    throw error
  }
}

/** The snapshot in `file`; undefined when it is damaged. */
export async function readSnapshot(
  files: JournalFiles,
  file: string,
): Promise<Snapshot | undefined> {
  const handle = await files.open(file)
  try {
    const bytes = Buffer.allocUnsafeSlow(handle.sizeBytes)
    const count = await readFully(handle, bytes, 0)
    return count === bytes.length ? decodeSnapshot(bytes) : undefined
  } finally {
    await handle.close()
  }
}

function encodeHeader(snapshot: Snapshot): Uint8Array {
  const bytes = new Uint8Array(headerBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint32(4, formatVersion)
  view.setUint32(8, Math.floor(snapshot.index / two32))
  view.setUint32(12, snapshot.index >>> 0)
  view.setUint32(16, Math.floor(snapshot.bytes.length / two32))
  view.setUint32(20, snapshot.bytes.length >>> 0)
  return bytes
}

function encodeTrailer(crc: number): Uint8Array {
  const bytes = new Uint8Array(trailerBytes)
  new DataView(bytes.buffer).setUint32(0, crc)
  return bytes
}

function decodeSnapshot(bytes: Uint8Array): Snapshot | undefined {
  if (bytes.length < snapshotSize(0)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(16) * two32 + view.getUint32(20)
  if (view.getUint32(0) !== magic || view.getUint32(4) !== formatVersion) return undefined
  if (bytes.length !== snapshotSize(length)) return undefined
  const end = headerBytes + length
  if (view.getUint32(end) !== crc32c(bytes, 0, end)) return undefined
  return {
    index: view.getUint32(8) * two32 + view.getUint32(12),
    bytes: bytes.subarray(headerBytes, end),
  }
}
