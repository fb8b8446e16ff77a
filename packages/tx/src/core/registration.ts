/**
 * A branch registers and takes its global locks. The checks come in the original's order and with
 * its texts, then our limits. Originals: AbstractCore.branchRegister and ATCore.branchSessionLock.
 *
 * applicationData of an AT branch may carry `skipCheckLock`, which says that all rows are new. It
 * is not looked at: checking costs one map look-up a row, and skipping could only lose a conflict.
 */
import { messageOf } from '@settee/kit'
import { parseLockKeys, type TableLocks } from '../protocol/lock-key.ts'
import { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import type { RegisterBranchCommand } from './commands.ts'
import { readLockOptions, readStatement } from './lock-options.ts'
import {
  branchNotStored,
  lateBranch,
  lockConflict,
  takesLocks,
  unknownTransaction,
  type LockConflict,
  type Refusal,
} from './refusal.ts'
import { answered, refused, type CommandResult } from './result.ts'
import type { CoordinatorState } from './state.ts'
import {
  applicationOf,
  findBranch,
  isFailed,
  isRollingBack,
  isSaga,
  type RowLock,
  type Transaction,
} from './transaction.ts'

export function registerBranch(
  state: CoordinatorState,
  command: RegisterBranchCommand,
): CommandResult {
  state.lastId = Math.max(state.lastId, command.branchId)
  const transaction = state.transactions.get(command.xid)
  const checked = checkRegistration(state, command, transaction)
  if (transaction === undefined || 'code' in checked) {
    if (transaction !== undefined) noteRefusal(state, transaction, command, checked as Refusal)
    return refused(checked as Refusal)
  }
  const { branchId, resourceId, clientId, now } = command
  const locks = state.locks.acquire(transaction.xid, command, checked, now)
  transaction.branches.push({
    branchId,
    order: transaction.branches.length + 1,
    type: command.branchType,
    resourceId,
    clientId,
    applicationData: command.applicationData,
    status: BranchStatus.Registered,
    isEnded: false,
    locks,
    failureCount: 0,
    failingSince: null,
    lastError: null,
    statement: state.clip(readStatement(command.applicationData)),
    dirty: '',
    repair: null,
  })
  transaction.openCount++
  if (command.lockWaitedMs > 0) {
    const reason = `waited ${command.lockWaitedMs} ms for a row of ${resourceId}`
    state.note(transaction, 'lockWaited', { at: now, branchId, reason })
  }
  state.note(transaction, 'branchRegistered', { at: now, branchId })
  return answered(transaction.status)
}

/** What would be answered to the registration now; null when it would succeed. */
export function refusalOfRegistration(
  state: CoordinatorState,
  command: RegisterBranchCommand,
): Refusal | null {
  const checked = checkRegistration(state, command, state.transactions.get(command.xid))
  return 'code' in checked ? checked : null
}

/** The rows to lock when the branch may register, else why it may not. */
function checkRegistration(
  state: CoordinatorState,
  command: RegisterBranchCommand,
  transaction: Transaction | undefined,
): readonly TableLocks[] | Refusal {
  const { xid, now } = command
  if (transaction === undefined) return unknownTransaction(xid, state.endOf(xid), now)
  const { maxApplicationDataLength, maxBranchesPerTransaction, maxLockKeysPerBranch } = state.limits
  if (command.applicationData.length > maxApplicationDataLength) {
    return branchNotStored(
      command,
      `applicationData has ${command.applicationData.length} characters; ` +
        `maxApplicationDataLength allows ${maxApplicationDataLength}`,
    )
  }
  // A saga that goes forward again registers the branches that are left.
  const isForwardSaga = command.branchType === BranchType.SAGA && isSaga(transaction)
  if (transaction.status !== GlobalStatus.Begin && !isForwardSaga) {
    return lateBranch(transaction, now)
  }
  if (transaction.branches.length >= maxBranchesPerTransaction) {
    return branchNotStored(
      command,
      `the transaction has ${maxBranchesPerTransaction} branches, ` +
        'the limit maxBranchesPerTransaction',
    )
  }
  const { maxNameLength } = state.limits
  const longest = Math.max(command.resourceId.length, command.clientId.length)
  if (longest > maxNameLength) {
    return branchNotStored(
      command,
      `a resource or client id has ${longest} characters; maxNameLength allows ${maxNameLength}`,
    )
  }
  if (!takesLocks(command.branchType)) return noRows
  try {
    const rows = parseLockKeys(command.lockKeys, maxLockKeysPerBranch)
    return refusalOfLocks(state, command, rows) ?? rows
  } catch (error) {
    return branchNotStored(command, messageOf(error))
  }
}

const noRows: readonly TableLocks[] = []

/** All rows are checked before one is taken, so a refusal leaves nothing behind. */
function refusalOfLocks(
  state: CoordinatorState,
  command: RegisterBranchCommand,
  rows: readonly TableLocks[],
): Refusal | null {
  const first = state.locks.findHeld(command.xid, command.resourceId, rows)
  if (first === undefined) return null
  const { holdsRowLocks } = readLockOptions(command.applicationData)
  if (!holdsRowLocks) return lockConflict(command, conflictOn(state, first), false)
  // The holder needs rows that the requester has locked in its database: waiting is a deadlock.
  const hopeless = state.locks.findHeld(command.xid, command.resourceId, rows, (lock) =>
    isHolderRollingBack(state, lock),
  )
  return lockConflict(command, conflictOn(state, hopeless ?? first), hopeless !== undefined)
}

export function conflictOn(state: CoordinatorState, lock: RowLock): LockConflict {
  const holder = state.transactions.get(lock.xid)
  const branch = holder && findBranch(holder, lock.branchId)
  return {
    lock,
    holderName: holder?.name ?? '',
    holderApplication: holder?.applicationId ?? '',
    holderService: branch === undefined ? '' : applicationOf(branch),
    holderStatement: branch?.statement ?? '',
    isHolderRollingBack: isHolderRollingBack(state, lock),
  }
}

function isHolderRollingBack(state: CoordinatorState, lock: RowLock): boolean {
  const holder = state.transactions.get(lock.xid)
  return holder !== undefined && (isRollingBack(holder.status) || isFailed(holder.status))
}

/** So that the timeline shows work that came too late or stood in a queue. */
function noteRefusal(
  state: CoordinatorState,
  transaction: Transaction,
  command: RegisterBranchCommand,
  refusal: Refusal,
): void {
  const reason = `${command.clientId}, ${command.resourceId}: ${refusal.text}`
  state.note(transaction, 'branchRefused', { at: command.now, reason })
}
