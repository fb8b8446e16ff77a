/**
 * A local transaction as a branch: phase one of AT.
 *
 * ```
 * BEGIN → statements with images → register branch → INSERT undo_log → COMMIT
 * ```
 *
 * When anything behind the registration fails for certain, the coordinator is told PhaseOne_Failed.
 * When the connection breaks during COMMIT nobody knows, so nothing is reported: phase two looks
 * whether the undo row is there.
 */
import { backoffMs, isSetteeError, messageOf, sleep, type SetteeError } from '@settee/kit'
import type { Long } from '@settee/wire'
import { lockOnlyXid } from '../../branch-context.ts'
import { describeStatements } from '../statement-text.ts'
import { txError } from '../../../errors.ts'
import { BranchType } from '../../../protocol/status.ts'
import { packUndoLog, type PackedUndoLog } from '../undo/compression.ts'
import { encodeUndoLog } from '../undo/jackson-codec.ts'
import type { BranchUndoLog, StatementUndoLog, TableRecords } from '../undo/undo-log.ts'
import type { AtEnvironment } from './environment.ts'
import { readBackoff, reportFailed, type Conflict, type Outcome } from '../global-lock.ts'
import { prepareChange } from './images.ts'
import { LocalTransaction } from '../local-transaction.ts'
import { lockKeysOf, type KeyedRecords } from './lock-keys.ts'
import { sqlState, type PgClient, type PgQuery, type PgResult } from './pg-driver.ts'
import type { ChangePlan } from './plan.ts'
import { refuse } from '../refuse.ts'

/** Runs one statement as a branch of its own. */
export async function runAlone(
  environment: AtEnvironment,
  client: PgClient,
  work: { readonly xid: string; readonly plan: ChangePlan; readonly query: PgQuery },
): Promise<Outcome<PgResult>> {
  const local = new LocalTransaction(work.xid)
  const change = await prepareChange(environment, client, work.plan, work.query)
  await client.query({ text: 'BEGIN' })
  let result: PgResult
  try {
    const done = await change()
    result = done.result
    local.add(done.undo)
    const conflict = await checkLocked(environment, work.xid, done.locked)
    if (conflict !== undefined) {
      if (isNoWait(work.plan)) throw conflict.error
      await client.query({ text: 'ROLLBACK' })
      return { conflict }
    }
  } catch (error) {
    await rollBack(client, error)
    forgetTables(environment, error)
    throw error
  }
  const outcome = await commitBranch(environment, client, local, 0)
  return 'conflict' in outcome ? outcome : { result }
}

/** Whether the statement is one that waits for no lock. */
export function isNoWait(plan: ChangePlan): boolean {
  return plan.kind === 'LOCK' && plan.isNoWait
}

/** Whether the rows that SELECT … FOR UPDATE returned belong to other global transactions. */
async function checkLocked(
  { port, resourceId }: AtEnvironment,
  xid: string,
  locked: readonly KeyedRecords[],
): Promise<Conflict | undefined> {
  if (locked.length === 0) return undefined
  const lockKeys = lockKeysOf(locked)
  if (await port.isLockable(xid, resourceId, lockKeys)) return undefined
  const error = txError(
    'SETTEE_TX_LOCK_CONFLICT',
    `rows that SELECT … FOR UPDATE returned are held by another global transaction: ` +
      `${lockKeys.slice(0, 200)}; try again after it has ended`,
  )
  return { error, lockKeys, isRead: true }
}

/** {@link checkLocked} for a while: the holder can commit, though not roll back, meanwhile. */
export async function awaitLocked(
  environment: AtEnvironment,
  xid: string,
  locked: readonly KeyedRecords[],
  waitMs: number,
): Promise<Conflict | undefined> {
  const { clock, random } = environment
  const deadlineMs = clock.monotonic() + waitMs
  for (let failures = 1; ; failures++) {
    const conflict = await checkLocked(environment, xid, locked)
    if (conflict === undefined || clock.monotonic() >= deadlineMs) return conflict
    await sleep(backoffMs(failures, readBackoff, random))
  }
}

/**
 * Registers the branch, writes the undo row and commits. Ends the local transaction either way.
 * @param lockWaitMs longest wait for global locks in ms, with the row locks held.
 */
export async function commitBranch(
  environment: AtEnvironment,
  client: PgClient,
  local: LocalTransaction,
  lockWaitMs: number,
): Promise<Outcome<PgResult>> {
  const { xid, statements } = local
  const { port, resourceId } = environment
  if (statements.length === 0) return { result: await client.query({ text: 'COMMIT' }) }
  const lockKeys = lockKeysOf(statements.map(changedRows))
  let branchId: Long
  try {
    branchId = await port.registerBranch({
      xid,
      branchType: BranchType.AT,
      resourceId,
      lockKeys,
      lockWaitMs,
      holdsRowLocks: true,
      statement: describeStatements(statements),
    })
  } catch (error) {
    await rollBack(client, error)
    if (!isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')) throw error
    return { conflict: { error, lockKeys, isRead: false } }
  }
  if (xid === lockOnlyXid) return { result: await client.query({ text: 'COMMIT' }) }
  let log: PackedUndoLog
  try {
    log = await packUndoLog(encodeChecked(environment, { xid, branchId, statements }))
  } catch (error) {
    await rollBack(client, error)
    await reportFailed(environment, xid, branchId)
    throw error
  }
  try {
    return { result: await environment.undoTable.insertAndCommit(client, { xid, branchId }, log) }
  } catch (error) {
    // An ERROR of the server is certain, and what was never sent; a connection that broke is not.
    if (severityOf(error) === 'ERROR' || isUnsent(error)) {
      await rollBack(client, error)
      await reportFailed(environment, xid, branchId)
    }
    throw environment.undoTable.isTaken(error) ? tooLate(xid, branchId, error) : error
  }
}

function encodeChecked({ limits, undoNamespace }: AtEnvironment, log: BranchUndoLog): string {
  const text = encodeUndoLog(log, undoNamespace)
  if (text.length <= limits.maxUndoLength) return text
  throw refuse(
    'a local transaction',
    `its undo log of ${text.length} characters is longer than ${limits.maxUndoLength}`,
    'change fewer rows at a time or raise maxUndoLength',
  )
}

function changedRows(statement: StatementUndoLog): TableRecords {
  return statement.sqlType === 'DELETE' ? statement.beforeImage : statement.afterImage
}

function tooLate(xid: string, branchId: Long, cause: unknown): SetteeError {
  return txError(
    'SETTEE_TX_BRANCH_REFUSED',
    `branch ${branchId} of ${xid} was rolled back before its local transaction committed; ` +
      'the global transaction has ended, so begin a new one',
    { cause },
  )
}

/** Rolls back after `error`, which stays the error that the caller hears of. */
export async function rollBack(client: PgClient, error: unknown): Promise<void> {
  try {
    await client.query({ text: 'ROLLBACK' })
  } catch (second) {
    if (error instanceof Error) error.cause ??= messageOf(second)
  }
}

/** After an error that says that a table or a column is not what the cache says. */
export function forgetTables({ tables }: AtEnvironment, error: unknown): void {
  const state = sqlState(error)
  if (state === '42P01' || state === '42703') tables.clear()
}

/** What the driver says when the connection was broken before. */
function isUnsent(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('is not queryable')
}

function severityOf(error: unknown): unknown {
  return error instanceof Error && 'severity' in error ? error.severity : undefined
}
