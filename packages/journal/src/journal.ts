/**
 * The journal: an ordered, durable log of records with a snapshot in front of it. It is a port:
 * `createMemoryJournal` serves tests and simulations, `createFileJournal` the disk; consensus and
 * databases can stand behind it as well.
 *
 * Records have the indexes 1, 2, 3 …; `append` gives the index at once, and the owner is told later
 * up to which index everything is durable. Nothing may be promised to anybody before that.
 *
 *   open ──▶ open ◀──▶ full        full: the disk is full; reserve appends may still fit
 *              │         │
 *              ├─────────┴──▶ failed      a write or flush failed: nothing is retried, restart
 *              └────────────▶ closed
 */
import type { SetteeError } from '@settee/kit'

export type JournalState = 'open' | 'full' | 'failed' | 'closed'

/** Whoever opens a journal: it gets what is recovered, then hears of every flush. */
export interface JournalOwner {
  /** While opening, first and at most once: the newest valid snapshot, holding 1 to `index`. */
  onSnapshot(index: number, bytes: Uint8Array): void
  /** While opening: every record behind the snapshot, in order; `bytes` is valid in the call. */
  onRecord(index: number, bytes: Uint8Array): void
  /** All records up to `index` are durable. Never called from within `append`. */
  onDurable(index: number): void
  /** The journal failed, once: records that were not reported durable may or may not survive. */
  onFailed(error: SetteeError): void
}

export interface AppendOptions {
  /** Whether the record may use the space that is left when the disk is full. Default false. */
  readonly reserve?: boolean
}

export interface Journal {
  /**
   * Recovers, hands snapshot and records to `owner`, and is then open. Rejects with a typed error
   * (SETTEE_JOURNAL_CORRUPT, _LOCKED, _DIR_UNUSABLE, _FULL) and leaves nothing open.
   */
  open(owner: JournalOwner): Promise<void>
  /**
   * Copies `record` into the current batch and returns its index. Throws SETTEE_JOURNAL_FULL,
   * _BUSY, _RECORD_TOO_LARGE, _FAILED or _CLOSED; then nothing was appended.
   */
  append(record: Uint8Array, options?: AppendOptions): number
  /**
   * Saves the state after record `index`, which must be durable, then drops the records up to it.
   * Rejects with SETTEE_JOURNAL_SNAPSHOT_FAILED; then the previous snapshot is still in force.
   */
  saveSnapshot(index: number, bytes: Uint8Array): Promise<void>
  stats(): JournalStats
  /** Flushes what was appended, then lets go of everything. Never rejects. */
  close(): Promise<void>
}

export interface JournalStats {
  readonly state: JournalState
  /** Oldest record that is still there; `lastIndex + 1` when there is none. */
  readonly firstIndex: number
  /** Newest record, durable or not; 0 before the first. */
  readonly lastIndex: number
  readonly durableIndex: number
  /** Last record that the newest snapshot holds; 0 when there is none. */
  readonly snapshotIndex: number
  /** Bytes of records appended since the newest snapshot was taken. */
  readonly bytesSinceSnapshot: number
  /** Bytes that the journal occupies, snapshot and preallocated space included. */
  readonly sizeBytes: number
  /** Flushes since the journal was opened. */
  readonly flushCount: number
}
