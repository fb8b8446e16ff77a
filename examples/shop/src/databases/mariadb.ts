/** MariaDB or MySQL: a database a service on one server, of a random name, dropped at the end. */
import { randomBytes } from 'node:crypto'
import { messageOf } from '@settee/kit'
import { mysqlUndoLogDdl } from '@settee/tx'
import { createConnection, type Connection } from 'mysql2/promise'
import { shopError } from '../errors.ts'
import type { ServiceName } from '../services/main.ts'
import { withDatabase, type DatabaseEngine, type Row } from './engine.ts'

export async function openMariadb(
  serverUrl: string,
  names: readonly ServiceName[],
): Promise<DatabaseEngine> {
  const suffix = randomBytes(4).toString('hex')
  const databaseOf = (name: ServiceName): string => `settee_shop_${name}_${suffix}`
  const urlOf = (name: ServiceName): string => withDatabase(serverUrl, databaseOf(name))
  for (const name of names) await run(serverUrl, `CREATE DATABASE ${databaseOf(name)}`)
  const [row] = await run(serverUrl, 'SELECT VERSION() AS version')
  const version = String(row!['version'])
  const [number] = version.split('-')
  return {
    description: version.includes('MariaDB') ? `MariaDB ${number}` : `MySQL ${number}`,
    undoLogDdl: mysqlUndoLogDdl(),
    urlOf,
    query: (name, sql) => run(urlOf(name), sql),
    async close() {
      for (const name of names) await run(serverUrl, `DROP DATABASE IF EXISTS ${databaseOf(name)}`)
    },
  }
}

/** On a connection of its own, because the server may have been killed since the last. */
async function run(url: string, sql: string): Promise<readonly Row[]> {
  const connection = await connect(url)
  try {
    const [rows] = await connection.query(sql)
    return rows as Row[]
  } finally {
    await connection.end()
  }
}

async function connect(url: string): Promise<Connection> {
  try {
    const connection = await createConnection({
      uri: url,
      connectTimeout: 5000,
      multipleStatements: true,
    })
    connection.on('error', () => {})
    return connection
  } catch (error) {
    const { host } = new URL(url)
    throw shopError(
      'SHOP_BAD_DATABASE',
      `MariaDB at ${host} cannot be used: ${messageOf(error) || 'no connection'}; ` +
        'check address, user, password and database in --db',
      { cause: error },
    )
  }
}
