/** The two databases of the interop runs, each a real server that goes when the run ends. */
import type { Connection } from 'mysql2/promise'
import type { Pool } from 'pg'
import {
  startTestMariadb,
  type TestMariadb,
} from '../../packages/tx/src/client/at/mysql/test-mariadb.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../packages/tx/src/client/at/postgres/test-postgres.ts'

export interface TestDatabases {
  readonly mariadb: TestMariadb
  readonly postgres: TestPostgres
  stop(): Promise<void>
}

/** Starts both; takes three to six seconds. */
export async function startDatabases(): Promise<TestDatabases> {
  const [mariadb, postgres] = await Promise.allSettled([
    startTestMariadb(),
    // XA needs prepared transactions, which PostgreSQL forbids by default.
    startTestPostgres({ args: ['-c', 'max_prepared_transactions=20'] }),
  ])
  if (mariadb.status === 'fulfilled' && postgres.status === 'fulfilled') {
    return {
      mariadb: mariadb.value,
      postgres: postgres.value,
      async stop() {
        await Promise.all([mariadb.value.stop(), postgres.value.stop()])
      },
    }
  }
  for (const one of [mariadb, postgres]) if (one.status === 'fulfilled') await one.value.stop()
  throw mariadb.status === 'rejected' ? mariadb.reason : (postgres as PromiseRejectedResult).reason
}

/** One database on one of the servers, for checks that are the same on both. */
export interface TestDatabase {
  readonly kind: 'mariadb' | 'postgres'
  /** As Seata's resource id: the JDBC url without parameters. */
  readonly jdbcUrl: string
  readonly user: string
  readonly password: string
  readonly host: string
  readonly port: number
  readonly name: string
  /** Placeholders are `?` on both. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Runs `use` on a connection of its own, inside a transaction that is rolled back after it. */
  hold(use: (query: TestDatabase['query']) => Promise<void>): Promise<void>
}

const undoLogDdl = {
  mariadb: `CREATE TABLE undo_log (branch_id BIGINT NOT NULL, xid VARCHAR(128) NOT NULL,
    context VARCHAR(128) NOT NULL, rollback_info LONGBLOB NOT NULL, log_status INT NOT NULL,
    log_created DATETIME(6) NOT NULL, log_modified DATETIME(6) NOT NULL,
    UNIQUE KEY ux_undo_log (xid, branch_id))`,
  postgres: `CREATE TABLE undo_log (id SERIAL PRIMARY KEY, branch_id BIGINT NOT NULL,
    xid VARCHAR(128) NOT NULL, context VARCHAR(128) NOT NULL, rollback_info BYTEA NOT NULL,
    log_status INT NOT NULL, log_created TIMESTAMP(0) NOT NULL, log_modified TIMESTAMP(0) NOT NULL,
    CONSTRAINT ux_undo_log UNIQUE (xid, branch_id))`,
} as const

/** Makes an empty database with Seata's undo_log table, as the original's scripts make it. */
export async function createDatabase(
  servers: TestDatabases,
  kind: TestDatabase['kind'],
  name: string,
): Promise<TestDatabase> {
  const database =
    kind === 'mariadb'
      ? await createOnMariadb(servers.mariadb, name)
      : await createOnPostgres(servers.postgres, name)
  await database.query(undoLogDdl[kind])
  return database
}

async function createOnMariadb(server: TestMariadb, name: string): Promise<TestDatabase> {
  const { host, port, user, password } = server
  await server.createDatabase(name)
  const options = { database: name, supportBigNumbers: true, bigNumberStrings: false } as const
  const queryOn =
    (connection: Connection): TestDatabase['query'] =>
    async (sql, values = []) => {
      const [rows] = await connection.query(sql, values as unknown[])
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
    }
  const connection = await server.connect(options)
  const jdbcUrl = `jdbc:mysql://${host}:${port}/${name}`
  return {
    kind: 'mariadb',
    jdbcUrl,
    user,
    password,
    host,
    port,
    name,
    query: queryOn(connection),
    async hold(use) {
      const own = await server.connect(options)
      await own.beginTransaction()
      try {
        await use(queryOn(own))
      } finally {
        await own.rollback()
        own.destroy()
      }
    },
  }
}

async function createOnPostgres(server: TestPostgres, name: string): Promise<TestDatabase> {
  const pool: Pool = await server.createPool(name)
  const queryOn =
    (client: Pick<Pool, 'query'>): TestDatabase['query'] =>
    async (sql, values = []) => {
      let index = 0
      const numbered = sql.replaceAll('?', () => `$${++index}`)
      const { rows } = await client.query(numbered, values as unknown[])
      return rows as Record<string, unknown>[]
    }
  const { port } = server
  const jdbcUrl = `jdbc:postgresql://127.0.0.1:${port}/${name}`
  return {
    kind: 'postgres',
    jdbcUrl,
    user: 'settee',
    password: 'settee',
    host: '127.0.0.1',
    port,
    name,
    query: queryOn(pool),
    async hold(use) {
      const client = await pool.connect()
      await client.query('BEGIN')
      try {
        await use(queryOn(client))
      } finally {
        await client.query('ROLLBACK')
        client.release()
      }
    },
  }
}
