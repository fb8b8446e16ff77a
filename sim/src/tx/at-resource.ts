/**
 * AT mode on a database model, in the order of the real resource managers:
 *
 *     phase one   lock rows, change → register branch → undo row → COMMIT
 *     commit      delete the undo row
 *     rollback    no undo row: write a defence row, so that a late phase one cannot commit
 *                 undo row: now = before nothing, now = after restore, else dirty; delete the row
 *
 * Waiting for global locks, reports of failed branches and the batches of undo deletions are the
 * client's own code.
 */
import type { AtEnvironment, BranchPort, Outcome, Resource } from '@settee/tx/internal'
import { BranchStatus, BranchType } from '@settee/tx/protocol'
import { isSetteeError, type Random } from '@settee/kit'
import type { SimulatedProcess } from '../world/simulated-process.ts'
import type { TxCore } from './core.ts'
import {
  DatabaseError,
  type Change,
  type LocalTransaction,
  type SimulatedDatabase,
  type UndoRow,
} from './database.ts'

export interface AtResourceOptions {
  readonly core: TxCore
  readonly process: SimulatedProcess
  readonly database: SimulatedDatabase
  readonly port: BranchPort
  readonly random: Random
  /** A row was neither as before nor as after: somebody wrote what was locked. */
  readonly onDirty: (xid: string, text: string) => void
}

/** What one local transaction changes. */
export interface Posting {
  readonly account: string
  readonly delta: number
}

const lockTimeoutMs = 800
const rollbackLockTimeoutMs = 5000
const lockWaitMs = 2500
/** Attempts when a late phase one commits its undo row at the same moment. */
const maxAttempts = 3

export interface AtResource extends Resource {
  /** Phase one. @param waitMs longest wait for global locks with row locks held. */
  run(xid: string, postings: readonly Posting[], waitMs: number): Promise<void>
}

export function createAtResource(options: AtResourceOptions): AtResource {
  const { core, database, process } = options
  const deletion = core.createUndoDeletion(async (branches) => {
    const local = await database.begin(process)
    try {
      for (const { xid, branchId } of branches) {
        await local.find(undoKey(xid, branchId), lockTimeoutMs)
        local.write(undoKey(xid, branchId), undefined)
      }
      await local.commit()
    } catch (error) {
      await local.rollback()
      throw error
    }
  })
  return {
    resourceId: database.name,
    branchType: BranchType.AT,
    run: (xid, postings, waitMs) => runPhaseOne(options, xid, postings, waitMs),
    async commitBranch(xid, branchId) {
      checkUndoLogs(database)
      await deletion.add({ xid, branchId })
      return BranchStatus.PhaseTwo_Committed
    },
    async rollbackBranch(xid, branchId) {
      checkUndoLogs(database)
      return rollBackBranch(options, xid, Number(branchId))
    },
    deleteUndoLogs: () => Promise.resolve(),
    close: () => deletion.close(),
  }
}

function checkUndoLogs({ name, queue, undoFailsUntilMs }: SimulatedDatabase): void {
  if (queue.nowMs < undoFailsUntilMs) throw new Error(`${name} cannot read its undo logs`)
}

function undoKey(xid: string, branchId: number | bigint): string {
  return `undo/${xid}/${branchId}`
}

// ---- phase one ----------------------------------------------------------------------------

function runPhaseOne(
  options: AtResourceOptions,
  xid: string,
  postings: readonly Posting[],
  waitMs: number,
): Promise<void> {
  const { core, process, database, port, random } = options
  const limits = { lockWaitMs, lockWaitWithRowLocksMs: waitMs, maxRows: 100, maxUndoLength: 10_000 }
  const { clock } = process
  // Of the environment these parts read nothing else.
  const environment = { resourceId: database.name, port, clock, random, limits } as AtEnvironment
  return core.retryOnConflict(environment, xid, () =>
    attempt(options, environment, { xid, postings, waitMs }),
  )
}

async function attempt(
  { core, database, process, port }: AtResourceOptions,
  environment: AtEnvironment,
  work: { readonly xid: string; readonly postings: readonly Posting[]; readonly waitMs: number },
): Promise<Outcome<void>> {
  const { xid, postings, waitMs } = work
  const local = await database.begin(process)
  let branchId: number
  let changes: readonly Change[]
  const lockKeys = `account:${postings.map(({ account }) => account).join(',')}`
  try {
    changes = await change(local, postings)
    branchId = Number(
      await port.registerBranch({
        xid,
        branchType: BranchType.AT,
        resourceId: database.name,
        lockKeys,
        lockWaitMs: waitMs,
        holdsRowLocks: true,
      }),
    )
  } catch (error) {
    await local.rollback()
    if (!isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')) throw error
    return { conflict: { error, lockKeys, isRead: false } }
  }
  try {
    const row: UndoRow = { kind: 'undo', xid, branchId, changes, isDefence: false }
    await local.insert(undoKey(xid, branchId), row, lockTimeoutMs)
  } catch (error) {
    await local.rollback()
    await core.reportFailed(environment, xid, branchId)
    throw error
  }
  try {
    await local.commit()
    return { result: undefined }
  } catch (error) {
    // A connection that broke during COMMIT says nothing about it.
    const isCertain = error instanceof DatabaseError && error.isCertain
    if (isCertain) await core.reportFailed(environment, xid, branchId)
    throw error
  }
}

async function change(
  local: LocalTransaction,
  postings: readonly Posting[],
): Promise<readonly Change[]> {
  const changes: Change[] = []
  for (const { account, delta } of postings) {
    const before = balanceOf(await local.lock(accountKey(account), lockTimeoutMs))
    const after = before + delta
    local.write(accountKey(account), { kind: 'account', balance: after })
    changes.push({ account, before, after })
  }
  return changes
}

export function accountKey(account: string): string {
  return `account/${account}`
}

export function balanceOf(row: unknown): number {
  return (row as { balance?: number } | undefined)?.balance ?? 0
}

// ---- phase two, rollback ------------------------------------------------------------------

async function rollBackBranch(
  options: AtResourceOptions,
  xid: string,
  branchId: number,
): Promise<BranchStatus> {
  const { database, process } = options
  for (let left = maxAttempts - 1; ; left--) {
    const local = await database.begin(process)
    try {
      await undoInside(options, local, xid, branchId)
      await local.commit()
      return BranchStatus.PhaseTwo_Rollbacked
    } catch (error) {
      await local.rollback()
      if (error instanceof DirtyRow) {
        options.onDirty(xid, error.message)
        return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      }
      const isDuplicate = error instanceof DatabaseError && error.isDuplicate
      if (!isDuplicate || left === 0) throw error
    }
  }
}

async function undoInside(
  { database }: AtResourceOptions,
  local: LocalTransaction,
  xid: string,
  branchId: number,
): Promise<void> {
  const key = undoKey(xid, branchId)
  const row = await local.find(key, rollbackLockTimeoutMs)
  if (row === undefined || row.kind !== 'undo') {
    const defence: UndoRow = { kind: 'undo', xid, branchId, changes: [], isDefence: true }
    await local.insert(key, defence, rollbackLockTimeoutMs)
    return
  }
  if (row.isDefence) return
  for (const { account, before, after } of row.changes.toReversed()) {
    const now = balanceOf(await local.lock(accountKey(account), rollbackLockTimeoutMs))
    if (now === before) continue
    if (now !== after) {
      throw new DirtyRow(`${database.name} ${account}: ${before} -> ${after}, but now ${now}`)
    }
    local.write(accountKey(account), { kind: 'account', balance: before })
  }
  local.write(key, undefined)
}

class DirtyRow extends Error {}
