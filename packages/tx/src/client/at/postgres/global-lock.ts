/**
 * Waiting for the rows of other global transactions. Whoever waits long holds no row lock of the
 * database meanwhile: the holder may need the rows to roll back. So the work is rolled back
 * locally, the global locks are taken by a branch without changes yet, and then the work runs again
 * under that branch.
 *
 * ```
 * run ── conflict ──► local rollback ──► register branch, waiting ──► run again with that branch
 *  └── no conflict ──► register branch, undo row, COMMIT
 * ```
 */
import { backoffMs, currentContext, sleep, type SetteeError } from '@settee/kit'
import type { Long } from '@settee/wire'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { AtEnvironment } from './environment.ts'

export interface Conflict {
  readonly error: SetteeError
  readonly lockKeys: string
  /** True for SELECT … FOR UPDATE, which looks at locks and takes none. */
  readonly isRead: boolean
}

/** A branch that was registered before its changes were made. */
export interface HeldBranch {
  readonly branchId: Long
  readonly lockKeys: string
  isUsed: boolean
}

export type Outcome<Result> = { readonly result: Result } | { readonly conflict: Conflict }

/** Runs `attempt` until it meets no conflict or the wait has lasted `lockWaitMs`. */
export async function retryOnConflict<Result>(
  environment: AtEnvironment,
  xid: string,
  attempt: (held: HeldBranch | undefined) => Promise<Outcome<Result>>,
): Promise<Result> {
  const { clock, limits } = environment
  const callerMs = (currentContext().deadlineMs ?? Infinity) - performance.now()
  const deadlineMs = clock.monotonic() + Math.min(limits.lockWaitMs, callerMs)
  let held: HeldBranch | undefined
  for (;;) {
    let outcome: Outcome<Result>
    try {
      outcome = await attempt(held)
    } finally {
      if (held !== undefined && !held.isUsed) await reportFailed(environment, xid, held.branchId)
    }
    if ('result' in outcome) return outcome.result
    held = await waitForLock(environment, xid, outcome.conflict, deadlineMs)
  }
}

async function waitForLock(
  environment: AtEnvironment,
  xid: string,
  { error, lockKeys, isRead }: Conflict,
  deadlineMs: number,
): Promise<HeldBranch | undefined> {
  const { port, resourceId, clock, random } = environment
  const remainingMs = (): number => deadlineMs - clock.monotonic()
  if (remainingMs() <= 0) throw error
  if (!isRead) {
    const branchId = await port.registerBranch({
      xid,
      branchType: BranchType.AT,
      resourceId,
      lockKeys,
      lockWaitMs: Math.ceil(remainingMs()),
      holdsRowLocks: false,
    })
    return { branchId, lockKeys, isUsed: false }
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
  { port, resourceId }: AtEnvironment,
  xid: string,
  branchId: Long,
): Promise<void> {
  const status = BranchStatus.PhaseOne_Failed
  const branch = { branchId, branchType: BranchType.AT, resourceId, status }
  await port.reportBranch(xid, branch).catch(() => {})
}
