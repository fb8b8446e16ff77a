/**
 * One database a service, SQLite, PostgreSQL or MariaDB: the services see the same few methods on
 * all of them, and write placeholders as PostgreSQL does.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Tx } from '@settee/tx'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { createMysqlDatabase } from './mysql-database.ts'

export interface QueryResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly rowCount: number | null
}

export interface Queries {
  query(text: string, values?: readonly unknown[]): Promise<QueryResult>
}

export interface Database extends Queries {
  /** A local transaction; run again as a whole when another global transaction holds a row. */
  transaction<Result>(run: (local: Queries) => Promise<Result>): Promise<Result>
}

/** Connections of one service. */
const connectionLimit = 20

/** @param url `sqlite:/path/of/file`, `postgres://…` or `mysql://…`. */
export function openDatabase(url: string, tx: Tx): Database {
  if (url.startsWith('sqlite:')) return tx.at(new DatabaseSync(url.slice('sqlite:'.length)))
  if (url.startsWith('mysql:')) {
    return createMysqlDatabase(tx.at(createPool({ uri: url, connectionLimit })))
  }
  const pool = new Pool({ connectionString: url, max: connectionLimit })
  // Without a listener the end of an idle connection would be the end of the process.
  pool.on('error', () => {})
  return tx.at(pool) as Database
}
