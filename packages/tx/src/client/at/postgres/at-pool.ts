/**
 * The application's own pool with AT mode: what looks like a `pg` Pool and is one, with `query` and
 * `connect` aware of global transactions and with `transaction` beside them.
 */
import { branchXid } from '../../branch-context.ts'
import { txError } from '../../../errors.ts'
import { AtClient } from './at-client.ts'
import type { AtEnvironment } from './environment.ts'
import { retryOnConflict, type Outcome } from '../global-lock.ts'
import { runAlone } from './local-branch.ts'
import {
  answer,
  passQuery,
  readQueryCall,
  withConnection,
  withOwn,
  type PgClient,
  type PgPool,
  type PgQuery,
  type PgResult,
} from './pg-driver.ts'
import { isTransactionPlan } from './plan.ts'
import { refuse } from '../refuse.ts'

/** The client type that a pool's `connect` gives. */
export type ClientOf<Pool extends PgPool> = Pool['connect'] extends {
  (): Promise<infer Client>
  (...args: never[]): unknown
}
  ? Client
  : PgClient

export type AtPool<Pool extends PgPool> = Pool & {
  /**
   * Runs `work` in a local transaction: BEGIN, COMMIT, and ROLLBACK when it throws. When a row
   * belongs to another global transaction, everything is rolled back and `work` runs again once the
   * row is free, so it must touch nothing but this database.
   * @throws SETTEE_TX_LOCK_CONFLICT when that takes longer than `lockWaitMs`.
   */
  transaction<Result>(work: (client: ClientOf<Pool>) => Promise<Result>): Promise<Result>
}

export function createAtPool<Pool extends PgPool>(
  environment: AtEnvironment,
  pool: Pool,
): AtPool<Pool> {
  return withOwn(pool, {
    query: (...args: unknown[]) => queryPool(environment, pool, args),
    connect: (callback?: ConnectCallback) => connectPool(environment, pool, callback),
    transaction: (work: (client: PgClient) => Promise<unknown>) =>
      runTransaction(environment, pool, work),
  }) as AtPool<Pool>
}

type ConnectCallback = (
  error: unknown,
  client?: PgClient,
  release?: (error?: Error | boolean) => void,
) => void

function queryPool(environment: AtEnvironment, pool: PgPool, args: readonly unknown[]): unknown {
  const xid = branchXid()
  if (xid === undefined) return passQuery(pool, args)
  const { query, callback } = readQueryCall(args)
  if (query === undefined) throw refusePoolCursor()
  return answer(queryInside(environment, pool, query, xid), callback)
}

async function queryInside(
  environment: AtEnvironment,
  pool: PgPool,
  query: PgQuery,
  xid: string,
): Promise<PgResult> {
  const plan = await environment.planOf(pool, query.text)
  if (plan.kind === 'PASS') {
    await environment.functions.check(pool, plan.calls)
    return pool.query(query)
  }
  if (plan.kind === 'MANY') {
    return withConnection(pool, (client) => new AtClient(environment, client).run(query))
  }
  if (isTransactionPlan(plan)) {
    throw refuse(
      `${plan.kind} on a pool`,
      'the next statement may get another connection',
      'use pool.transaction(…), or connect() and the client',
    )
  }
  // The connection goes back to the pool while the statement waits for a global lock.
  return retryOnConflict(environment, xid, () =>
    withConnection(pool, (client) => runAlone(environment, client, { xid, plan, query })),
  )
}

function connectPool(
  environment: AtEnvironment,
  pool: PgPool,
  callback: ConnectCallback | undefined,
): Promise<PgClient> | undefined {
  const connected = pool.connect().then((driver) => new AtClient(environment, driver).asClient())
  if (callback === undefined) return connected
  connected.then(
    (client) =>
      process.nextTick(callback, undefined, client, (error?: Error | boolean) =>
        client.release(error),
      ),
    (error: unknown) => process.nextTick(callback, error, undefined, () => {}),
  )
  return undefined
}

async function runTransaction(
  environment: AtEnvironment,
  pool: PgPool,
  work: (client: PgClient) => Promise<unknown>,
): Promise<unknown> {
  const xid = branchXid()
  if (xid !== undefined) {
    return retryOnConflict(environment, xid, () => attempt(environment, pool, work))
  }
  const outcome = await attempt(environment, pool, work)
  return 'result' in outcome ? outcome.result : undefined
}

function attempt(
  environment: AtEnvironment,
  pool: PgPool,
  work: (client: PgClient) => Promise<unknown>,
): Promise<Outcome<unknown>> {
  return withConnection(pool, async (driver) => {
    const at = new AtClient(environment, driver)
    try {
      await at.begin()
      const result = await work(at.asClient())
      const { command } = await at.commit()
      if (at.conflict !== undefined) return { conflict: at.conflict }
      if (command !== 'COMMIT') throw at.failure ?? rolledBack()
      return { result }
    } catch (error) {
      await at.rollBack(error)
      if (at.conflict !== undefined) return { conflict: at.conflict }
      throw error
    }
  })
}

function refusePoolCursor(): Error {
  return refuse(
    'a Query object or cursor on a pool',
    'its connection must stay open until all of it is read',
    'use connect() and the client',
  )
}

/** PostgreSQL answers a COMMIT with ROLLBACK when a statement before it has failed. */
function rolledBack(): Error {
  return txError(
    'SETTEE_TX_BAD_QUERY',
    'pool.transaction was rolled back, because one of its statements failed and its error was ' +
      'caught; let the error through, or go back to a savepoint before going on',
  )
}
