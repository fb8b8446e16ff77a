/**
 * Waiting for the rows of other global transactions. Whoever waits long holds no row lock of the
 * database meanwhile: the holder may need the rows to roll back. So the work is rolled back
 * locally, the global locks are taken by a branch without changes, and then the work runs again. It
 * registers a branch of its own when it has made its changes, because branches are undone in the
 * order of their registration; the one that waited is reported as failed.
 *
 * ```
 * run ── conflict ──► local rollback ──► register a branch, waiting ──► run again ──► report it
 *  └── no conflict ──► register branch, undo row, COMMIT
 * ```
 */
import {
  backoffMs,
  currentContext,
  sleep,
  type Clock,
  type Random,
  type SetteeError,
} from '@settee/kit'
import type { Long } from '@settee/wire'
import { BranchStatus, BranchType } from '../../protocol/status.ts'
import type { BranchPort } from '../resource.ts'

export interface Conflict {
  readonly error: SetteeError
  readonly lockKeys: string
  /** True for SELECT … FOR UPDATE, which looks at locks and takes none. */
  readonly isRead: boolean
}

/** What of a resource waiting for global locks needs; that of every database has it. */
export interface LockEnvironment {
  readonly resourceId: string
  readonly port: BranchPort
  readonly clock: Clock
  readonly random: Random
  /** Longest wait for global locks without row locks held, in ms. */
  readonly limits: { readonly lockWaitMs: number }
}

export type Outcome<Result> = { readonly result: Result } | { readonly conflict: Conflict }

/** Runs `attempt` until it meets no conflict or the wait has lasted `lockWaitMs`. */
export async function retryOnConflict<Result>(
  environment: LockEnvironment,
  xid: string,
  attempt: () => Promise<Outcome<Result>>,
): Promise<Result> {
  const { clock, limits } = environment
  const callerMs = (currentContext().deadlineMs ?? Infinity) - performance.now()
  const deadlineMs = clock.monotonic() + Math.min(limits.lockWaitMs, callerMs)
  let waited: Long | undefined
  for (;;) {
    let outcome: Outcome<Result>
    try {
      outcome = await attempt()
    } finally {
      if (waited !== undefined) await reportFailed(environment, xid, waited)
    }
    if ('result' in outcome) return outcome.result
    waited = await waitForLock(environment, xid, outcome.conflict, deadlineMs)
  }
}

/** @returns the branch that took the global locks, if one had to. */
async function waitForLock(
  environment: LockEnvironment,
  xid: string,
  { error, lockKeys, isRead }: Conflict,
  deadlineMs: number,
): Promise<Long | undefined> {
  const { port, resourceId, clock, random } = environment
  const remainingMs = (): number => deadlineMs - clock.monotonic()
  if (remainingMs() <= 0) throw error
  if (!isRead) {
    return port.registerBranch({
      xid,
      branchType: BranchType.AT,
      resourceId,
      lockKeys,
      lockWaitMs: Math.ceil(remainingMs()),
      holdsRowLocks: false,
    })
  }
  for (let failures = 1; ; failures++) {
    await sleep(Math.min(backoffMs(failures, readBackoff, random), remainingMs()))
    if (await port.isLockable(xid, resourceId, lockKeys)) return undefined
    if (remainingMs() <= 0) throw error
  }
}

export const readBackoff = { minMs: 5, maxMs: 250 } as const

/** Says that a branch left no changes. The coordinator finds out by itself if this gets lost. */
export async function reportFailed(
  { port, resourceId }: LockEnvironment,
  xid: string,
  branchId: Long,
): Promise<void> {
  const status = BranchStatus.PhaseOne_Failed
  const branch = { branchId, branchType: BranchType.AT, resourceId, status }
  await port.reportBranch(xid, branch).catch(() => {})
}
