/**
 * The whole durable state as bytes: JSON, because snapshots are rare and people may have to read
 * one. Locks are stored with their branches and put back into the table from there.
 *
 *     {"version":1,"lastId":…,"committedTotal":…,"rolledBackTotal":…,
 *      "transactions":[…in order of begin],"history":[…in order of end]}
 */
import { messageOf } from '@settee/kit'
import { txError } from '../errors.ts'
import type { CoordinatorState } from './state.ts'
import type { Transaction } from './transaction.ts'

const version = 1

interface Snapshot {
  readonly version: number
  readonly lastId: number
  readonly committedTotal: number
  readonly rolledBackTotal: number
  readonly transactions: readonly Transaction[]
  readonly history: readonly Transaction[]
}

export function encodeSnapshot(state: CoordinatorState): Uint8Array {
  const { lastId, committedTotal, rolledBackTotal } = state
  const snapshot: Snapshot = {
    version,
    lastId,
    committedTotal,
    rolledBackTotal,
    transactions: [...state.transactions.values()],
    history: [...state.history()],
  }
  return new TextEncoder().encode(JSON.stringify(snapshot))
}

/**
 * Replaces everything in `state`.
 * @throws SETTEE_TX_BAD_RECORD when the bytes are no snapshot of a version that is known.
 */
export function restoreSnapshot(state: CoordinatorState, bytes: Uint8Array): void {
  const snapshot = decodeSnapshot(bytes)
  state.clear()
  state.lastId = snapshot.lastId
  state.committedTotal = snapshot.committedTotal
  state.rolledBackTotal = snapshot.rolledBackTotal
  for (const transaction of snapshot.transactions) {
    state.add(transaction)
    for (const branch of transaction.branches) {
      for (const lock of branch.locks) state.locks.insert(lock)
    }
  }
  for (const transaction of snapshot.history) state.remember(transaction)
}

function decodeSnapshot(bytes: Uint8Array): Snapshot {
  let snapshot: Snapshot | null
  try {
    snapshot = JSON.parse(new TextDecoder().decode(bytes)) as Snapshot | null
  } catch (error) {
    throw badSnapshot(messageOf(error))
  }
  if (snapshot?.version === version) return snapshot
  throw badSnapshot(`its version is ${snapshot?.version}, this coordinator reads ${version}`)
}

function badSnapshot(why: string): Error {
  return txError(
    'SETTEE_TX_BAD_RECORD',
    `the snapshot of the transaction coordinator cannot be read: ${why}; ` +
      'start the version that wrote it, or restore the data directory from a backup',
  )
}
