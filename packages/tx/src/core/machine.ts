/**
 * The coordinator as the state machine of a journal replica: commands in, results out, snapshots.
 */
import type { StateMachine } from '@settee/journal'
import { decodeCommand, encodeCommand } from './command-codec.ts'
import type { Command } from './commands.ts'
import { applyCommand } from './coordinator.ts'
import type { CoordinatorOptions } from './limits.ts'
import type { CommandResult } from './result.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'

export interface CoordinatorMachine extends StateMachine<Command, CommandResult> {
  /** The committed state, to be looked at only; the same object for the machine's whole life. */
  readonly state: CoordinatorState
}

export function createCoordinatorMachine(options: CoordinatorOptions = {}): CoordinatorMachine {
  const state = new CoordinatorState(options)
  return {
    state,
    encode: encodeCommand,
    decode: decodeCommand,
    apply: (command) => applyCommand(state, command),
    snapshot: () => encodeSnapshot(state),
    restore: (bytes) => restoreSnapshot(state, bytes),
  }
}
