/**
 * The table `undo_log` in MySQL and MariaDB and the statements on it. A log that is larger than a
 * packet of the protocol lies in several rows:
 *
 * ```
 * branch_id 71  serializer=jackson&compressorType=ZIP&map=4194304&subId=81,82   first part
 *           81  branchId=71                                                     second part
 *           82  branchId=71                                                     third part
 * ```
 *
 * Java peers read that. Where the ids do not fit into the column (VARCHAR(128)) the context has
 * `subIds=81-95` instead, which only Settee reads; the original has no such logs at all. The ids
 * ascend, because the original joins the parts in the order of the index.
 *
 * Original: script/client/at/db/mysql.sql and org.apache.seata.rm.datasource.undo.mysql.
 */
import type { Random } from '@settee/kit'
import { txError } from '../../../errors.ts'
import type { PackedUndoLog } from '../undo/compression.ts'
import { readUndoContext, undoContext } from '../undo/undo-context.ts'
import type { BranchKey } from '../undo/undo-log.ts'
import { quoteName } from './column-types.ts'
import type { MysqlSession, RawValue } from './driver/session.ts'

/** log_status of a row that holds an undo log. */
const normal = 0
/** log_status of a row that only keeps a late phase one from writing its own. */
const finished = 1

/** Creates the undo table; safe to run at every start. */
export function mysqlUndoLogDdl(table = 'undo_log'): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  branch_id     BIGINT       NOT NULL,
  xid           VARCHAR(128) NOT NULL,
  context       VARCHAR(128) NOT NULL,
  rollback_info LONGBLOB     NOT NULL,
  log_status    INT          NOT NULL,
  log_created   DATETIME(6)  NOT NULL,
  log_modified  DATETIME(6)  NOT NULL,
  UNIQUE KEY ux_undo_log (xid, branch_id),
  KEY ix_log_created (log_created)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`
}

/** The name goes into SQL, so it may only be a plain one. */
export function checkUndoLogTable(table: string): void {
  if (/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/.test(table)) return
  throw txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `undoLogTable is ${JSON.stringify(table)}, but must be a plain name such as undo_log or ` +
      'app.undo_log',
  )
}

export interface UndoRow {
  readonly log: PackedUndoLog
  readonly isFinished: boolean
}

export interface UndoTable {
  /** As the option has it. */
  readonly name: string
  /** Looked for until found. */
  exists(session: MysqlSession): Promise<boolean>
  /** Longest statement that the server takes, in bytes. */
  maxStatementBytes(session: MysqlSession): Promise<number>
  /** Says whether the table has numbered its rows, as the original's older ones do. */
  insert(session: MysqlSession, branch: BranchKey, log: PackedUndoLog): Promise<boolean>
  /** Keeps a late phase one from committing. */
  insertDefence(session: MysqlSession, branch: BranchKey): Promise<void>
  /** The row of a branch, its parts joined, locked until the local transaction ends. */
  select(session: MysqlSession, branch: BranchKey): Promise<UndoRow | undefined>
  delete(session: MysqlSession, branches: readonly BranchKey[]): Promise<void>
  /**
   * Deletes at most `limit` defence rows older than `saveDays` days and says how many it found.
   * Rows that hold an undo log stay however old they are: the rollback may wait for a person.
   */
  deleteOld(session: MysqlSession, saveDays: number, limit: number): Promise<number>
}

export interface UndoTableOptions {
  /** With or without a database. */
  readonly name: string
  /** The resource's own database. */
  readonly database: string | undefined
  readonly random: Random
}

/** The share of a packet that a part takes: as text it has two digits for each byte. */
const packetShare = 0.4

/** Longest context that the column takes. */
const maxContextLength = 128

/** Ids of parts are at most this, so that many fit into the context. */
const maxPartId = 1_000_000_000

export function createUndoTable({ name, database, random }: UndoTableOptions): UndoTable {
  const [table = '', schema = database] = name.split('.').toReversed()
  const sql = schema === undefined ? quoteName(table) : `${quoteName(schema)}.${quoteName(table)}`
  let isKnown = false
  let packetBytes: number | undefined

  async function insertRow(
    session: MysqlSession,
    branch: BranchKey,
    log: PackedUndoLog,
    status: number,
  ): Promise<boolean> {
    const { insertId } = await session.run(
      `INSERT INTO ${sql} (branch_id, xid, context, rollback_info, log_status, log_created, ` +
        'log_modified) VALUES (?, ?, ?, ?, ?, NOW(6), NOW(6))',
      [branch.branchId, branch.xid, log.context, log.bytes, status],
    )
    return insertId !== '0'
  }

  async function maxStatementBytes(session: MysqlSession): Promise<number> {
    if (packetBytes === undefined) {
      const { rows } = await session.run('SELECT @@max_allowed_packet')
      packetBytes = Number(rows[0]![0])
    }
    return packetBytes
  }

  return {
    name,
    maxStatementBytes,
    async exists(session) {
      if (isKnown) return true
      const { rows } = await session.run(
        'SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
        [schema, table],
      )
      isKnown = rows.length > 0
      return isKnown
    },
    async insert(session, branch, log) {
      const parts = splitLog(branch, log, await maxStatementBytes(session), random)
      for (const part of parts.slice(1)) await insertRow(session, part.branch, part.log, normal)
      return insertRow(session, branch, parts[0]!.log, normal)
    },
    async insertDefence(session, branch) {
      const log = { context: undoContext, bytes: Buffer.from('{}') }
      await insertRow(session, branch, log, finished)
    },
    select: (session, branch) => selectRow(session, sql, branch),
    async delete(session, branches) {
      const xids = [...new Set(branches.map(({ xid }) => xid))]
      // Ids of branches are unique over all transactions, so that the pairs need not be looked at.
      await session.run(
        `DELETE FROM ${sql} WHERE xid IN (${marks(xids)}) AND ` +
          `(branch_id IN (${marks(branches)}) OR context IN (${marks(branches)}))`,
        [...xids, ...branches.map(({ branchId }) => branchId), ...branches.map(partContext)],
      )
    },
    async deleteOld(session, saveDays, limit) {
      const { affectedRows } = await session.run(
        `DELETE FROM ${sql} WHERE log_created <= NOW(6) - INTERVAL ? DAY ` +
          `AND log_status <> ${normal} LIMIT ?`,
        [saveDays, limit],
      )
      return affectedRows
    },
  }
}

interface LogPart {
  readonly branch: BranchKey
  readonly log: PackedUndoLog
}

/** The rows of a log: that of the branch, and one for each further part. */
function splitLog(
  branch: BranchKey,
  { bytes, context }: PackedUndoLog,
  statementBytes: number,
  random: Random,
): readonly LogPart[] {
  const limit = Math.floor(statementBytes * packetShare)
  const count = Math.ceil(bytes.length / limit)
  if (count <= 1) return [{ branch, log: { bytes, context } }]
  const firstId = 1 + Math.floor(random.float() * maxPartId)
  const ids = Array.from({ length: count - 1 }, (_, i) => firstId + i)
  const first = {
    context: splitContext(context, statementBytes, ids),
    bytes: bytes.subarray(0, limit),
  }
  const others = ids.map((branchId, i) => ({
    branch: { xid: branch.xid, branchId },
    log: {
      context: partContext(branch),
      bytes: bytes.subarray((i + 1) * limit, (i + 2) * limit),
    },
  }))
  return [{ branch, log: first }, ...others]
}

async function selectRow(
  session: MysqlSession,
  sql: string,
  { xid, branchId }: BranchKey,
): Promise<UndoRow | undefined> {
  const { rows } = await session.run(
    `SELECT context, rollback_info, log_status FROM ${sql} ` +
      'WHERE xid = ? AND branch_id = ? FOR UPDATE',
    [xid, branchId],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  const context = String(row[0])
  const isFinished = Number(row[2]) !== normal
  const ids = isFinished ? [] : partIdsOf(context)
  const parts = [bytesOf(row[1]!)]
  if (ids.length > 0) parts.push(...(await selectParts(session, sql, xid, ids)))
  return { log: { context, bytes: Buffer.concat(parts) }, isFinished }
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}

function partContext({ branchId }: BranchKey): string {
  return `branchId=${branchId}`
}

function splitContext(context: string, packetBytes: number, ids: readonly number[]): string {
  const start = `${context}&map=${packetBytes}`
  const listed = `${start}&subId=${ids.join(',')}`
  if (listed.length <= maxContextLength) return listed
  return `${start}&subIds=${ids[0]}-${ids.at(-1)}`
}

function partIdsOf(context: string): readonly string[] {
  const range = /(?:^|&)subIds=(\d{1,10})-(\d{1,10})(?:&|$)/.exec(context)
  if (range === null) return readUndoContext(context).subIds
  const first = Number(range[1])
  const count = Number(range[2]) - first + 1
  if (count < 1 || count > maxParts) throw damaged(`its context names ${count} parts`)
  return Array.from({ length: count }, (_, i) => String(first + i))
}

/** More parts than a log of the largest size can have. */
const maxParts = 100_000

async function selectParts(
  session: MysqlSession,
  sql: string,
  xid: string,
  ids: readonly string[],
): Promise<Buffer[]> {
  const parts: Buffer[] = []
  // One by one, because each fills a packet nearly.
  for (const id of ids) {
    const { rows } = await session.run(
      `SELECT rollback_info FROM ${sql} WHERE xid = ? AND branch_id = ?`,
      [xid, id],
    )
    if (rows[0] === undefined) throw damaged(`its part ${id} is missing`)
    parts.push(bytesOf(rows[0][0]!))
  }
  return parts
}

function bytesOf(value: RawValue): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}

function damaged(reason: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log cannot be used: ${reason}; look at the rows in undo_log and at who wrote them`,
  )
}
