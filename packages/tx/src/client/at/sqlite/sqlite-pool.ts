/**
 * A SQLite database in the shape of a `pg` Pool: the same application code runs on both.
 *
 * SQLite has one writer, so writes and transactions wait for it in a fair queue. Reads outside of
 * transactions go to a second, read-only connection where there is one (a file in WAL mode), and
 * see what is committed; on a database in memory they wait in the queue as well.
 *
 * Inside a global transaction every local transaction becomes a branch. When another global
 * transaction holds one of its rows, the local transaction is rolled back first, so that the writer
 * is free: the holder's own rollback may need it. Then the pool waits until the rows are free and
 * runs the statement, or the whole function of {@link SqlitePool.transaction}, again.
 */
import { backoffMs, currentContext } from '@settee/kit'
import { branchXid } from '../../branch-context.ts'
import { txError } from '../../../errors.ts'
import { checkOpen, pause } from './connection.ts'
import type { LocalTransaction } from './local-transaction.ts'
import { acquireWriter, checkSameXid, openTransaction, type PoolPorts } from './open-transaction.ts'
import { createPoolClient, type SqliteClient, type SqliteQueries } from './sqlite-client.ts'
import type { CompiledStatement, QueryResult } from './statement-cache.ts'

export interface SqlitePool extends SqliteQueries {
  /** A client for a transaction by hand: BEGIN, statements, COMMIT, then release. */
  connect(): Promise<SqliteClient>
  /**
   * Runs `run` in a transaction: commits when it resolves, rolls back when it rejects. In a global
   * transaction it may run several times, so it must touch nothing but this database, and it must
   * query through `client` alone.
   */
  transaction<Result>(run: (client: SqliteQueries) => Promise<Result>): Promise<Result>
  /** Waits for what runs, then closes the database. A second call is harmless. */
  end(): Promise<void>
}

export function createSqlitePool(ports: PoolPorts, end: () => Promise<void>): SqlitePool {
  const { connection, reader } = ports

  async function query(text: string, values: readonly unknown[] = []): Promise<QueryResult> {
    checkOpen(connection)
    const xid = branchXid()
    const statement = connection.statements.compile(text, xid !== undefined)
    switch (statement.effect) {
      case 'read':
        return reader?.run(statement, values) ?? runAlone(ports, statement, values)
      case 'write':
        if (xid === undefined) return runAlone(ports, statement, values)
        // Compiled again, from the cache if the schema is still the same now that it is locked.
        return runWithRetry(ports, xid, async (local) =>
          local.run(connection.statements.compile(text, true), values),
        )
      case 'other':
        return runAlone(ports, statement, values)
      default:
        throw txError(
          'SETTEE_TX_BAD_QUERY',
          `${text.trim().slice(0, 50)} on the pool itself; use pool.transaction, or a client ` +
            'from pool.connect',
        )
    }
  }

  async function transaction<Result>(
    run: (client: SqliteQueries) => Promise<Result>,
  ): Promise<Result> {
    return runWithRetry(ports, branchXid(), async (local) => {
      const client = createTransactionClient(ports, local)
      return run(client)
    })
  }

  return {
    query: query as SqlitePool['query'],
    connect: async () => createPoolClient(ports, query),
    transaction,
    end,
  }
}

/** The client that a function of `transaction` gets: no BEGIN, no COMMIT. */
function createTransactionClient(ports: PoolPorts, local: LocalTransaction): SqliteQueries {
  async function query(text: string, values: readonly unknown[] = []): Promise<QueryResult> {
    checkSameXid(local)
    const statement = ports.connection.statements.compile(text, local.xid !== undefined)
    if (['begin', 'commit', 'rollback'].includes(statement.effect)) {
      throw txError(
        'SETTEE_TX_BAD_QUERY',
        'pool.transaction begins and commits by itself; throw an error to roll back',
      )
    }
    return local.run(statement, values)
  }
  return { query: query as SqliteQueries['query'] }
}

/** Runs a statement in a transaction of its own, outside of global transactions. */
async function runAlone(
  ports: PoolPorts,
  statement: CompiledStatement,
  values: readonly unknown[],
): Promise<QueryResult> {
  const { connection } = ports
  const lease = await acquireWriter(ports)
  try {
    return await connection.retryWhileBusy(() => statement.run(values))
  } finally {
    if (statement.effect === 'other') connection.statements.clear()
    lease.release()
  }
}

async function runWithRetry<Result>(
  ports: PoolPorts,
  xid: string | undefined,
  attempt: (transaction: LocalTransaction) => Promise<Result>,
): Promise<Result> {
  const startMs = ports.clock.monotonic()
  for (;;) {
    const open = await openTransaction(ports, xid)
    try {
      const result = await attempt(open.transaction)
      await open.transaction.commit()
      return result
    } catch (error) {
      // Conflicts of other databases, which `attempt` may pass on, are not repeated here.
      if (open.transaction.conflictKeys === undefined) throw error
      open.close()
      await waitForLocks(ports, open.transaction, { startMs, conflict: error })
    } finally {
      open.close()
    }
  }
}

async function waitForLocks(
  { port, clock, random, resourceId, lockWaitMs }: PoolPorts,
  { xid, conflictKeys }: LocalTransaction,
  since: { readonly startMs: number; readonly conflict: unknown },
): Promise<void> {
  const giveUpMs = Math.min(since.startMs + lockWaitMs, currentContext().deadlineMs ?? Infinity)
  for (let failures = 1; ; failures++) {
    const leftMs = giveUpMs - clock.monotonic()
    if (leftMs <= 0) throw lockTimeout(conflictKeys!, lockWaitMs, since.conflict)
    const delayMs = backoffMs(failures, { minMs: 5, maxMs: 100 }, random)
    await pause(Math.min(delayMs, leftMs), clock)
    if (await port.isLockable(xid!, resourceId, conflictKeys!)) return
  }
}

function lockTimeout(lockKeys: string, lockWaitMs: number, cause: unknown): Error {
  return txError(
    'SETTEE_TX_LOCK_CONFLICT',
    `another global transaction holds one of ${lockKeys.slice(0, 200)} for longer than ` +
      `${lockWaitMs} ms or the deadline; run the global transaction again`,
    { cause },
  )
}
