/**
 * One database a service, SQLite or PostgreSQL: the services see the same few methods on both.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Tx } from '@settee/tx'
import { Pool } from 'pg'

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

/** @param url `sqlite:/path/of/file` or `postgres://…`. */
export function openDatabase(url: string, tx: Tx): Database {
  return url.startsWith('sqlite:')
    ? tx.at(new DatabaseSync(url.slice('sqlite:'.length)))
    : (tx.at(new Pool({ connectionString: url, max: 20 })) as Database)
}
