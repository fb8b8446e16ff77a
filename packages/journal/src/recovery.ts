/**
 * Opening a directory: finds the newest valid snapshot and the records behind it, hands both over,
 * and cuts off what a crash left half written.
 *
 * Crash safety rests on three rules. Files are made under a `.tmp` name and renamed when durable.
 * A segment is only written to when the one before it is full and durable, so a torn tail can be in
 * the last written segment only; anywhere else it is damage, and recovery refuses. Removing what a
 * snapshot covers may be interrupted anywhere, in any order: recovery first removes the rest of it.
 */
import path from 'node:path'
import type { JournalFiles } from './files.ts'
import type { JournalOwner } from './journal.ts'
import {
  clearFrom,
  corrupt,
  findDurableProof,
  openSegment,
  parseSegmentName,
  readFirstIndex,
  scanSegment,
  type Segment,
} from './segment.ts'
import { recordHeaderBytes } from './record.ts'
import { parseSnapshotName, readSnapshot, snapshotPath, type Snapshot } from './snapshot-file.ts'

export interface RecoveredLog {
  readonly snapshotIndex: number
  readonly snapshotBytes: number
  /** Segments with records, oldest first. */
  readonly written: readonly WrittenSegment[]
  /** Segments without records, in the order in which to fill them. */
  readonly empty: readonly Segment[]
  /** Highest sequence number of all segments; 0 when there is none. */
  readonly lastSequence: number
  /** Offset in the last written segment at which the next record goes. */
  readonly tailAt: number
  readonly lastIndex: number
  /** Bytes of the records that were handed over. */
  readonly recordBytes: number
}

export interface WrittenSegment {
  readonly segment: Segment
  readonly firstIndex: number
}

export async function recoverLog(
  files: JournalFiles,
  dir: string,
  owner: JournalOwner,
): Promise<RecoveredLog> {
  const names = await files.list(dir)
  for (const name of names.filter((each) => each.endsWith('.tmp'))) {
    await files.remove(path.join(dir, name))
  }
  const snapshot = await readNewestSnapshot(files, dir, names)
  const segments: Segment[] = []
  try {
    for (const name of names.filter((each) => parseSegmentName(each) !== undefined).toSorted()) {
      segments.push(await openSegment(files, path.join(dir, name)))
    }
    if (snapshot !== undefined) owner.onSnapshot(snapshot.index, snapshot.bytes)
    return await recoverSegments(files, segments, snapshot, owner)
  } catch (error) {
    for (const segment of segments) await segment.file.close()
    throw error
  }
}

async function readNewestSnapshot(
  files: JournalFiles,
  dir: string,
  names: readonly string[],
): Promise<Snapshot | undefined> {
  const indexes = names.map(parseSnapshotName).filter((index) => index !== undefined)
  for (const index of indexes.toSorted((a, b) => b - a)) {
    const snapshot = await readSnapshot(files, snapshotPath(dir, index))
    // A damaged one is passed over; whether the records behind an older one are there shows later.
    if (snapshot?.index === index) return snapshot
  }
  return undefined
}

async function recoverSegments(
  files: JournalFiles,
  segments: Segment[],
  snapshot: Snapshot | undefined,
  owner: JournalOwner,
): Promise<RecoveredLog> {
  const snapshotIndex = snapshot?.index ?? 0
  await removeCovered(files, segments, snapshotIndex)
  const written: WrittenSegment[] = []
  const empty: Segment[] = []
  let lastIndex = 0
  let tailAt = 0
  let recordBytes = 0
  let torn: { segment: Segment; at: number } | undefined
  for (const segment of segments) {
    const isFirst = written.length === 0
    let firstIndex: number | undefined
    const scan = await scanSegment(
      segment,
      isFirst ? undefined : lastIndex + 1,
      (index, payload) => {
        if (firstIndex === undefined) {
          firstIndex = index
          if (isFirst && index > snapshotIndex + 1) throw gapBefore(segment, index, snapshotIndex)
        }
        if (index <= snapshotIndex) return
        recordBytes += recordHeaderBytes + payload.length
        owner.onRecord(index, payload)
      },
    )
    const isEmpty = scan.lastIndex === undefined && !scan.isTorn
    if (torn !== undefined && !isEmpty) {
      throw corrupt(torn.segment.path, torn.at, 'a record is not valid, but later segments exist')
    }
    if (scan.isTorn) torn = { segment, at: scan.end }
    if (scan.lastIndex === undefined) {
      empty.push(segment)
      continue
    }
    written.push({ segment, firstIndex: firstIndex! })
    lastIndex = scan.lastIndex
    tailAt = scan.end
  }
  if (torn !== undefined) await cutTornTail(torn, Math.max(lastIndex, snapshotIndex))
  const last = written.at(-1)
  if (last !== undefined && lastIndex < snapshotIndex) {
    const what = `the records end at ${lastIndex}, before the snapshot at ${snapshotIndex}`
    throw corrupt(last.segment.path, tailAt, what)
  }
  return {
    snapshotIndex,
    snapshotBytes: snapshot?.bytes.length ?? 0,
    written,
    empty,
    lastSequence: segments.at(-1)?.sequence ?? 0,
    tailAt,
    lastIndex: Math.max(lastIndex, snapshotIndex),
    recordBytes,
  }
}

/** Removes segments that hold nothing but records up to `snapshotIndex`: a crash left them. */
async function removeCovered(
  files: JournalFiles,
  segments: Segment[],
  snapshotIndex: number,
): Promise<void> {
  let keepFrom = 0
  for (const [position, segment] of segments.entries()) {
    const firstIndex = await readFirstIndex(segment)
    if (firstIndex !== undefined && firstIndex <= snapshotIndex + 1) keepFrom = position
  }
  for (const segment of segments.splice(0, keepFrom)) {
    await segment.file.close()
    await files.remove(segment.path)
  }
}

function gapBefore(segment: Segment, firstIndex: number, snapshotIndex: number): Error {
  const missing = `the records ${snapshotIndex + 1} to ${firstIndex - 1} are missing`
  return corrupt(segment.path, 0, `it starts with record ${firstIndex}, but ${missing}`)
}

async function cutTornTail(
  torn: { segment: Segment; at: number },
  lastIndex: number,
): Promise<void> {
  const durableIndex = await findDurableProof(torn.segment, torn.at, lastIndex)
  if (durableIndex !== undefined) {
    const what = `record ${lastIndex + 1} is not valid, but up to ${durableIndex} all were durable`
    throw corrupt(torn.segment.path, torn.at, what)
  }
  await clearFrom(torn.segment, torn.at)
}
