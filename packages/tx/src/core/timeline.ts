/**
 * What happened to a transaction, in order and with reasons: bounded, and part of the durable
 * state. When it is full, the oldest retry goes first, because retries repeat themselves; then the
 * oldest entry behind the first. The first and the last always stay.
 */
import type { GlobalStatus } from '../protocol/status.ts'

export type TimelineKind =
  | 'begun'
  | 'branchRegistered'
  | 'branchRefused'
  | 'lockWaited'
  | 'branchReported'
  | 'commitRequested'
  | 'rollbackRequested'
  | 'timedOut'
  | 'branchCommitted'
  | 'branchRolledBack'
  | 'branchRetry'
  | 'branchFailed'
  | 'resumed'
  | 'ended'

export interface TimelineEntry {
  /** Wall time in ms. */
  readonly at: number
  readonly kind: TimelineKind
  readonly branchId: number | null
  /** Status of the transaction after the entry, when the entry changed it. */
  readonly status: GlobalStatus | null
  /** Given by the one who did it, or the error text; empty when obvious. */
  readonly reason: string
}

/** Appends `entry`, dropping an older one when `maxEntries` are there already. */
export function appendEntry(
  timeline: TimelineEntry[],
  entry: TimelineEntry,
  maxEntries: number,
): void {
  if (timeline.length >= maxEntries) {
    const oldestRetry = timeline.findIndex((candidate) => candidate.kind === 'branchRetry')
    timeline.splice(Math.max(oldestRetry, 1), 1)
  }
  timeline.push(entry)
}
