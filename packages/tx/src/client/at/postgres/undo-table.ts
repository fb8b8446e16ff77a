/**
 * The table `undo_log` in PostgreSQL and the statements on it. Original:
 * script/client/at/db/postgresql.sql and org.apache.seata.rm.datasource.undo.postgresql.
 */
import { txError } from '../../../errors.ts'
import { packUndoLog, type PackedUndoLog } from '../undo/compression.ts'
import type { BranchKey } from '../undo/undo-log.ts'
import { sqlState, type Connection, type PgResult } from './pg-driver.ts'

/** log_status of a row that holds an undo log. */
const normal = 0
/** log_status of a row that only keeps a late phase one from writing its own. */
const finished = 1

/** Longest log that is sent as a literal, which has two characters for a byte. */
const maxLiteralBytes = 64 * 1024

/** What may stand in a literal whatever the session says of backslashes. */
const isPlainText = /^[\w.:[\]-]*$/

function insertSql(table: string, values: readonly string[]): string {
  return (
    `INSERT INTO ${table} (branch_id, xid, context, rollback_info, log_status, ` +
    `log_created, log_modified) VALUES (${values.join(', ')}, now(), now())`
  )
}

/** Creates the undo table; safe to run at every start. */
export function postgresUndoLogDdl(table = 'undo_log'): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  id            SERIAL       NOT NULL PRIMARY KEY,
  branch_id     BIGINT       NOT NULL,
  xid           VARCHAR(128) NOT NULL,
  context       VARCHAR(128) NOT NULL,
  rollback_info BYTEA        NOT NULL,
  log_status    INT          NOT NULL,
  log_created   TIMESTAMP(0) NOT NULL,
  log_modified  TIMESTAMP(0) NOT NULL,
  CONSTRAINT ux_${table.replaceAll('.', '_')} UNIQUE (xid, branch_id)
);
CREATE INDEX IF NOT EXISTS ix_${table.replaceAll('.', '_')}_created ON ${table} (log_created);`
}

/** The name goes into SQL as it is, so it may only be a plain one. */
export function checkUndoLogTable(table: string): void {
  if (/^[a-z_][a-z\d_]*(\.[a-z_][a-z\d_]*)?$/.test(table)) return
  throw txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `undoLogTable is ${JSON.stringify(table)}, but must be a lower-case name such as undo_log or ` +
      'app.undo_log',
  )
}

/**
 * Where the table $1 is: in the schema $2, or in the first of the search_path that has it. It
 * is the path with which connections start, whatever a session has set since, so that all processes
 * agree. A pool may set another path for all of its connections: the table may then be anywhere, if
 * there is only one.
 */
const findSql = `
WITH path AS (
  SELECT CASE part WHEN '$user' THEN session_user ELSE part END AS schema, place
  FROM (SELECT pg_catalog.btrim(part, ' "') AS part, place FROM pg_catalog.pg_settings,
      pg_catalog.unnest(pg_catalog.string_to_array(reset_val, ','))
        WITH ORDINALITY AS u (part, place)
    WHERE name = 'search_path') AS parts),
found AS (
  SELECT n.nspname AS schema, c.relname AS name, pg_catalog.count(*) OVER () AS count
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = $1 AND c.relkind = 'r' AND ($2::text IS NULL OR n.nspname = $2))
SELECT pg_catalog.quote_ident(schema) || '.' || pg_catalog.quote_ident(name) AS name
FROM found LEFT JOIN path USING (schema)
WHERE place IS NOT NULL OR count = 1 ORDER BY place LIMIT 1`

export interface UndoRow {
  readonly log: PackedUndoLog
  readonly isFinished: boolean
}

export interface UndoTable {
  /** The table as SQL, with its schema; undefined while there is none. Looked for until found. */
  find(client: Connection): Promise<string | undefined>
  /** Keeps a late phase one from writing its own row. */
  insertDefence(client: Connection, branch: BranchKey): Promise<void>
  /** Writes an undo log and commits; the answer is that of the COMMIT. */
  insertAndCommit(client: Connection, branch: BranchKey, log: PackedUndoLog): Promise<PgResult>
  /** Whether an error says that the branch has a row already. */
  isTaken(error: unknown): boolean
  /** The row of a branch, locked until the local transaction ends. */
  select(client: Connection, branch: BranchKey): Promise<UndoRow | undefined>
  delete(client: Connection, branches: readonly BranchKey[]): Promise<void>
  /**
   * Deletes at most `limit` rows older than `saveDays` days and says how many it found. Rows that
   * hold an undo log stay however old they are: the rollback may have waited for a person.
   */
  deleteOld(client: Connection, saveDays: number, limit: number): Promise<number>
}

/** @param name as the option has it, with or without a schema. */
export function createUndoTable(name: string): UndoTable {
  let resolved: string | undefined

  async function find(client: Connection): Promise<string | undefined> {
    if (resolved !== undefined) return resolved
    const [table, schema] = name.split('.').toReversed()
    const { rows } = await client.query({ text: findSql, values: [table, schema] })
    resolved = (rows as { name: string }[])[0]?.name
    return resolved
  }

  /** When there is no table, the server says so. */
  const tableOf = async (client: Connection): Promise<string> => (await find(client)) ?? name

  return {
    find,
    async insertDefence(client, branch) {
      const table = await tableOf(client)
      const log = await packUndoLog('{}')
      await client.query({
        text: insertSql(table, ['$1', '$2', '$3', '$4', String(finished)]),
        values: [String(branch.branchId), branch.xid, log.context, Buffer.from(log.bytes)],
      })
    },
    insertAndCommit: async (client, branch, log) =>
      insertAndCommit(client, await tableOf(client), branch, log),
    isTaken: (error) =>
      sqlState(error) === '23505' &&
      (error as { readonly table?: unknown }).table === name.split('.').at(-1),
    select: async (client, branch) => selectRow(client, await tableOf(client), branch),
    async delete(client, branches) {
      const table = await tableOf(client)
      await client.query({
        text:
          `DELETE FROM ${table} WHERE (xid, branch_id) IN ` +
          '(SELECT * FROM unnest($1::varchar[], $2::bigint[]))',
        values: [branches.map(({ xid }) => xid), branches.map(({ branchId }) => String(branchId))],
      })
    },
    async deleteOld(client, saveDays, limit) {
      const table = await tableOf(client)
      const { rowCount } = await client.query({
        text:
          `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} ` +
          `WHERE log_created <= now() - make_interval(days => $1) AND log_status <> ${normal} ` +
          'LIMIT $2))',
        values: [saveDays, limit],
      })
      return rowCount ?? 0
    },
  }
}

async function insertAndCommit(
  client: Connection,
  table: string,
  { xid, branchId }: BranchKey,
  { context, bytes }: PackedUndoLog,
): Promise<PgResult> {
  if (bytes.length > maxLiteralBytes || !isPlainText.test(xid)) {
    await client.query({
      text: insertSql(table, ['$1', '$2', '$3', '$4', String(normal)]),
      values: [String(branchId), xid, context, Buffer.from(bytes)],
    })
    return client.query({ text: 'COMMIT' })
  }
  // Without parameters both statements go in one message: one round trip less.
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  const content = `pg_catalog.decode('${hex}', 'hex')`
  const values = [String(branchId), `'${xid}'`, `'${context}'`, content, String(normal)]
  const results: unknown = await client.query({ text: `${insertSql(table, values)}; COMMIT` })
  // postgres.js has one answer for statements without rows, which says what the last one was.
  return Array.isArray(results) ? (results as PgResult[]).at(-1)! : (results as PgResult)
}

async function selectRow(
  client: Connection,
  table: string,
  { xid, branchId }: BranchKey,
): Promise<UndoRow | undefined> {
  const { rows } = await client.query({
    text:
      `SELECT context, encode(rollback_info, 'base64') AS rollback_info, log_status ` +
      `FROM ${table} WHERE branch_id = $1 AND xid = $2 FOR UPDATE`,
    values: [String(branchId), xid],
  })
  const row = rows[0] as
    | { context: string; rollback_info: string; log_status: number | string }
    | undefined
  if (row === undefined) return undefined
  return {
    log: { context: row.context, bytes: Buffer.from(row.rollback_info, 'base64') },
    isFinished: Number(row.log_status) !== normal,
  }
}
