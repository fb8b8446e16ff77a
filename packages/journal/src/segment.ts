/**
 * A segment: one preallocated file of the log, filled from the front, zeros behind.
 *
 * A segment is written with zeros, flushed and named before the first record goes in, so that a
 * flush of records never changes the file's size or the directory, and a full disk is noticed
 * ahead of need. Only then does it count: `segment-N.log.tmp` is a leftover of a crash.
 */
import path from 'node:path'
import { journalError } from './errors.ts'
import { readFully, writeFully, type JournalFile, type JournalFiles } from './files.ts'
import {
  decodeRecord,
  decodeSegmentHeader,
  encodeSegmentHeader,
  recordHeaderBytes,
  recordSize,
  segmentHeaderBytes,
  type RecordFrame,
  type SegmentHeader,
} from './record.ts'

export interface Segment extends SegmentHeader {
  readonly path: string
  readonly file: JournalFile
}

/** Zeros are written and flushed in pieces, so that flushes of records get through in between. */
const zeros = new Uint8Array(2 ** 20)
/** Bytes that a scan holds at a time; a larger record makes it hold that. */
const windowBytes = 2 ** 20

function segmentPath(dir: string, sequence: number): string {
  return path.join(dir, `segment-${String(sequence).padStart(16, '0')}.log`)
}

/** The sequence number in a segment's file name; undefined for other files. */
export function parseSegmentName(name: string): number | undefined {
  const match = /^segment-(\d{16})\.log$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/**
 * Creates a segment full of zeros, durable before it gets its name. Stops with an error when
 * `isWanted` turns false. Whatever goes wrong, the space is given back.
 */
export async function createSegment(
  files: JournalFiles,
  dir: string,
  header: SegmentHeader,
  isWanted: () => boolean,
): Promise<Segment> {
  const finalPath = segmentPath(dir, header.sequence)
  const temporaryPath = `${finalPath}.tmp`
  try {
    const file = await files.create(temporaryPath)
    try {
      await writeFully(file, encodeSegmentHeader(header), 0)
      await writeZeros(file, segmentHeaderBytes, header.sizeBytes, isWanted)
    } finally {
      await file.close()
    }
    await files.rename(temporaryPath, finalPath)
    await files.syncDir(dir)
    return { ...header, path: finalPath, file: await files.open(finalPath) }
  } catch (error) {
    await files.remove(temporaryPath)
    throw error
  }
}

async function writeZeros(
  file: JournalFile,
  start: number,
  end: number,
  isWanted: () => boolean,
): Promise<void> {
  for (let at = start; at < end; at += zeros.length) {
    if (!isWanted()) throw journalError('SETTEE_JOURNAL_CLOSED', 'the journal was closed')
    await writeFully(file, zeros.subarray(0, Math.min(zeros.length, end - at)), at)
    await file.sync()
  }
}

/** Opens an existing segment; throws SETTEE_JOURNAL_CORRUPT when its header is damaged. */
export async function openSegment(files: JournalFiles, file: string): Promise<Segment> {
  const handle = await files.open(file)
  const bytes = new Uint8Array(segmentHeaderBytes)
  await readFully(handle, bytes, 0)
  const header = decodeSegmentHeader(bytes)
  if (header === undefined || handle.sizeBytes !== header.sizeBytes) {
    await handle.close()
    throw corrupt(file, 0, 'the header of the segment or the size of the file is wrong')
  }
  return { ...header, path: file, file: handle }
}

export function corrupt(file: string, offset: number, what: string): Error {
  return journalError(
    'SETTEE_JOURNAL_CORRUPT',
    `${file} is damaged at offset ${offset}: ${what}; restore the directory from a backup, ` +
      'because going on would lose acknowledged records',
    { details: { file, offset } },
  )
}

/** Where the records of a segment end, and what follows there. */
export interface SegmentScan {
  /** Offset behind the last valid record. */
  readonly end: number
  /** Index of the last valid record; undefined when there is none. */
  readonly lastIndex: number | undefined
  /** Whether anything but zeros follows. */
  readonly isTorn: boolean
}

/** Gets every record, in order; `payload` is valid in the call only. */
export type RecordVisitor = (index: number, payload: Uint8Array) => void

/**
 * Reads the records of a segment up to the first that is not valid or does not follow on.
 * `nextIndex` is the index that the first must have; undefined takes any.
 */
export async function scanSegment(
  segment: Segment,
  nextIndex: number | undefined,
  visit: RecordVisitor,
): Promise<SegmentScan> {
  const window = new Window(segment)
  const frame: RecordFrame = { index: 0, durableIndex: 0, payloadStart: 0, payloadEnd: 0 }
  let at = segmentHeaderBytes
  let expected = nextIndex
  while (window.holdsRecord(at) || (await window.loadRecord(at))) {
    const start = at - window.start
    if (!decodeRecord(window, start, segment.salt, frame)) break
    if (expected !== undefined && frame.index !== expected) break
    visit(frame.index, window.bytes.subarray(frame.payloadStart, frame.payloadEnd))
    expected = frame.index + 1
    at = window.start + frame.payloadEnd
  }
  const isAny = at > segmentHeaderBytes
  return {
    end: at,
    lastIndex: isAny ? expected! - 1 : undefined,
    isTorn: !(await isZeroFrom(segment, at)),
  }
}

/** Index of the segment's first record; undefined when it has no valid one. */
export async function readFirstIndex(segment: Segment): Promise<number | undefined> {
  const window = new Window(segment)
  const frame: RecordFrame = { index: 0, durableIndex: 0, payloadStart: 0, payloadEnd: 0 }
  if (!(await window.loadRecord(segmentHeaderBytes))) return undefined
  return decodeRecord(window, 0, segment.salt, frame) ? frame.index : undefined
}

/**
 * Looks behind a torn tail for a valid record that proves more than `lastIndex` to have been
 * durable, which a crash cannot explain. Gives the index that it proves; undefined if none does.
 */
export async function findDurableProof(
  segment: Segment,
  tornAt: number,
  lastIndex: number,
): Promise<number | undefined> {
  const window = new Window(segment)
  const frame: RecordFrame = { index: 0, durableIndex: 0, payloadStart: 0, payloadEnd: 0 }
  // More records than that do not fit; the bound keeps bytes that are no records cheap.
  const farthest = lastIndex + segment.sizeBytes / recordHeaderBytes
  for (let at = tornAt; at + recordHeaderBytes <= segment.sizeBytes; at++) {
    if (!window.holds(at, recordHeaderBytes)) await window.load(at, recordHeaderBytes)
    const index = window.peekIndex(at)
    if (index <= lastIndex || index > farthest) continue
    if (!window.holdsRecord(at) && !(await window.loadRecord(at))) continue
    if (!decodeRecord(window, at - window.start, segment.salt, frame)) continue
    if (frame.durableIndex > lastIndex) return frame.durableIndex
  }
  return undefined
}

/** Cuts a torn tail off: only zeros are left from `at`, durably. Safe to be interrupted. */
export async function clearFrom(segment: Segment, at: number): Promise<void> {
  await writeZeros(segment.file, at, segment.sizeBytes, () => true)
}

async function isZeroFrom(segment: Segment, from: number): Promise<boolean> {
  const chunk = Buffer.allocUnsafe(Math.min(windowBytes, segment.sizeBytes - from))
  for (let at = from; at < segment.sizeBytes; at += chunk.length) {
    const count = await readFully(segment.file, chunk, at)
    if (count === 0) return true
    if (Buffer.compare(chunk.subarray(0, count), zeros.subarray(0, count)) !== 0) return false
  }
  return true
}

/** The part of a segment that a scan holds in memory; it slides forward. */
class Window {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(this.bytes.buffer)
  /** Offset of the window in the file. */
  start = 0
  readonly #segment: Segment

  constructor(segment: Segment) {
    this.#segment = segment
  }

  holds(at: number, size: number): boolean {
    return at >= this.start && at + size <= this.start + this.bytes.length
  }

  /** Whether the record at `at` is here with all the bytes that its header announces. */
  holdsRecord(at: number): boolean {
    if (!this.holds(at, recordHeaderBytes)) return false
    return this.holds(at, recordSize(this.view, at - this.start))
  }

  /** Makes the record at `at` be here; false when it would reach beyond the end of the segment. */
  async loadRecord(at: number): Promise<boolean> {
    if (!(await this.load(at, recordHeaderBytes))) return false
    if (this.holdsRecord(at)) return true
    return this.load(at, recordSize(this.view, at - this.start))
  }

  async load(at: number, size: number): Promise<boolean> {
    if (at + size > this.#segment.sizeBytes) return false
    const aheadBytes = Math.min(windowBytes, this.#segment.sizeBytes - at)
    const bytes = Buffer.allocUnsafeSlow(Math.max(size, aheadBytes))
    const count = await readFully(this.#segment.file, bytes, at)
    this.bytes = bytes.subarray(0, count)
    this.view = new DataView(bytes.buffer, 0, count)
    this.start = at
    return count >= size
  }

  /** The index that a record at `at` would have. */
  peekIndex(at: number): number {
    const start = at - this.start
    return this.view.getUint16(start + 8) * 2 ** 32 + this.view.getUint32(start + 10)
  }
}
