/**
 * Under which transaction the caller's statements run: a global one, or none but with the global
 * locks of others respected (`tx.globalLock`), which is a branch that registers nothing.
 */
import { currentContext } from '@settee/kit'

/** Stands where the xid of a branch would, when global locks are only looked at. */
export const lockOnlyXid = 'none (global lock)'

/** The xid under which a statement of the caller runs; undefined when AT mode has no part in it. */
export function branchXid(): string | undefined {
  const { xid, checksGlobalLocks } = currentContext()
  return xid ?? (checksGlobalLocks === true ? lockOnlyXid : undefined)
}
