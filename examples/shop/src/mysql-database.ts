/**
 * What the services expect of a database, on a `mysql2` pool: `$1` becomes `?`, and a local
 * transaction runs again when a row of it belongs to another global transaction.
 */
import { backoffMs, currentContext, isSetteeError, sleep, systemRandom } from '@settee/kit'
import type { Pool, PoolConnection } from 'mysql2/promise'
import type { Database, Queries, QueryResult } from './database.ts'

/** How long a local transaction is tried outside of any deadline, in ms. */
const conflictLimitMs = 10_000
const conflictBackoff = { minMs: 5, maxMs: 200 } as const

export function createMysqlDatabase(pool: Pool): Database {
  return {
    query: (text, values) => query(pool, text, values),
    async transaction(run) {
      const limitMs = performance.now() + conflictLimitMs
      const endMs = Math.min(currentContext().deadlineMs ?? Infinity, limitMs)
      for (let attempts = 1; ; attempts++) {
        try {
          return await runOnce(pool, run)
        } catch (error) {
          const isHeld = isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')
          if (!isHeld || performance.now() > endMs) throw error
          await sleep(backoffMs(attempts, conflictBackoff, systemRandom))
        }
      }
    },
  }
}

async function runOnce<Result>(
  pool: Pool,
  run: (local: Queries) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    const result = await run({ query: (text, values) => query(connection, text, values) })
    await connection.commit()
    return result
  } catch (error) {
    // A connection that cannot roll back is lost, and its transaction with it.
    await connection.rollback().catch(() => connection.destroy())
    throw error
  } finally {
    connection.release()
  }
}

async function query(
  target: Pool | PoolConnection,
  text: string,
  values: readonly unknown[] = [],
): Promise<QueryResult> {
  const used: unknown[] = []
  const sql = text.replaceAll(/\$(\d+)/g, (_, number: string) => {
    used.push(values[Number(number) - 1])
    return '?'
  })
  const [answer] = await target.query(sql, used)
  if (Array.isArray(answer)) {
    return { rows: answer as QueryResult['rows'], rowCount: answer.length }
  }
  return { rows: [], rowCount: answer.affectedRows }
}
