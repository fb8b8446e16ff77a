/**
 * A local transaction together with its right to the writer, within its time limit.
 */
import { currentContext, type Random } from '@settee/kit'
import { branchXid } from '../../branch-context.ts'
import { txError } from '../../../errors.ts'
import { LocalTransaction, type TransactionPorts } from './local-transaction.ts'
import type { ReadConnection } from './read-connection.ts'
import type { Lease, WriterQueue } from './writer-queue.ts'

export interface PoolPorts extends TransactionPorts {
  readonly queue: WriterQueue
  readonly reader: ReadConnection | undefined
  readonly random: Random
  /** Longest wait for rows that other global transactions hold, in ms. */
  readonly lockWaitMs: number
  /** Longest time in ms that a transaction may stay open. */
  readonly transactionMs: number
}

/** A local transaction together with its right to the writer. */
export interface OpenTransaction {
  readonly transaction: LocalTransaction
  /** Rolls back what is not committed and hands the writer on. */
  close(): void
}

/** Waits for the writer and begins; the transaction ends by itself after its time limit. */
export async function openTransaction(
  ports: PoolPorts,
  xid: string | undefined,
): Promise<OpenTransaction> {
  const lease = await acquireWriter(ports)
  try {
    const transaction = await LocalTransaction.begin(ports, xid)
    const timer = ports.clock.after(ports.transactionMs, () => {
      transaction.rollback(openTooLong(ports.transactionMs))
      lease.release()
    })
    return {
      transaction,
      close() {
        timer.cancel()
        transaction.rollback()
        lease.release()
      },
    }
  } catch (error) {
    lease.release()
    throw error
  }
}

/** @throws SETTEE_TX_UNSUPPORTED_SQL when the caller left or changed the global transaction. */
export function checkSameXid(local: LocalTransaction): void {
  const xid = branchXid()
  if (xid === local.xid) return
  throw txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `the local transaction began ${describeXid(local.xid)}, the statement comes ` +
      `${describeXid(xid)}; begin and end a local transaction inside one global transaction`,
  )
}

function describeXid(xid: string | undefined): string {
  return xid === undefined ? 'outside of global transactions' : `in the global transaction ${xid}`
}

/** Waits for the writer, at most until the deadline of the request. */
export function acquireWriter({ queue, clock }: PoolPorts): Promise<Lease> {
  const { deadlineMs } = currentContext()
  if (deadlineMs === undefined) return queue.acquire('work')
  return queue.acquire('work', Math.max(deadlineMs - clock.monotonic(), 0))
}

function openTooLong(transactionMs: number): Error {
  return txError(
    'SETTEE_TX_POOL_TIMEOUT',
    `the transaction was rolled back because it stayed open for ${transactionMs} ms; ` +
      'nobody else can write meanwhile, so do other work before it begins',
  )
}
