/**
 * One local transaction on the writing connection; inside a global transaction a branch of it.
 *
 * A session of SQLite's session extension records what happens. At commit its changeset becomes
 * the undo log and the lock keys; then, in this order: register the branch (which takes the global
 * locks), store the undo log, COMMIT. Nothing is committed when the branch is refused, and a branch
 * that was registered for nothing is reported as failed. Original:
 * org.apache.seata.rm.datasource.ConnectionProxy#processGlobalTransactionCommit.
 */
import type { Session } from 'node:sqlite'
import { type Clock, isSetteeError } from '@settee/kit'
import type { Long } from '@settee/wire'
import { lockOnlyXid } from '../../branch-context.ts'
import { describeStatements } from '../statement-text.ts'
import { txError } from '../../../errors.ts'
import { BranchStatus, BranchType } from '../../../protocol/status.ts'
import type { BranchPort } from '../../resource.ts'
import { buildLockKeys } from '../lock-keys.ts'
import { encodeUndoLog } from '../undo/jackson-codec.ts'
import type { StatementUndoLog } from '../undo/undo-log.ts'
import { decodeChangeset } from './changeset.ts'
import type { Connection } from './connection.ts'
import type { CompiledStatement, QueryResult } from './statement-cache.ts'
import { quoteName, type TableSchema } from './table-schema.ts'
import { buildUndoStatements, lockedRows } from './undo-images.ts'

export interface TransactionPorts {
  readonly connection: Connection
  readonly port: BranchPort
  readonly clock: Clock
  readonly resourceId: string
  /** Largest undo log of one branch, in bytes. */
  readonly maxUndoBytes: number
}

export class LocalTransaction {
  /** The global transaction that it belongs to. */
  readonly xid: string | undefined
  readonly #ports: TransactionPorts
  readonly #session: Session | undefined
  readonly #nullableTables = new Map<string, TableSchema>()
  #endedBy: Error | undefined
  #conflictKeys: string | undefined
  #hasChangedSchema = false

  /** Begins a transaction; the caller holds the lease of the connection. */
  static async begin(ports: TransactionPorts, xid: string | undefined): Promise<LocalTransaction> {
    await ports.connection.begin()
    try {
      return new LocalTransaction(ports, xid)
    } catch (error) {
      ports.connection.rollback()
      throw error
    }
  }

  private constructor(ports: TransactionPorts, xid: string | undefined) {
    this.#ports = ports
    this.xid = xid
    if (xid !== undefined) this.#session = ports.connection.database.createSession()
  }

  /** The lock keys on which commit failed, if it failed because another transaction holds one. */
  get conflictKeys(): string | undefined {
    return this.#conflictKeys
  }

  /** Runs one query, insert, update, delete or savepoint command. */
  run(statement: CompiledStatement, values: readonly unknown[]): QueryResult {
    this.#checkOpen()
    if (this.xid !== undefined) this.#checkUndoable(statement)
    if (statement.effect !== 'other') return statement.run(values)
    try {
      return statement.run(values)
    } finally {
      this.#hasChangedSchema = true
      this.#ports.connection.statements.clear()
    }
  }

  /** @throws SETTEE_TX_LOCK_CONFLICT and what else the coordinator refuses; rolled back then. */
  async commit(): Promise<void> {
    try {
      this.#checkOpen()
      await (this.xid === undefined ? this.#commitLocally() : this.#commitBranch(this.xid))
    } catch (error) {
      this.rollback()
      throw error
    }
    this.#endedBy = ended('was committed')
  }

  /** Rolls back; harmless when it has ended already. */
  rollback(reason: Error = ended('was rolled back')): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = reason
    this.#session?.[Symbol.dispose]()
    const { connection } = this.#ports
    connection.rollback()
    // Others may have compiled statements meanwhile, for a schema that has never come to be.
    if (this.#hasChangedSchema) connection.statements.clear()
  }

  async #commitBranch(xid: string): Promise<void> {
    const { connection, port, clock, resourceId } = this.#ports
    const { lockKeys, statements } = this.#takeChanges()
    if (statements.length === 0) return this.#commitLocally()
    const branchType = BranchType.AT
    let branchId: Long
    try {
      branchId = await port.registerBranch({
        xid,
        branchType,
        resourceId,
        lockKeys,
        lockWaitMs: 0,
        holdsRowLocks: true,
        statement: describeStatements(statements),
      })
    } catch (error) {
      if (isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')) this.#conflictKeys = lockKeys
      throw error
    }
    if (xid === lockOnlyXid) {
      this.#checkOpen()
      return this.#commitLocally()
    }
    try {
      // The transaction may have been ended by its time limit while the coordinator thought.
      this.#checkOpen()
      const log = encodeUndoLog({ xid, branchId, statements })
      this.#checkSize(Buffer.byteLength(log))
      storeUndoLog(connection, { xid, branchId }, log, clock.now())
      this.#commitLocally()
    } catch (error) {
      this.rollback()
      const status = BranchStatus.PhaseOne_Failed
      // Should the report be lost: the coordinator then asks for a rollback, which finds no undo.
      await port.reportBranch(xid, { branchId, branchType, resourceId, status }).catch(() => {})
      throw error
    }
  }

  /** What changed since the transaction began, as undo log and lock keys. */
  #takeChanges(): { lockKeys: string; statements: StatementUndoLog[] } {
    const { connection } = this.#ports
    for (const schema of this.#nullableTables.values()) checkNoNullKeys(connection, schema)
    const changeset = this.#session!.changeset()
    this.#session!.close()
    this.#checkSize(changeset.length)
    const changes = decodeChangeset(changeset)
    return {
      lockKeys: buildLockKeys(lockedRows(changes)),
      statements: buildUndoStatements(changes, (name) => connection.tableSchema(name)!.columns),
    }
  }

  #commitLocally(): void {
    this.#ports.connection.database.exec('COMMIT')
  }

  #checkOpen(): void {
    if (this.#endedBy !== undefined) throw this.#endedBy
    if (!this.#ports.connection.database.isTransaction) {
      throw txError(
        'SETTEE_TX_BAD_QUERY',
        'an earlier error made SQLite roll the transaction back; begin a new one',
      )
    }
  }

  /** Refuses writes that the session would not see. */
  #checkUndoable(statement: CompiledStatement): void {
    const { connection } = this.#ports
    for (const name of statement.writtenTables) {
      const schema = connection.tableSchema(name)
      if (schema?.kind === 'view') continue
      if (schema?.kind !== 'table') throw unsupported(`${name} is a virtual table`)
      if (schema.keyColumns.length === 0) {
        throw unsupported(`${name} has no primary key, by which its rows could be found again`)
      }
      if (schema.keyProblem !== undefined) {
        throw unsupported(`${name} cannot be undone, because ${schema.keyProblem}`)
      }
      if (schema.nullableKeyColumns.length > 0 && !this.#nullableTables.has(name)) {
        checkNoNullKeys(connection, schema)
        this.#nullableTables.set(name, schema)
      }
    }
  }

  #checkSize(sizeBytes: number): void {
    const { maxUndoBytes } = this.#ports
    if (sizeBytes <= maxUndoBytes) return
    throw unsupported(
      `the transaction changes too much: its undo log has at least ${sizeBytes} bytes, the ` +
        `limit is ${maxUndoBytes}; change less at a time, or raise maxUndoBytes`,
    )
  }
}

/** Rows with a NULL in their key are invisible to the session, so the table must have none. */
function checkNoNullKeys(connection: Connection, schema: TableSchema): void {
  const isNull = schema.nullableKeyColumns.map((column) => `${quoteName(column)} IS NULL`)
  const sql = `SELECT 1 FROM main.${quoteName(schema.name)} WHERE ${isNull.join(' OR ')} LIMIT 1`
  if (connection.database.prepare(sql).get() === undefined) return
  throw unsupported(
    `${schema.name} has a row with NULL in its primary key; declare the key columns NOT NULL`,
  )
}

function storeUndoLog(
  connection: Connection,
  branch: { readonly xid: string; readonly branchId: Long },
  log: string,
  nowMs: number,
): void {
  if (connection.undoLogs.find(branch) === null) {
    throw txError(
      'SETTEE_TX_BRANCH_REFUSED',
      `the branch ${branch.branchId} of ${branch.xid} came too late: it was rolled back before ` +
        'its local transaction committed; run the global transaction again',
    )
  }
  connection.undoLogs.insert(branch, log, nowMs)
}

function ended(how: string): Error {
  return txError('SETTEE_TX_BAD_QUERY', `the transaction ${how} already; begin a new one`)
}

function unsupported(reason: string): Error {
  return txError('SETTEE_TX_UNSUPPORTED_SQL', `refused in a global transaction: ${reason}`)
}
