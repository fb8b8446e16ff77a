/**
 * The coordinator as the state machine of a journal replica: commands in, results out, snapshots.
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { decodeCommand, encodeCommand } from './command-codec.ts'
import type { Command } from './commands.ts'
import { applyCommand } from './coordinator.ts'
import type { CoordinatorOptions } from './limits.ts'
import type { CommandResult } from './result.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'

export interface CoordinatorMachine {
  /** The committed state, to be looked at only; the same object for the machine's whole life. */
  readonly state: CoordinatorState
  encode(command: Command, writer: ByteWriter): void
  decode(reader: ByteReader): Command
  apply(command: Command): CommandResult
  snapshot(): Uint8Array
  restore(bytes: Uint8Array): void
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
