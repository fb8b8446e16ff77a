/**
 * A deliberate bug: a patch of the real source. The simulation must catch every one of them, or its
 * silence about the real code would prove nothing.
 */
export interface Patch {
  /** From the root of the repository. */
  readonly path: string
  /** Must be there exactly once. */
  readonly from: string
  readonly to: string
}

export interface Mutant {
  readonly name: string
  /** What the bug does. */
  readonly story: string
  readonly patches: readonly Patch[]
  /** The invariants that may report it first. */
  readonly caughtBy: readonly string[]
}

export const core = 'packages/tx/src/core'
export const server = 'packages/tx/src/server'
export const client = 'packages/tx/src/client'
/** The resource managers of the simulation itself. */
export const model = 'sim/src/tx'

export const mixedOutcome: readonly string[] = [
  'all or nothing',
  'every branch ends',
  'undo logs go',
  'phase two follows the decision',
]

export const brokenLocks: readonly string[] = [
  'no dirty write',
  'one holder for a row',
  'no dirty rows at rollback',
]
