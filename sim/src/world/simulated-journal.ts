/**
 * A disk that outlives the coordinator's lives, and the journal on it. What was appended becomes
 * durable when a flush ends; a crash keeps everything durable and any part of what was written
 * behind it (a record that is torn is none, as its checksum says). Snapshots are all or nothing.
 */
import { assert } from '@settee/kit'
import {
  journalError,
  type AppendOptions,
  type Journal,
  type JournalOwner,
  type JournalState,
  type JournalStats,
} from '@settee/journal'
import type { Chance } from './chance.ts'
import type { EventQueue } from './event-queue.ts'

export interface DiskFaults {
  /** Flushes stall now and then. */
  readonly isSlow: boolean
}

export class SimulatedDisk {
  /** Every record that the log holds or a snapshot has replaced, from index 1. */
  readonly records: Uint8Array[] = []
  snapshotIndex = 0
  snapshot: Uint8Array | undefined
  /** No room for what may not use the reserve. */
  isFull = false
  /** The next flush fails. */
  isFailing = false
  /** Told before every flush: a crash there hits between append and flush. */
  onFlush: () => void = () => {}
  faults: DiskFaults
  readonly queue: EventQueue
  readonly chance: Chance
  #journal: SimulatedJournal | undefined

  constructor(queue: EventQueue, chance: Chance, faults: DiskFaults) {
    this.queue = queue
    this.chance = chance
    this.faults = faults
  }

  /** The journal of a new life. */
  createJournal(): Journal {
    this.#journal = new SimulatedJournal(this)
    return this.#journal
  }

  /** The process is gone; gives how many records survived that nobody was told of. */
  crash(): number {
    const journal = this.#journal
    if (journal === undefined) return 0
    this.#journal = undefined
    return journal.crash()
  }

  flushMs(): number {
    const { chance } = this
    return this.faults.isSlow && chance.happens(0.02)
      ? chance.between(20, 900)
      : chance.between(0.2, 2)
  }
}

class SimulatedJournal implements Journal {
  readonly #disk: SimulatedDisk
  #owner: JournalOwner | undefined
  #state: 'open' | 'failed' | 'closed' = 'closed'
  #durableIndex: number
  #bytesSinceSnapshot = 0
  #flushCount = 0
  #isFlushing = false

  constructor(disk: SimulatedDisk) {
    this.#disk = disk
    this.#durableIndex = disk.records.length
  }

  open(owner: JournalOwner): Promise<void> {
    const { records, snapshot, snapshotIndex } = this.#disk
    this.#owner = owner
    if (snapshot !== undefined) owner.onSnapshot(snapshotIndex, snapshot)
    for (let index = snapshotIndex + 1; index <= records.length; index++) {
      const record = records[index - 1] as Uint8Array
      this.#bytesSinceSnapshot += record.length
      owner.onRecord(index, record)
    }
    this.#state = 'open'
    return Promise.resolve()
  }

  append(record: Uint8Array, options?: AppendOptions): number {
    if (this.#state === 'failed') throw journalError('SETTEE_JOURNAL_FAILED', 'the disk failed')
    if (this.#state === 'closed') throw journalError('SETTEE_JOURNAL_CLOSED', 'not open')
    if (this.#disk.isFull && options?.reserve !== true) {
      throw journalError('SETTEE_JOURNAL_FULL', 'the simulated disk is full')
    }
    const { records } = this.#disk
    records.push(new Uint8Array(record))
    this.#bytesSinceSnapshot += record.length
    this.#flush()
    return records.length
  }

  saveSnapshot(index: number, bytes: Uint8Array): Promise<void> {
    assert(index > 0 && index <= this.#durableIndex, 'a snapshot holds durable records')
    const disk = this.#disk
    const copy = new Uint8Array(bytes)
    return new Promise((resolve) => {
      disk.queue.after(disk.flushMs() * 3, () => {
        // Of a life that is over: its file was never renamed.
        if (this.#state !== 'open') return
        disk.snapshot = copy
        disk.snapshotIndex = index
        this.#bytesSinceSnapshot = disk.records
          .slice(index)
          .reduce((sum, { length }) => sum + length, 0)
        resolve()
      })
    })
  }

  stats(): JournalStats {
    const { records, snapshotIndex, snapshot, isFull } = this.#disk
    const state: JournalState = this.#state === 'open' && isFull ? 'full' : this.#state
    return {
      state,
      firstIndex: snapshotIndex + 1,
      lastIndex: records.length,
      durableIndex: this.#durableIndex,
      snapshotIndex,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
      sizeBytes: this.#bytesSinceSnapshot + (snapshot?.length ?? 0),
      flushCount: this.#flushCount,
    }
  }

  close(): Promise<void> {
    this.#state = 'closed'
    return Promise.resolve()
  }

  crash(): number {
    this.#state = 'closed'
    const { records, chance } = this.#disk
    const survivors = chance.integer(0, records.length - this.#durableIndex)
    records.length = this.#durableIndex + survivors
    return survivors
  }

  /** One flush at a time; what is appended meanwhile is the next batch. */
  #flush(): void {
    if (this.#isFlushing || this.#state !== 'open') return
    const disk = this.#disk
    this.#isFlushing = true
    const index = disk.records.length
    disk.onFlush()
    disk.queue.after(disk.flushMs(), () => {
      this.#isFlushing = false
      if (this.#state !== 'open') return
      if (disk.isFailing) {
        disk.isFailing = false
        this.#state = 'failed'
        this.#owner?.onFailed(journalError('SETTEE_JOURNAL_FAILED', 'the simulated flush failed'))
        return
      }
      this.#durableIndex = index
      this.#flushCount++
      this.#owner?.onDurable(index)
      if (disk.records.length > this.#durableIndex) this.#flush()
    })
  }
}
