/**
 * What applying a command gives: the answer for the one who proposed it, and effects for the shell
 * as values. On replay both are dropped; what is pending is then asked of the state.
 */
import { GlobalStatus } from '../protocol/status.ts'
import type { Refusal } from './refusal.ts'
import type { RowLock } from './transaction.ts'

export type Effect =
  /** Phase two has something to do, or may go on. */
  | { readonly kind: 'drive'; readonly xid: string }
  /** The timeout of a new transaction runs. */
  | { readonly kind: 'begun'; readonly xid: string; readonly timesOutAt: number }
  /** One attempt was recorded; `willRetry` when the branch needs another. */
  | {
      readonly kind: 'attempted'
      readonly xid: string
      readonly branchId: number
      readonly willRetry: boolean
    }
  /**
   * The transaction manager that waits for the end may be answered `status`: phase two is through,
   * or its first attempt failed and the coordinator goes on by itself. May come again later.
   */
  | { readonly kind: 'settled'; readonly xid: string; readonly status: GlobalStatus }
  /** Rows became free: wake those who wait for them. */
  | { readonly kind: 'locksReleased'; readonly locks: readonly RowLock[] }
  /** The holder of rows began to roll back: who waits while holding database locks is refused. */
  | { readonly kind: 'holderRollsBack'; readonly locks: readonly RowLock[] }

export interface CommandResult {
  /** Why nothing was done; null when it was. */
  readonly refusal: Refusal | null
  /** Status of the transaction to answer with. */
  readonly status: GlobalStatus
  readonly effects: readonly Effect[]
}

const noEffects: readonly Effect[] = []

export function refused(refusal: Refusal): CommandResult {
  return { refusal, status: GlobalStatus.UnKnown, effects: noEffects }
}

export function answered(
  status: GlobalStatus,
  effects: readonly Effect[] = noEffects,
): CommandResult {
  return { refusal: null, status, effects }
}
