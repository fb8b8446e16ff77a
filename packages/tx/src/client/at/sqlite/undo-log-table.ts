/**
 * The table undo_log, one row for each branch: what it changed, until its global transaction ends.
 * Original: script/client/at/db/mysql.sql and org.apache.seata.rm.datasource.undo.UndoLogManager.
 */
import type { DatabaseSync } from 'node:sqlite'
import { checkUndoContext, undoContext } from '../undo/undo-context.ts'
import type { BranchKey } from '../undo/undo-log.ts'

const createSql = `
CREATE TABLE IF NOT EXISTS undo_log (
  branch_id     BIGINT       NOT NULL,
  xid           VARCHAR(128) NOT NULL,
  context       VARCHAR(128) NOT NULL,
  rollback_info LONGBLOB     NOT NULL,
  log_status    INT          NOT NULL,
  log_created   DATETIME     NOT NULL,
  log_modified  DATETIME     NOT NULL,
  CONSTRAINT ux_undo_log UNIQUE (xid, branch_id)
);
CREATE INDEX IF NOT EXISTS ix_log_created ON undo_log (log_created);`

const logStatus = { normal: 0n, globalFinished: 1n } as const

export interface UndoLogTable {
  /** Stores the log of phase one; its time is `nowMs` since the Unix epoch. */
  insert(branch: BranchKey, log: string, nowMs: number): void
  /** Stores that the branch is rolled back already, so that a late phase one fails. */
  insertDefence(branch: BranchKey, nowMs: number): void
  /**
   * The log of a branch: undefined when there is none, null when its defence row is there.
   * @throws SETTEE_TX_BAD_UNDO_LOG when it was written in a form that cannot be read.
   */
  find(branch: BranchKey): string | null | undefined
  delete(branch: BranchKey): void
  /**
   * Deletes at most `limit` defence rows that are older than `beforeMs`; returns how many. A log
   * stays, however old: it is the only copy of the earlier rows until its transaction has ended.
   */
  deleteOlder(beforeMs: number, limit: number): number
}

/** Creates the table when it is missing. */
export function createUndoLogTable(database: DatabaseSync): UndoLogTable {
  database.exec(createSql)
  // Without bigints even `run` fails, when the rowid last inserted is beyond safe integers.
  const exact = { readBigInts: true } as const
  const insertRow = database.prepare(
    `INSERT INTO main.undo_log
       (branch_id, xid, context, rollback_info, log_status, log_created, log_modified)
     VALUES ($1, $2, $3, $4, $5, $6, $6)`,
    exact,
  )
  const selectRow = database.prepare(
    `SELECT context, log_status, rollback_info FROM main.undo_log
     WHERE xid = $1 AND branch_id = $2`,
    exact,
  )
  const deleteRow = database.prepare(
    `DELETE FROM main.undo_log WHERE xid = $1 AND branch_id = $2`,
    exact,
  )
  const deleteOldRows = database.prepare(
    `DELETE FROM main.undo_log WHERE rowid IN
       (SELECT rowid FROM main.undo_log
        WHERE log_created < $1 AND log_status <> ${logStatus.normal}
        ORDER BY log_created LIMIT $2)`,
    exact,
  )

  function insert(branch: BranchKey, log: string, status: bigint, nowMs: number): void {
    insertRow.run({
      $1: BigInt(branch.branchId),
      $2: branch.xid,
      $3: undoContext,
      $4: Buffer.from(log),
      $5: status,
      $6: timestampOf(nowMs),
    })
  }

  return {
    insert: (branch, log, nowMs) => insert(branch, log, logStatus.normal, nowMs),
    insertDefence: (branch, nowMs) => insert(branch, '{}', logStatus.globalFinished, nowMs),
    find({ xid, branchId }) {
      const row = selectRow.get({ $1: xid, $2: BigInt(branchId) })
      if (row === undefined) return undefined
      if (row['log_status'] !== logStatus.normal) return null
      checkUndoContext(String(row['context']))
      const log = row['rollback_info']
      return log instanceof Uint8Array ? Buffer.from(log).toString() : String(log)
    },
    delete({ xid, branchId }) {
      deleteRow.run({ $1: xid, $2: BigInt(branchId) })
    },
    deleteOlder(beforeMs, limit) {
      return Number(deleteOldRows.run({ $1: timestampOf(beforeMs), $2: limit }).changes)
    },
  }
}

/** `2026-01-31 12:00:00.000`, in UTC: as text it sorts by time. */
function timestampOf(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 23)
}
