/**
 * Assertions for what must hold. A failed assertion is a bug in Settee, never bad input: bad input
 * gets a typed error from the package's own table.
 */

/** The invariant that did not hold. Always a defect; never caught to be ignored. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws {@link AssertionError} with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value: ${String(value)}`)
}
