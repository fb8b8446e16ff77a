/**
 * The application's own pool with AT mode: what looks like a `pg` Pool and is one, with `query` and
 * `connect` aware of global transactions and with `transaction` beside them.
 */
import { currentContext } from '@settee/kit'
import { AtClient, isTransactionPlan, refuseCursor } from './at-client.ts'
import type { AtEnvironment } from './environment.ts'
import { retryOnConflict, type HeldBranch, type Outcome } from './global-lock.ts'
import { runAlone } from './local-branch.ts'
import {
  answer,
  passQuery,
  readQueryCall,
  transactionStatus,
  withOwn,
  type PgClient,
  type PgPool,
  type PgQuery,
  type PgResult,
} from './pg-driver.ts'
import { refuse } from './statement-kinds.ts'

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
  const { xid } = currentContext()
  if (xid === undefined) return passQuery(pool, args)
  const { query, callback } = readQueryCall(args)
  if (query === undefined) throw refuseCursor()
  return answer(queryInside(environment, pool, query, xid), callback)
}

async function queryInside(
  environment: AtEnvironment,
  pool: PgPool,
  query: PgQuery,
  xid: string,
): Promise<PgResult> {
  const plan = await environment.planOf(query.text)
  if (plan.kind === 'PASS') return pool.query(query)
  if (isTransactionPlan(plan)) {
    throw refuse(
      `${plan.kind} on a pool`,
      'the next statement may get another connection',
      'use pool.transaction(…), or connect() and the client',
    )
  }
  // The connection goes back to the pool while the statement waits for a global lock.
  return retryOnConflict(environment, xid, async (held) => {
    const client = await pool.connect()
    try {
      return await runAlone(environment, client, { xid, plan, query }, held)
    } finally {
      await releaseIdle(client)
    }
  })
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
  const { xid } = currentContext()
  if (xid !== undefined) {
    return retryOnConflict(environment, xid, (held) => attempt(environment, pool, work, held))
  }
  const outcome = await attempt(environment, pool, work, undefined)
  return 'result' in outcome ? outcome.result : undefined
}

async function attempt(
  environment: AtEnvironment,
  pool: PgPool,
  work: (client: PgClient) => Promise<unknown>,
  held: HeldBranch | undefined,
): Promise<Outcome<unknown>> {
  const driver = await pool.connect()
  const at = new AtClient(environment, driver)
  at.held = held
  const client = at.asClient()
  try {
    await client.query({ text: 'BEGIN' })
    const result = await work(client)
    await client.query({ text: 'COMMIT' })
    return at.conflict === undefined ? { result } : { conflict: at.conflict }
  } catch (error) {
    await at.rollBack(error)
    if (at.conflict !== undefined) return { conflict: at.conflict }
    throw error
  } finally {
    // What `work` sent without waiting for it comes before the next user of the connection.
    await at.settled()
    await releaseIdle(driver)
  }
}

/** Gives a connection back; one that is broken or still in a transaction is closed instead. */
async function releaseIdle(client: PgClient): Promise<void> {
  const status = await transactionStatus(client).catch(() => 'broken')
  client.release(status !== undefined && status !== 'I')
}
