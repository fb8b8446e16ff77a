/**
 * A client of the pool, for transactions by hand as with `pg`: BEGIN, statements, COMMIT.
 *
 * It takes the writer at BEGIN and hands it on at COMMIT, ROLLBACK or release. Its queries run one
 * after the other, in the order of the calls.
 */
import { branchXid } from '../../branch-context.ts'
import { txError } from '../../../errors.ts'
import {
  checkSameXid,
  openTransaction,
  type OpenTransaction,
  type PoolPorts,
} from './open-transaction.ts'
import type { QueryResult } from './statement-cache.ts'

export interface SqliteQueries {
  /**
   * Runs one statement with parameters `$1` … `$n` or `?`.
   * @throws SETTEE_TX_UNSUPPORTED_SQL, in a global transaction, for what could not be undone;
   *   SETTEE_TX_LOCK_CONFLICT when another global transaction holds a row for too long;
   *   SETTEE_TX_BAD_QUERY; SETTEE_TX_POOL_OVERLOADED and SETTEE_TX_POOL_TIMEOUT of the queue; and
   *   the errors of node:sqlite.
   */
  query<Row = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
}

export interface SqliteClient extends SqliteQueries {
  /** Gives the client back; an open transaction is rolled back. */
  release(): void
}

type Query = (text: string, values?: readonly unknown[]) => Promise<QueryResult>

/** @param queryPool runs a statement outside of the client's transactions. */
export function createPoolClient(ports: PoolPorts, queryPool: Query): SqliteClient {
  const { statements } = ports.connection
  let open: OpenTransaction | undefined
  let isReleased = false
  let last: Promise<unknown> = Promise.resolve()

  function query(text: string, values: readonly unknown[] = []): Promise<QueryResult> {
    if (isReleased) return Promise.reject(badState('the client was released', 'get a new one'))
    const result = last.then(() => execute(text, values))
    last = result.catch(() => {})
    return result
  }

  async function execute(text: string, values: readonly unknown[]): Promise<QueryResult> {
    const xid = open === undefined ? branchXid() : open.transaction.xid
    const statement = statements.compile(text, xid !== undefined)
    switch (statement.effect) {
      case 'begin':
        if (open !== undefined) throw badState('a transaction is open', 'end it before BEGIN')
        open = await openTransaction(ports, xid)
        return nothing
      case 'commit':
        await commit()
        return nothing
      case 'rollback':
        close()
        return nothing
      default:
        if (open === undefined) return queryPool(text, values)
        checkSameXid(open.transaction)
        return open.transaction.run(statement, values)
    }
  }

  async function commit(): Promise<void> {
    if (open === undefined) throw badState('no transaction is open', 'BEGIN before COMMIT')
    try {
      checkSameXid(open.transaction)
      await open.transaction.commit()
    } finally {
      close()
    }
  }

  function close(): void {
    open?.close()
    open = undefined
  }

  return {
    query: query as SqliteClient['query'],
    release() {
      isReleased = true
      void last.then(close)
    },
  }
}

const nothing: QueryResult = { rows: [], rowCount: null, fields: [] }

function badState(what: string, advice: string): Error {
  return txError('SETTEE_TX_BAD_QUERY', `${what}: ${advice}`)
}
