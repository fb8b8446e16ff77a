/**
 * The journal in memory, for tests and simulations: it keeps the order and the callbacks of the
 * real one, can be flushed by hand, fail, fill up and lose its unflushed tail like a machine that
 * loses power.
 */
import { assert } from '@settee/kit'
import { journalError } from './errors.ts'
import type { AppendOptions, Journal, JournalOwner, JournalState, JournalStats } from './journal.ts'

export interface MemoryJournalOptions {
  /** When records become durable: by themselves in the next microtask, or by `flush`. */
  readonly flush?: 'auto' | 'manual'
  /** Limit of one record. Default 8 MiB. */
  readonly maxRecordBytes?: number
}

export interface MemoryJournal extends Journal {
  /** Makes everything appended so far durable and tells the owner. */
  flush(): void
  /** Loses the records that are not durable and closes; the journal may then be opened again. */
  crash(): void
  /** Fails as after a flush that went wrong. */
  fail(): void
  /** Turns full, or open again. */
  setFull(isFull: boolean): void
}

export function createMemoryJournal(options: MemoryJournalOptions = {}): MemoryJournal {
  return new InMemoryJournal(options)
}

class InMemoryJournal implements MemoryJournal {
  readonly #options: MemoryJournalOptions
  #state: JournalState = 'closed'
  #owner: JournalOwner | undefined
  /** Records behind the snapshot. */
  #records: Uint8Array[] = []
  #snapshot: Uint8Array | undefined
  #snapshotIndex = 0
  #durableIndex = 0
  #bytesSinceSnapshot = 0
  #flushCount = 0
  #isFlushScheduled = false

  constructor(options: MemoryJournalOptions) {
    this.#options = options
  }

  open(owner: JournalOwner): Promise<void> {
    assert(this.#state === 'closed', 'the journal is open already')
    this.#owner = owner
    if (this.#snapshot !== undefined) owner.onSnapshot(this.#snapshotIndex, this.#snapshot)
    for (const [i, record] of this.#records.entries()) {
      owner.onRecord(this.#snapshotIndex + 1 + i, record)
    }
    this.#state = 'open'
    return Promise.resolve()
  }

  append(record: Uint8Array, options?: AppendOptions): number {
    this.#checkState(options?.reserve === true)
    const { maxRecordBytes = 8 * 2 ** 20, flush } = this.#options
    if (record.length > maxRecordBytes) {
      throw journalError(
        'SETTEE_JOURNAL_RECORD_TOO_LARGE',
        `a record of ${record.length} bytes is over the limit of ${maxRecordBytes}`,
      )
    }
    this.#records.push(new Uint8Array(record))
    this.#bytesSinceSnapshot += record.length
    if (flush !== 'manual' && !this.#isFlushScheduled) {
      this.#isFlushScheduled = true
      queueMicrotask(() => this.flush())
    }
    return this.#lastIndex
  }

  flush(): void {
    this.#isFlushScheduled = false
    const isUsable = this.#state === 'open' || this.#state === 'full'
    if (!isUsable || this.#durableIndex === this.#lastIndex) return
    this.#durableIndex = this.#lastIndex
    this.#flushCount++
    this.#owner!.onDurable(this.#durableIndex)
  }

  saveSnapshot(index: number, bytes: Uint8Array): Promise<void> {
    assert(index > 0 && index <= this.#durableIndex, 'a snapshot holds durable records')
    this.#records.splice(0, index - this.#snapshotIndex)
    this.#snapshot = new Uint8Array(bytes)
    this.#snapshotIndex = index
    this.#bytesSinceSnapshot = this.#records.reduce((sum, record) => sum + record.length, 0)
    return Promise.resolve()
  }

  stats(): JournalStats {
    return {
      state: this.#state,
      firstIndex: this.#snapshotIndex + 1,
      lastIndex: this.#lastIndex,
      durableIndex: this.#durableIndex,
      snapshotIndex: this.#snapshotIndex,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
      sizeBytes: this.#bytesSinceSnapshot + (this.#snapshot?.length ?? 0),
      flushCount: this.#flushCount,
    }
  }

  close(): Promise<void> {
    this.flush()
    this.#state = 'closed'
    return Promise.resolve()
  }

  crash(): void {
    this.#records.length = this.#durableIndex - this.#snapshotIndex
    this.#state = 'closed'
  }

  fail(): void {
    this.#state = 'failed'
    this.#owner!.onFailed(journalError('SETTEE_JOURNAL_FAILED', 'the journal in memory failed'))
  }

  setFull(isFull: boolean): void {
    this.#state = isFull ? 'full' : 'open'
  }

  get #lastIndex(): number {
    return this.#snapshotIndex + this.#records.length
  }

  #checkState(mayUseReserve: boolean): void {
    if (this.#state === 'open' || (this.#state === 'full' && mayUseReserve)) return
    if (this.#state === 'full') {
      throw journalError('SETTEE_JOURNAL_FULL', 'the journal in memory was set to be full')
    }
    if (this.#state === 'failed') {
      throw journalError('SETTEE_JOURNAL_FAILED', 'the journal in memory has failed')
    }
    throw journalError('SETTEE_JOURNAL_CLOSED', 'the journal in memory is not open')
  }
}
