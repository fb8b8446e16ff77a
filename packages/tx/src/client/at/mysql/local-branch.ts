/**
 * A local transaction as a branch: phase one of AT.
 *
 * ```
 * START TRANSACTION → statements with images → register branch → INSERT undo_log → COMMIT
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
import { readBackoff, reportFailed, type Conflict, type Outcome } from '../global-lock.ts'
import type { LocalTransaction } from '../local-transaction.ts'
import { refuse } from '../refuse.ts'
import { packUndoLog } from '../undo/compression.ts'
import { encodeUndoLog } from '../undo/jackson-codec.ts'
import type { BranchUndoLog, Row, StatementUndoLog } from '../undo/undo-log.ts'
import type { MysqlSession } from './driver/session.ts'
import type { AtEnvironment } from './environment.ts'
import { lockKeysOf, type LockableRecords } from './lock-keys.ts'
import { errnoOf } from './table-meta.ts'

/** Whether the rows that SELECT … FOR UPDATE has locked belong to other global transactions. */
export async function checkLocked(
  { port, resourceId }: AtEnvironment,
  xid: string,
  locked: readonly LockableRecords[] | undefined,
): Promise<Conflict | undefined> {
  if (locked === undefined) return undefined
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
  locked: readonly LockableRecords[] | undefined,
): Promise<Conflict | undefined> {
  const { clock, limits, random } = environment
  const deadlineMs = clock.monotonic() + limits.lockWaitWithRowLocksMs
  for (let failures = 1; ; failures++) {
    const conflict = await checkLocked(environment, xid, locked)
    if (conflict === undefined || clock.monotonic() >= deadlineMs) return conflict
    await sleep(backoffMs(failures, readBackoff, random))
  }
}

/** How {@link commitBranch} commits and what it waits for. */
export interface CommitOptions {
  readonly commit: () => Promise<unknown>
  /** Longest wait for global locks in ms, with the row locks held. */
  readonly lockWaitMs: number
  /** What LAST_INSERT_ID() is for the application; `'0'` when it is not known. */
  readonly lastInsertId: string
}

/**
 * Registers the branch, writes the undo row and commits. Ends the local transaction either way.
 */
export async function commitBranch(
  environment: AtEnvironment,
  session: MysqlSession,
  local: LocalTransaction,
  { commit, lockWaitMs, lastInsertId }: CommitOptions,
): Promise<Outcome<void>> {
  const { xid, statements } = local
  const { port, resourceId } = environment
  if (statements.length === 0) {
    await commit()
    return { result: undefined }
  }
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
    await rollBack(session, error)
    if (!isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')) throw error
    return { conflict: { error, lockKeys, isRead: false } }
  }
  if (xid === lockOnlyXid) {
    await commit()
    return { result: undefined }
  }
  try {
    await checkRestorable(environment, session, statements)
    const log = await packUndoLog(encodeChecked(environment, { xid, branchId, statements }))
    const wasNumbered = await environment.undoTable.insert(session, { xid, branchId }, log)
    if (wasNumbered && lastInsertId !== '0') await session.run(`DO LAST_INSERT_ID(${lastInsertId})`)
  } catch (error) {
    await rollBack(session, error)
    await reportFailed(environment, xid, branchId)
    throw errnoOf(error) === duplicateEntry ? tooLate(xid, branchId, error) : error
  }
  try {
    await commit()
    return { result: undefined }
  } catch (error) {
    // An error of the server is certain; a broken connection is not.
    if (errnoOf(error) !== undefined && !isFatal(error)) {
      await rollBack(session, error)
      await reportFailed(environment, xid, branchId)
    }
    throw error
  }
}

/** A unique key has the value already. */
export const duplicateEntry = 1062

function encodeChecked({ limits, undoNamespace }: AtEnvironment, log: BranchUndoLog): string {
  const text = encodeUndoLog(log, undoNamespace)
  if (text.length <= limits.maxUndoLength) return text
  throw refuse(
    'a local transaction',
    `its undo log of ${text.length} characters is longer than ${limits.maxUndoLength}`,
    'change fewer rows at a time or raise maxUndoLength',
  )
}

/** What a statement that writes a row back needs beside its values, in bytes. */
const statementReserve = 64 * 1024

/**
 * Refuses rows that are too long for a statement that writes them back: text has two digits a byte.
 */
async function checkRestorable(
  { undoTable }: AtEnvironment,
  session: MysqlSession,
  statements: readonly StatementUndoLog[],
): Promise<void> {
  const limit = (await undoTable.maxStatementBytes(session)) - statementReserve
  const isLong = (row: Row): boolean =>
    row.fields.reduce((sum, { value }) => sum + 2 * Buffer.byteLength(value?.text ?? ''), 0) > limit
  const found = statements.find(({ beforeImage }) => beforeImage.rows.some(isLong))
  if (found === undefined) return
  throw refuse(
    `a change of ${found.tableName}`,
    'one of its rows is too long for a statement that would write it back',
    'raise max_allowed_packet to more than twice the length of the row',
  )
}

function changedRows({ sqlType, beforeImage, afterImage }: StatementUndoLog): LockableRecords {
  return (sqlType === 'DELETE' ? beforeImage : afterImage) as LockableRecords
}

function tooLate(xid: string, branchId: Long, cause: unknown): SetteeError {
  return txError(
    'SETTEE_TX_BRANCH_REFUSED',
    `branch ${branchId} of ${xid} was rolled back before its local transaction committed; ` +
      'the global transaction has ended, so begin a new one',
    { cause },
  )
}

/**
 * Rolls back after `error`, which stays the error that the caller hears of. A connection where that
 * fails is closed: nothing may follow on it.
 */
export async function rollBack(session: MysqlSession, error: unknown): Promise<void> {
  if (session.isClosed) return
  try {
    await session.run('ROLLBACK')
  } catch (second) {
    if (error instanceof Error) error.cause ??= messageOf(second)
    session.destroy()
  }
}

/** Whether the connection was lost. */
export function isFatal(error: unknown): boolean {
  return error instanceof Error && 'fatal' in error && error.fatal === true
}

/** After an error that says that a table or a column is not what the cache says. */
export function forgetTables({ tables }: AtEnvironment, error: unknown): void {
  const errno = errnoOf(error)
  if (errno !== undefined && schemaErrors.has(errno)) tables.clear()
}

/** No such database, column, table; table definition changed. */
const schemaErrors: ReadonlySet<number> = new Set([1049, 1054, 1146, 1412])
