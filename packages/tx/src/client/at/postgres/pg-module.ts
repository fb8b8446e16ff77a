/**
 * AT mode for connections that no pool of the application has: a single `pg` Client, and the `pg`
 * module itself, for ORMs that open their connections by themselves (`driver` of TypeORM, `_driver`
 * of Knex, `dialectModule` of Sequelize). What the module makes are subclasses of its own, so that
 * `instanceof` holds.
 */
import { AtClient } from './at-client.ts'
import type { AtEnvironment } from './environment.ts'
import { withOwn, type PgClient, type PgPool } from './pg-driver.ts'
import type { PgSingle } from './spare-connection.ts'

/** A `pg` Client that the application made itself. */
export interface PgClientLike {
  query(...args: never[]): unknown
  connect(...args: never[]): unknown
  end(...args: never[]): unknown
  readonly connectionParameters?: unknown
}

/** The `pg` module, or another that is made like it. */
export interface PgModuleLike {
  // `any` is the only type that every class fits.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly Client: abstract new (...args: any[]) => PgClientLike
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly Pool: abstract new (...args: any[]) => object
}

type ClientClass = new (...args: unknown[]) => PgClientLike
type PoolClass = new (options?: object, ...rest: unknown[]) => object

/** The resource of the database that a client connects to. */
export type EnvironmentOf = (client: PgClientLike) => AtEnvironment

/** Whether a value is a `pg` Client and no pool. */
export function isPgClient(value: object): value is PgClientLike {
  return 'connectionParameters' in value && 'query' in value
}

/** The client in everything but `query`. */
export function wrapClient<Client extends PgClientLike>(
  client: Client,
  environment: AtEnvironment,
): Client {
  const at = new AtClient(environment, client as unknown as PgClient)
  return withOwn(client, { query: (...args: unknown[]) => at.query(args) })
}

/** The module with `Client` and `Pool` classes whose connections have AT mode. */
export function wrapModule<Module extends PgModuleLike>(
  module: Module,
  environmentOf: EnvironmentOf,
): Module {
  const BaseClient = module.Client as unknown as ClientClass
  const BasePool = module.Pool as unknown as PoolClass
  class Client extends BaseClient {
    #at: AtClient | undefined

    override query(...args: unknown[]): unknown {
      this.#at ??= new AtClient(environmentOf(this), this.#driver())
      return this.#at.query(args)
    }

    /** This client as the driver made it. */
    #driver(): PgClient {
      const query = (...args: unknown[]): unknown => super.query(...(args as never[]))
      return withOwn(this as unknown as PgClient, { query })
    }
  }
  class Pool extends BasePool {
    constructor(options: { readonly Client?: unknown } = {}) {
      super({ ...options, Client: options.Client ?? Client })
    }
  }
  const own: Record<string, unknown> = { Client, Pool }
  // A namespace object of `import * as pg` has the module once more.
  if ('default' in module) own['default'] = withOwn(module.default as object, { Client, Pool })
  return withOwn(module, own)
}

/** Where a client connects to, as a pool says it. */
export function addressOf(client: PgClientLike): PgPool['options'] {
  return client.connectionParameters as PgPool['options']
}

/** Another connection as `client` has it. */
export function openBeside(client: PgClientLike): PgSingle {
  const { constructor: Client } = Object.getPrototypeOf(client) as { constructor: ClientClass }
  const { user, password, host, port, database, ssl } = client as unknown as Record<string, unknown>
  return new Client({ user, password, host, port, database, ssl }) as unknown as PgSingle
}
