/** The state once more, from records; and states as text, to be compared. */
import type { CoordinatorMachine, CoordinatorState } from '@settee/tx/internal'
import { ByteReader } from '@settee/wire'

/** Applies records to a machine, new or restored. */
export function replayRecords(
  machine: CoordinatorMachine,
  records: readonly Uint8Array[],
): CoordinatorState {
  const reader = new ByteReader()
  for (const [index, record] of records.entries()) {
    reader.load(record)
    machine.apply(machine.decode(reader), index + 1)
  }
  return machine.state
}

/**
 * Everything in the state as text. Whatever field is added to the state or to transactions is in it
 * by itself, unlike in a snapshot.
 */
export function dumpState(state: CoordinatorState): string {
  const { locks, transactions, limits: _limits, ...rest } = state
  const rows = [...locks].map((lock) => JSON.stringify(lock)).toSorted()
  const active = [...transactions.values()]
  const counts = active.map(({ status }) => state.countOf(status))
  const finished = [...state.history(), ...state.ends()]
  return JSON.stringify({ rest, rows, lockCount: locks.size, active, counts, finished })
}
