/**
 * The transaction coordinator as a pure state machine: a command changes the state and gives an
 * answer and effects. No socket, clock, timer or randomness; the same commands give the same state
 * on every node and at every replay.
 *
 *     command ──► applyCommand(state) ──► CommandResult { refusal, status, effects }
 *     read    ──► refusalOf, statusOf, findLockConflict, read-model.ts
 *     pending ──► pendingWork(state): what the shell takes up after recovery
 */
import { unreachable } from '@settee/kit'
import { parseLockKeys } from '../protocol/lock-key.ts'
import { GlobalStatus } from '../protocol/status.ts'
import { begin, refusalOfBegin } from './begin.ts'
import type { Command } from './commands.ts'
import { commit, forget, refusalOfManual, resume, rollback, timeOut } from './ending.ts'
import { branchesEnded } from './outcomes.ts'
import type { LockConflict, Refusal } from './refusal.ts'
import { refusalOfRepair, repairBranch } from './repair.ts'
import { conflictOn, refusalOfRegistration, registerBranch } from './registration.ts'
import { globalReport, refusalOfReport, reportBranch } from './reports.ts'
import type { CommandResult } from './result.ts'
import type { CoordinatorState } from './state.ts'
import { isCommitting, isRollingBack } from './transaction.ts'

/** Applies one committed command. */
export function applyCommand(state: CoordinatorState, command: Command): CommandResult {
  switch (command.kind) {
    case 'begin':
      return begin(state, command)
    case 'registerBranch':
      return registerBranch(state, command)
    case 'reportBranch':
      return reportBranch(state, command)
    case 'commit':
      return commit(state, command)
    case 'rollback':
      return rollback(state, command)
    case 'timeOut':
      return timeOut(state, command)
    case 'globalReport':
      return globalReport(state, command)
    case 'branchesEnded':
      return branchesEnded(state, command)
    case 'resume':
      return resume(state, command)
    case 'forget':
      return forget(state, command)
    case 'repairBranch':
      return repairBranch(state, command)
    default:
      return unreachable(command)
  }
}

/**
 * Why `command` would be refused now, from committed state and without the journal; null when it
 * would take effect. Applying checks again, because what lies between may change the answer. A
 * late branch is better proposed anyhow: only what was applied is on the timeline.
 */
export function refusalOf(state: CoordinatorState, command: Command): Refusal | null {
  switch (command.kind) {
    case 'begin':
      return refusalOfBegin(state, command)
    case 'registerBranch':
      return refusalOfRegistration(state, command)
    case 'reportBranch':
      return refusalOfReport(state, command)
    case 'resume':
    case 'forget':
      return refusalOfManual(state, command)
    case 'repairBranch':
      return refusalOfRepair(state, command)
    default:
      return null
  }
}

/** The status of a transaction; of a finished one as long as its end is remembered. */
export function statusOf(state: CoordinatorState, xid: string): GlobalStatus {
  const transaction = state.transactions.get(xid) ?? state.endOf(xid)
  return transaction?.status ?? GlobalStatus.Finished
}

/**
 * The lock query: who holds one of the rows against `xid`; null when all are free for it.
 * @throws SETTEE_TX_BAD_MESSAGE when the lock key is malformed.
 */
export function findLockConflict(
  state: CoordinatorState,
  query: { readonly xid: string; readonly resourceId: string; readonly lockKeys: string },
): LockConflict | null {
  const rows = parseLockKeys(query.lockKeys, state.limits.maxLockKeysPerBranch)
  const held = state.locks.findHeld(query.xid, query.resourceId, rows)
  return held === undefined ? null : conflictOn(state, held)
}

/** What must go on after recovery. */
export interface PendingWork {
  /** Transactions in Begin, with the instant at which they time out, in ms. */
  readonly timeouts: readonly { readonly xid: string; readonly timesOutAt: number }[]
  /** Transactions in phase two. */
  readonly ending: readonly string[]
}

export function pendingWork(state: CoordinatorState): PendingWork {
  const timeouts: { xid: string; timesOutAt: number }[] = []
  const ending: string[] = []
  for (const { xid, status, beganAt, timeoutMs } of state.transactions.values()) {
    if (status === GlobalStatus.Begin) timeouts.push({ xid, timesOutAt: beganAt + timeoutMs + 1 })
    else if (isCommitting(status) || isRollingBack(status)) ending.push(xid)
  }
  return { timeouts, ending }
}
