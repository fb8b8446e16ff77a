/**
 * The table `undo_log` in PostgreSQL and the statements on it. Original:
 * script/client/at/db/postgresql.sql and org.apache.seata.rm.datasource.undo.postgresql.
 */
import { txError } from '../../../errors.ts'
import type { BranchKey } from '../undo/undo-log.ts'
import type { Connection } from './pg-driver.ts'

/** log_status of a row that holds an undo log. */
const normal = 0
/** log_status of a row that only keeps a late phase one from writing its own. */
const finished = 1

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
  readonly context: string
  readonly rollbackText: string
  readonly isFinished: boolean
}

export interface UndoTable {
  /** The table as SQL, with its schema; undefined while there is none. Looked for until found. */
  find(client: Connection): Promise<string | undefined>
  insert(client: Connection, branch: BranchKey, row: UndoRow): Promise<void>
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
    async insert(client, { xid, branchId }, row) {
      const table = await tableOf(client)
      await client.query({
        text:
          `INSERT INTO ${table} (branch_id, xid, context, rollback_info, log_status, ` +
          'log_created, log_modified) VALUES ($1, $2, $3, $4, $5, now(), now())',
        values: [
          String(branchId),
          xid,
          row.context,
          Buffer.from(row.rollbackText),
          row.isFinished ? finished : normal,
        ],
      })
    },
    async select(client, { xid, branchId }) {
      const table = await tableOf(client)
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
        context: row.context,
        rollbackText: Buffer.from(row.rollback_info, 'base64').toString(),
        isFinished: Number(row.log_status) !== normal,
      }
    },
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
