/**
 * The journal on disk: preallocated segments, one flush in flight, group commit.
 *
 *   append ─▶ batch (arena) ─▶ write + flush ─▶ onDurable(index)
 *              ▲     while that runs, the next batch fills: no timer, no waiting
 *
 * The flush starts at the end of the turn of the event loop in which the first record came, so that
 * everything that the turn's sockets brought shares it. A batch belongs to one segment; the next
 * segment is made in the background when half of the current one is used. When that fails for lack
 * of space, the journal is `full`: ordinary records are refused, those with `reserve` use the rest.
 *
 * A failed write or flush is final (the kernel may have dropped the pages and would report success
 * the next time): the journal is `failed`, and restarting recovers what is really on the disk.
 */
import path from 'node:path'
import {
  assert,
  isSetteeError,
  messageOf,
  Queue,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '@settee/kit'
import { Batch } from './batch.ts'
import { journalError } from './errors.ts'
import { isNoSpace, nodeFiles, writeFully, type JournalFiles } from './files.ts'
import type { AppendOptions, Journal, JournalOwner, JournalState, JournalStats } from './journal.ts'
import { recordHeaderBytes, segmentHeaderBytes } from './record.ts'
import { recoverLog, type RecoveredLog } from './recovery.ts'
import { createSegment, type Segment } from './segment.ts'
import { SegmentSupply, tailOf, type LogTail, type SegmentSupplyOptions } from './segment-supply.ts'
import { parseSnapshotName, snapshotSize, writeSnapshot } from './snapshot-file.ts'

export interface FileJournalOptions {
  /** Directory of the journal alone; created when it is missing. */
  readonly dir: string
  /** Size of a segment. Default 64 MiB; at least `maxRecordBytes` and 4,112 bytes. */
  readonly segmentBytes?: number
  /** Limit of one record. Default 8 MiB. */
  readonly maxRecordBytes?: number
  /** Limit of what waits for its flush, in bytes; one record may always wait. Default 16 MiB. */
  readonly maxQueuedBytes?: number
  /** Limit of a snapshot. Default 1 GiB. */
  readonly maxSnapshotBytes?: number
  /** Default: the machine's file system. */
  readonly files?: JournalFiles
  readonly clock?: Clock
  readonly random?: Random
}

export function createFileJournal(options: FileJournalOptions): Journal {
  return new FileJournal({
    segmentBytes: 64 * 2 ** 20,
    maxRecordBytes: 8 * 2 ** 20,
    maxQueuedBytes: 16 * 2 ** 20,
    maxSnapshotBytes: 2 ** 30,
    files: nodeFiles,
    clock: systemClock,
    random: systemRandom,
    ...options,
  })
}

class FileJournal implements Journal {
  readonly #options: Required<FileJournalOptions>
  #state: JournalState = 'closed'
  #owner: JournalOwner | undefined
  #unlock: (() => Promise<void>) | undefined
  #supply: SegmentSupply | undefined
  #closing: Promise<void> | undefined

  /** Segments with records, oldest first; the last is the one that is filled. */
  #tails: LogTail[] = []
  /** Offset at which the next record goes. */
  #tailAt = 0
  #lastIndex = 0
  #durableIndex = 0

  /** Batches that wait; the one that is flushed has left. Only the last may still grow. */
  readonly #batches = new Queue<Batch>()
  #growing: Batch | undefined
  #unused: Batch | undefined
  #queuedBytes = 0
  #isFlushing = false
  #flushCount = 0
  #onIdle: (() => void) | undefined

  #snapshotIndex = 0
  #snapshotBytes = 0
  #bytesSinceSnapshot = 0
  #saving: Promise<void> | undefined

  constructor(options: Required<FileJournalOptions>) {
    const { segmentBytes, maxRecordBytes } = options
    if (segmentBytes < segmentHeaderBytes + recordHeaderBytes + maxRecordBytes) {
      throw journalError(
        'SETTEE_JOURNAL_BAD_OPTION',
        `segmentBytes is ${segmentBytes}, but must hold one record of maxRecordBytes, which is ` +
          `${maxRecordBytes}, and ${segmentHeaderBytes + recordHeaderBytes} bytes of headers`,
      )
    }
    this.#options = options
  }

  async open(owner: JournalOwner): Promise<void> {
    assert(this.#owner === undefined, 'a journal is opened once')
    this.#owner = owner
    const { dir, files } = this.#options
    try {
      await files.makeDir(dir)
      this.#unlock = await files.lockDir(dir)
      await this.#start(await recoverLog(files, dir, owner))
    } catch (error) {
      await this.#release()
      throw describeOpenError(dir, error)
    }
  }

  append(record: Uint8Array, options?: AppendOptions): number {
    const size = recordHeaderBytes + record.length
    if (this.#state !== 'open') this.#checkState(options?.reserve === true)
    this.#checkSize(record.length)
    if (this.#tailAt + size > this.#tails.at(-1)!.sizeBytes) this.#startNextSegment()
    const batch = this.#growing ?? this.#startBatch()
    const index = this.#lastIndex + 1
    batch.add(record, index, this.#durableIndex)
    this.#lastIndex = index
    this.#tailAt += size
    this.#queuedBytes += size
    this.#bytesSinceSnapshot += size
    if (this.#tailAt * 2 > batch.tail.sizeBytes) this.#supply!.prepare()
    if (!this.#isFlushing) this.#scheduleFlush()
    return index
  }

  saveSnapshot(index: number, bytes: Uint8Array): Promise<void> {
    assert(index > 0 && index <= this.#durableIndex, 'a snapshot holds durable records')
    assert(index >= this.#snapshotIndex, 'a snapshot is not older than the last')
    assert(this.#saving === undefined, 'one snapshot is saved at a time')
    this.#saving = this.#saveSnapshot(index, bytes).finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  stats(): JournalStats {
    const segmentsBytes = this.#tails.reduce((sum, tail) => sum + tail.sizeBytes, 0)
    return {
      state: this.#state,
      firstIndex: this.#tails[0]?.firstIndex ?? this.#lastIndex + 1,
      lastIndex: this.#lastIndex,
      durableIndex: this.#durableIndex,
      snapshotIndex: this.#snapshotIndex,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
      sizeBytes: segmentsBytes + (this.#supply?.spareBytes ?? 0) + this.#snapshotBytes,
      flushCount: this.#flushCount,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #start(log: RecoveredLog): Promise<void> {
    const { dir, files, segmentBytes, clock, random } = this.#options
    this.#lastIndex = log.lastIndex
    this.#durableIndex = log.lastIndex
    this.#snapshotIndex = log.snapshotIndex
    this.#snapshotBytes = snapshotSize(log.snapshotBytes)
    this.#bytesSinceSnapshot = log.recordBytes
    this.#tails = log.written.map(({ segment, firstIndex }) => tailOf(segment, firstIndex))
    this.#tailAt = log.tailAt
    const { current, spare, nextSequence } = await this.#sortEmptySegments(log)
    if (current !== undefined) {
      this.#tails.push(tailOf(current, this.#lastIndex + 1))
      this.#tailAt = segmentHeaderBytes
    }
    const supplyOptions = { files, dir, segmentBytes, clock, random, ...this.#supplyEvents() }
    this.#supply = new SegmentSupply({ ...supplyOptions, nextSequence }, spare)
    this.#state = 'open'
  }

  /** The segment to fill, if no written one goes on, and the one to fill after it, if there. */
  async #sortEmptySegments(log: RecoveredLog): Promise<{
    current: Segment | undefined
    spare: Segment | undefined
    nextSequence: number
  }> {
    const { dir, files, segmentBytes, random } = this.#options
    const usable = log.empty.filter((segment) => segment.sizeBytes === segmentBytes)
    let nextSequence = log.lastSequence + 1
    let current = log.written.length === 0 ? usable.shift() : undefined
    if (log.written.length === 0 && current === undefined) {
      const header = { sequence: nextSequence++, salt: random.u32(), sizeBytes: segmentBytes }
      current = await createSegment(files, dir, header, () => true)
    }
    const spare = usable.shift()
    for (const segment of log.empty) {
      if (segment === current || segment === spare) continue
      await segment.file.close()
      await files.remove(segment.path)
    }
    return { current, spare, nextSequence }
  }

  #supplyEvents(): Pick<SegmentSupplyOptions, 'onFull' | 'onSpace' | 'onFailed'> {
    return {
      onFull: () => {
        if (this.#state === 'open') this.#state = 'full'
        // Whoever closes does not wait for space.
        else if (this.#state === 'closed') void this.#supply!.stop()
      },
      onSpace: () => {
        if (this.#state === 'full') this.#state = 'open'
      },
      onFailed: (error) => this.#fail(error),
    }
  }

  /** Throws unless the record may be appended in this state, which is not `open`. */
  #checkState(mayUseReserve: boolean): void {
    const { dir } = this.#options
    if (this.#state === 'full') {
      if (mayUseReserve && this.#tails.at(-1)!.segment !== undefined) return
      throw fullError(dir)
    }
    if (this.#state === 'failed') {
      throw journalError(
        'SETTEE_JOURNAL_FAILED',
        `the journal in ${dir} has failed and takes no records; restart the process to recover`,
      )
    }
    throw journalError('SETTEE_JOURNAL_CLOSED', `the journal in ${dir} is not open`)
  }

  #checkSize(recordBytes: number): void {
    const { maxRecordBytes, maxQueuedBytes } = this.#options
    if (recordBytes > maxRecordBytes) {
      throw journalError(
        'SETTEE_JOURNAL_RECORD_TOO_LARGE',
        `a record of ${recordBytes} bytes is over the limit of ${maxRecordBytes}; ` +
          'make it smaller or raise maxRecordBytes',
      )
    }
    if (this.#queuedBytes > 0 && this.#queuedBytes + recordBytes > maxQueuedBytes) {
      throw journalError(
        'SETTEE_JOURNAL_BUSY',
        `${this.#queuedBytes} bytes wait for their flush and the limit is ${maxQueuedBytes}; ` +
          'try again in a moment',
      )
    }
  }

  #startNextSegment(): void {
    if (this.#state === 'full') throw fullError(this.#options.dir)
    const tail = this.#supply!.take()
    tail.firstIndex = this.#lastIndex + 1
    this.#tails.push(tail)
    this.#tailAt = segmentHeaderBytes
    this.#growing = undefined
  }

  #startBatch(): Batch {
    const tail = this.#tails.at(-1)!
    const batch = this.#unused ?? new Batch(tail, this.#tailAt)
    this.#unused = undefined
    batch.reset(tail, this.#tailAt)
    this.#batches.push(batch)
    this.#growing = batch
    return batch
  }

  #scheduleFlush(): void {
    this.#isFlushing = true
    setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    void this.#flushOldest()
  }

  async #flushOldest(): Promise<void> {
    const batch = this.#batches.peek()
    const isWritten = batch !== undefined && (await this.#writeBatch(batch))
    if (isWritten && this.#state !== 'failed') {
      this.#flushCount++
      this.#queuedBytes -= batch.length
      this.#durableIndex = batch.lastIndex
      this.#unused = batch
      this.#owner!.onDurable(this.#durableIndex)
    }
    if (this.#batches.length > 0) {
      this.#scheduleFlush()
    } else {
      this.#isFlushing = false
      this.#onIdle?.()
    }
  }

  /** Makes a batch durable; false when that failed. */
  async #writeBatch(batch: Batch): Promise<boolean> {
    try {
      const { file } = batch.tail.segment ?? (await batch.tail.made)
      // It may grow up to here.
      this.#batches.shift()
      if (batch === this.#growing) this.#growing = undefined
      await writeFully(file, batch.bytes.subarray(0, batch.length), batch.at)
      await file.sync()
      return true
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  #fail(cause: unknown): void {
    this.#batches.clear()
    this.#growing = undefined
    // What waited for a segment that closing gave up was never promised to anybody.
    if (this.#state === 'failed' || isSetteeError(cause, 'SETTEE_JOURNAL_CLOSED')) return
    this.#state = 'failed'
    const error = journalError(
      'SETTEE_JOURNAL_FAILED',
      `the journal in ${this.#options.dir} could not make records durable: ${messageOf(cause)}; ` +
        `records up to ${this.#durableIndex} are safe, restart the process to recover`,
      { cause },
    )
    this.#owner!.onFailed(error)
  }

  async #saveSnapshot(index: number, bytes: Uint8Array): Promise<void> {
    const { dir, files, maxSnapshotBytes } = this.#options
    if (this.#state === 'closed' || this.#state === 'failed') this.#checkState(false)
    if (bytes.length > maxSnapshotBytes) {
      throw journalError(
        'SETTEE_JOURNAL_RECORD_TOO_LARGE',
        `a snapshot of ${bytes.length} bytes is over the limit of ${maxSnapshotBytes}; ` +
          'raise maxSnapshotBytes',
      )
    }
    const coveredBytes = this.#bytesSinceSnapshot
    try {
      await writeSnapshot(files, dir, { index, bytes })
      this.#snapshotIndex = index
      this.#snapshotBytes = snapshotSize(bytes.length)
      this.#bytesSinceSnapshot -= coveredBytes
      await this.#removeCovered(index)
    } catch (cause) {
      throw journalError(
        'SETTEE_JOURNAL_SNAPSHOT_FAILED',
        `the snapshot at ${index} could not be saved in ${dir}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  /** Removes the snapshots and segments that the snapshot at `index` makes needless. */
  async #removeCovered(index: number): Promise<void> {
    const { dir, files } = this.#options
    for (const name of await files.list(dir)) {
      const old = parseSnapshotName(name)
      if (old !== undefined && old !== index) await files.remove(path.join(dir, name))
    }
    while (this.#tails.length > 1 && this.#tails[1]!.firstIndex <= index + 1) {
      // All its records are durable, so no flush uses the file any more.
      const { segment } = this.#tails.shift()!
      await segment!.file.close()
      await files.remove(segment!.path)
    }
  }

  async #close(): Promise<void> {
    const wasFull = this.#state === 'full'
    if (this.#state !== 'failed') this.#state = 'closed'
    if (wasFull) await this.#supply!.stop()
    if (this.#isFlushing) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#saving?.catch(() => undefined)
    await this.#release()
  }

  /** Lets go of files and directory; what cannot be closed is closed by the end of the process. */
  async #release(): Promise<void> {
    await this.#supply?.stop()
    const tails = this.#tails
    this.#tails = []
    for (const { segment } of tails) await segment?.file.close().catch(() => undefined)
    await this.#unlock?.().catch(() => undefined)
    this.#unlock = undefined
  }
}

function fullError(dir: string): Error {
  return journalError(
    'SETTEE_JOURNAL_FULL',
    `the disk of ${dir} is full, so new work is refused; it goes on by itself once there is space`,
  )
}

function describeOpenError(dir: string, error: unknown): unknown {
  if (isSetteeError(error)) return error
  if (isNoSpace(error)) {
    return journalError(
      'SETTEE_JOURNAL_FULL',
      `the disk of ${dir} has no space for a segment of the journal (${messageOf(error)}); ` +
        'make space or set a smaller segmentBytes',
      { cause: error },
    )
  }
  const isFileSystemError = error instanceof Error && 'syscall' in error
  if (!isFileSystemError) return error
  return journalError(
    'SETTEE_JOURNAL_DIR_UNUSABLE',
    `the journal directory ${dir} cannot be used (${messageOf(error)}); ` +
      'give this user the right to read and write it, or choose another directory',
    { cause: error },
  )
}
