/** PostgreSQL: a database a service on one server, of a random name, dropped at the end. */
import { randomBytes } from 'node:crypto'
import { messageOf } from '@settee/kit'
import { postgresUndoLogDdl } from '@settee/tx'
import { Client } from 'pg'
import { shopError } from '../errors.ts'
import type { ServiceName } from '../services/main.ts'
import { withDatabase, type DatabaseEngine, type Row } from './engine.ts'

export async function openPostgres(
  serverUrl: string,
  names: readonly ServiceName[],
): Promise<DatabaseEngine> {
  const suffix = randomBytes(4).toString('hex')
  const databaseOf = (name: ServiceName): string => `settee_shop_${name}_${suffix}`
  const urlOf = (name: ServiceName): string => withDatabase(serverUrl, databaseOf(name))
  for (const name of names) await run(serverUrl, `CREATE DATABASE ${databaseOf(name)}`)
  const [version] = await run(serverUrl, 'SHOW server_version')
  return {
    description: `PostgreSQL ${String(version!['server_version'])}`,
    undoLogDdl: postgresUndoLogDdl(),
    urlOf,
    query: (name, sql) => run(urlOf(name), sql),
    async close() {
      for (const name of names) {
        await run(serverUrl, `DROP DATABASE IF EXISTS ${databaseOf(name)} WITH (FORCE)`)
      }
    },
  }
}

/** On a connection of its own, because the server may have been killed since the last. */
async function run(url: string, sql: string): Promise<readonly Row[]> {
  const client = await connect(url)
  try {
    const result = await client.query<Row>(sql)
    return Array.isArray(result) ? (result as { rows: Row[] }[]).at(-1)!.rows : result.rows
  } finally {
    await client.end()
  }
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    const { host } = new URL(url)
    throw shopError(
      'SHOP_BAD_DATABASE',
      `PostgreSQL at ${host} cannot be used: ${messageOf(error) || 'no connection'}; ` +
        'check address, user, password and database in --db',
      { cause: error },
    )
  }
  return client
}
