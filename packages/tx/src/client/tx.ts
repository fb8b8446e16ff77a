/**
 * Global transactions for an application.
 *
 * ```ts
 * const tx = createTx({ applicationId: 'order' })
 * const pool = tx.at(new pg.Pool({ database: 'order' }))
 *
 * await tx.run({ name: 'purchase' }, async () => {
 *   await pool.query('INSERT INTO purchase (id, sku) VALUES ($1, $2)', [id, sku])
 *   await stock.deduct({ sku })
 * })
 * ```
 *
 * What `run` awaits belongs to its transaction, here and, as the xid travels with calls, in other
 * services. When the function throws, everything is undone. Originals: GlobalTransactionScanner and
 * TransactionalTemplate in org.apache.seata.
 */
import type { DatabaseSync } from 'node:sqlite'
import {
  currentContext,
  messageOf,
  runWithContext,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type RequestContext,
  type SetteeError,
} from '@settee/kit'
import { parseAddress, TimerWheel } from '@settee/wire'
import { txError } from '../errors.ts'
import { MessageType, type GlobalStatus } from '../protocol/index.ts'
import {
  openDriver,
  openTarget,
  type AtOptions,
  type AtPorts,
  type AtTarget,
  type MysqlAtOptions,
  type MysqlModuleLike,
  type PostgresAtOptions,
  type PostgresClientAtOptions,
  type SqliteAtOptions,
} from './at/at-target.ts'
import type { MysqlTarget } from './at/mysql/driver/intercept.ts'
import type { AtPool } from './at/postgres/at-pool.ts'
import type { PgPool } from './at/postgres/pg-driver.ts'
import type { PgClientLike, PgModuleLike } from './at/postgres/pg-module.ts'
import type { PostgresJsLike } from './at/postgres/postgres-js/driver.ts'
import type { SqlitePool } from './at/sqlite/sqlite-pool.ts'
import { clientVersion, CoordinatorLink } from './coordinator-link.ts'
import { stepPropagation, type Propagation } from './propagation.ts'
import type { Resource } from './resource.ts'
import { ResourceManager, type ResourceManagerOptions } from './resource-manager.ts'
import { TransactionManager, type TransactionManagerOptions } from './transaction-manager.ts'

export interface TxOptions
  extends TransactionManagerOptions, Omit<ResourceManagerOptions, 'onWarning'> {
  /** Name of the application, for the coordinator: it finds another process of it by this. */
  readonly applicationId: string
  /** Default `default_tx_group`. */
  readonly transactionServiceGroup?: string
  /** `host:port` of the coordinator. Default 127.0.0.1:8091. */
  readonly address?: string
  /** Told of what nobody waits for: a refused registration, for one. Default: a process warning. */
  readonly onWarning?: (error: unknown) => void
  readonly clock?: Clock
  readonly random?: Random
}

export interface TxRunOptions {
  /** What the transaction is for, shown to people; at most 128 characters. */
  readonly name: string
  /** After this the coordinator rolls the transaction back, in ms. Default 60,000. */
  readonly timeoutMs?: number
  /** Default REQUIRED: joins the transaction that surrounds it, or begins one. */
  readonly propagation?: Propagation
}

export interface Tx {
  /**
   * Puts a `pg` Pool under global transactions: returns it with AT mode and `transaction`. Needs no
   * coordinator yet. The pool stays the application's to end.
   * @throws SETTEE_TX_BAD_OPTION when its database is under global transactions already.
   */
  at<Pool extends PgPool>(pool: Pool, options?: PostgresAtOptions<Pool>): AtPool<Pool>
  /**
   * Puts the database of a single `pg` Client, or of a `postgres` function, under them likewise.
   */
  at<Connection extends PgClientLike | PostgresJsLike>(
    connection: Connection,
    options?: PostgresClientAtOptions,
  ): Connection
  /**
   * Puts a pool or connection of `mysql2` (either API) or `mariadb` (promises) under global
   * transactions, in place: whoever holds it already cannot send a statement past.
   */
  at<Target extends MysqlTarget>(target: Target, options?: MysqlAtOptions): Target
  /** Puts a `node:sqlite` database under global transactions: returns a pool as of `pg`. */
  at(database: DatabaseSync, options?: SqliteAtOptions): SqlitePool
  /**
   * The module `pg`, `mysql2` or `mariadb` with AT mode on all connections that it makes, for an
   * ORM that makes its own: `driver` of TypeORM, `_driver` of Knex, `dialectModule` of Sequelize.
   */
  atDriver<Module extends PgModuleLike | MysqlModuleLike>(
    module: Module,
    options?: PostgresClientAtOptions | MysqlAtOptions,
  ): Module
  /**
   * Runs `work` in a global transaction: commits when it resolves, rolls back when it throws, and
   * then throws the same error. If the rollback could not be delivered, the error says so in a
   * property `rollbackFailure`; the coordinator rolls back after `timeoutMs` by itself.
   * @throws SETTEE_TX_BEGIN_FAILED; SETTEE_TX_ROLLED_BACK when it was rolled back instead of
   *   committed; SETTEE_TX_OUTCOME_UNKNOWN; SETTEE_TX_COMMIT_FAILED; SETTEE_TX_PROPAGATION;
   *   SETTEE_TX_CLOSED; and what `work` throws.
   */
  run<Result>(options: TxRunOptions, work: () => Result | Promise<Result>): Promise<Result>
  /**
   * Runs `work` outside of any global transaction, but respects their locks: what it writes, and
   * what it reads with FOR UPDATE, waits until no global transaction holds the rows. Nothing is
   * undone later. Inside a global transaction it only runs `work`. Original: @GlobalLock.
   * @throws SETTEE_TX_LOCK_CONFLICT when a row is held longer than `lockWaitMs` of its resource.
   */
  globalLock<Result>(work: () => Result | Promise<Result>): Promise<Result>
  /** The xid of the transaction that surrounds the caller. */
  currentXid(): string | undefined
  /** What the coordinator knows of a transaction; Finished once it has forgotten it. */
  getStatus(xid: string): Promise<GlobalStatus>
  /** Waits for the transactions that run, then closes; pools stay open. Harmless when closed. */
  close(): Promise<void>
}

const defaultTimeoutMs = 60_000
const longestTimeoutMs = 2 ** 31 - 1
/** Width of the columns in which Seata keeps names. */
const maxNameLength = 128

/**
 * Connects to the coordinator, and again whenever the connection is lost.
 * @throws SETTEE_TX_BAD_OPTION.
 */
export function createTx(options: TxOptions): Tx {
  return new SeataTx(options)
}

class SeataTx implements Tx {
  readonly #clock: Clock
  readonly #random: Random
  readonly #managerLink: CoordinatorLink
  readonly #resourceLink: CoordinatorLink
  readonly #manager: TransactionManager
  readonly #resources: ResourceManager
  readonly #running = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined

  constructor(options: TxOptions) {
    const { applicationId, transactionServiceGroup = 'default_tx_group' } = options
    const { address = '127.0.0.1:8091', onWarning = warn } = options
    const { clock = systemClock, random = systemRandom } = options
    checkName('applicationId', applicationId)
    checkName('transactionServiceGroup', transactionServiceGroup)
    this.#clock = clock
    this.#random = random
    const identity = {
      version: clientVersion,
      applicationId,
      transactionServiceGroup,
      extraData: '',
    }
    const wheel = new TimerWheel({ clock })
    const linkOptions = { ...checkAddress(address), clock, random, wheel, onWarning }
    this.#managerLink = new CoordinatorLink({
      ...linkOptions,
      registration: () => ({ type: MessageType.RegisterTM, ...identity }),
    })
    this.#resourceLink = new CoordinatorLink({
      ...linkOptions,
      registration: () => ({
        type: MessageType.RegisterRM,
        ...identity,
        resourceIds: this.#resources.resourceIds,
      }),
      onRequest: (message, requestId, frameType, peer) =>
        this.#resources.onRequest(message, requestId, frameType, peer),
    })
    this.#manager = new TransactionManager(this.#managerLink, options)
    this.#resources = new ResourceManager(this.#resourceLink, { ...options, onWarning })
    this.#managerLink.register()
  }

  at<Pool extends PgPool>(pool: Pool, options?: PostgresAtOptions<Pool>): AtPool<Pool>
  at<Connection extends PgClientLike | PostgresJsLike>(
    connection: Connection,
    options?: PostgresClientAtOptions,
  ): Connection
  at<Target extends MysqlTarget>(target: Target, options?: MysqlAtOptions): Target
  at(database: DatabaseSync, options?: SqliteAtOptions): SqlitePool
  at(target: AtTarget, options: AtOptions = {}): unknown {
    const { handle, resource } = openTarget(target, options, this.#ports())
    this.#resources.add(resource)
    return handle
  }

  atDriver<Module extends PgModuleLike | MysqlModuleLike>(
    module: Module,
    options: PostgresClientAtOptions | MysqlAtOptions = {},
  ): Module {
    const register = (resource: Resource): void => this.#resources.add(resource)
    return openDriver(module, options, { ...this.#ports(), register })
  }

  #ports(): AtPorts {
    return { port: this.#resources, clock: this.#clock, random: this.#random }
  }

  async run<Result>(options: TxRunOptions, work: () => Result | Promise<Result>): Promise<Result> {
    const { name, timeoutMs = defaultTimeoutMs, propagation = 'REQUIRED' } = options
    checkName('name', name)
    checkTimeout(timeoutMs)
    const context = currentContext()
    switch (stepPropagation(propagation, context.xid, name)) {
      case 'stay':
        return work()
      case 'leave':
        return runWithContext(withoutXid(context), work)
      default:
        return this.#track(this.#runNew({ name, timeoutMs }, context, work))
    }
  }

  async globalLock<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const context = currentContext()
    if (context.xid !== undefined) return work()
    return this.#track(
      (async () => runWithContext({ ...context, checksGlobalLocks: true }, work))(),
    )
  }

  currentXid(): string | undefined {
    return currentContext().xid
  }

  getStatus(xid: string): Promise<GlobalStatus> {
    return this.#manager.getStatus(xid)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running)
    this.#managerLink.close()
    this.#resourceLink.close()
    await this.#resources.close()
  }

  async #track<Result>(run: Promise<Result>): Promise<Result> {
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  async #runNew<Result>(
    { name, timeoutMs }: { readonly name: string; readonly timeoutMs: number },
    outer: RequestContext,
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    if (this.#closed !== undefined) {
      throw txError('SETTEE_TX_CLOSED', `"${name}" came after the client was closed`)
    }
    const xid = await this.#manager.begin(name, timeoutMs)
    const timesOutAtMs = this.#clock.monotonic() + timeoutMs
    const deadlineMs = Math.min(outer.deadlineMs ?? Infinity, timesOutAtMs)
    let result: Result
    try {
      result = await runWithContext({ ...outer, xid, deadlineMs }, work)
      if (this.#clock.monotonic() > timesOutAtMs) throw timedOut(xid, timeoutMs)
    } catch (error) {
      await this.#rollBack(xid, error)
      throw error
    }
    await this.#manager.commit(xid)
    return result
  }

  /** Never rejects: the error that made the work fail must not be hidden by another. */
  async #rollBack(xid: string, error: unknown): Promise<void> {
    try {
      await this.#manager.rollback(xid, messageOf(error))
    } catch (rollbackFailure) {
      if (typeof error !== 'object' || error === null || !Object.isExtensible(error)) return
      Object.assign(error, { rollbackFailure })
    }
  }
}

function withoutXid({ xid: _left, ...context }: RequestContext): RequestContext {
  return context
}

function timedOut(xid: string, timeoutMs: number): SetteeError {
  return txError(
    'SETTEE_TX_ROLLED_BACK',
    'client detected transaction timeout before commit, so change to rollback, ' +
      `xid = ${xid}; the work took longer than its timeoutMs of ${timeoutMs}`,
    { details: { xid, timeoutMs } },
  )
}

function checkName(option: string, value: string): void {
  if (typeof value === 'string' && value !== '' && value.length <= maxNameLength) return
  throw txError(
    'SETTEE_TX_BAD_OPTION',
    `${option} must be a text of 1 to ${maxNameLength} characters`,
  )
}

function checkTimeout(timeoutMs: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= longestTimeoutMs) return
  throw txError(
    'SETTEE_TX_BAD_OPTION',
    `timeoutMs must be an integer from 1 to ${longestTimeoutMs}, not ${timeoutMs}`,
  )
}

function checkAddress(address: string): { host: string; port: number } {
  const parsed = parseAddress(address)
  if (parsed !== undefined) return parsed
  throw txError(
    'SETTEE_TX_BAD_OPTION',
    `address must have the form host:port, as 127.0.0.1:8091 or [::1]:8091, not "${address}"`,
  )
}

function warn(error: unknown): void {
  process.emitWarning(messageOf(error), 'SetteeTxWarning')
}
