/** Keeps the money. What it refuses undoes the stock and the order of the same purchase. */
import { setTimeout as pause } from 'node:timers/promises'
import type { RpcServer } from '@settee/rpc'
import { accountContract } from '../contracts.ts'
import type { Database } from '../database.ts'
import { shopError } from '../errors.ts'

export const accountSchema = `
  CREATE TABLE accounts (
    user_id VARCHAR(64) NOT NULL PRIMARY KEY,
    balance INTEGER NOT NULL
  );
  CREATE TABLE account_entries (
    order_id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    amount INTEGER NOT NULL
  )`

export function serveAccounts(server: RpcServer, database: Database): void {
  server.serve(accountContract, {
    debit: async ({ orderId, userId, amount, delayMs }, { signal }) => {
      const balance = await database.transaction(async (local) => {
        const { rowCount } = await local.query(
          'UPDATE accounts SET balance = balance - $1 WHERE user_id = $2 AND balance >= $1',
          [amount, userId],
        )
        if (rowCount !== 1) {
          throw shopError('SHOP_NOT_ENOUGH_MONEY', `${userId} cannot pay ${amount} cents`)
        }
        await local.query('INSERT INTO account_entries VALUES ($1, $2, $3)', [
          orderId,
          userId,
          amount,
        ])
        const { rows } = await local.query('SELECT balance FROM accounts WHERE user_id = $1', [
          userId,
        ])
        return Number(rows[0]!['balance'])
      })
      // The money is gone already when the answer is late: the coordinator brings it back.
      if (delayMs > 0) {
        await pause(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
      return { balance }
    },
  })
}
