/** Takes orders: the global transaction begins and ends here. */
import type { RpcClient, RpcServer } from '@settee/rpc'
import type { Tx } from '@settee/tx'
import { accountContract, orderContract, stockContract } from '../contracts.ts'
import type { Database } from '../database.ts'

export const orderSchema = `
  CREATE TABLE orders (
    order_id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    product_id VARCHAR(64) NOT NULL,
    quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    xid VARCHAR(128) NOT NULL
  )`

export interface OrderParts {
  readonly rpc: RpcClient
  readonly tx: Tx
  readonly database: Database
  /** A purchase that is not through by then is rolled back, in ms. */
  readonly purchaseTimeoutMs: number
}

export function serveOrders(server: RpcServer, parts: OrderParts): void {
  const { rpc, tx, database, purchaseTimeoutMs } = parts
  const stock = rpc.client(stockContract)
  const account = rpc.client(accountContract)

  server.serve(orderContract, {
    purchase: ({ orderId, userId, productId, quantity, paymentDelayMs }) =>
      tx.run({ name: 'purchase', timeoutMs: purchaseTimeoutMs }, async () => {
        const { price } = await stock.deduct({ orderId, productId, quantity })
        const amount = price * quantity
        await database.query('INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6)', [
          orderId,
          userId,
          productId,
          quantity,
          amount,
          // Whoever looks into an order finds its transaction in the console.
          tx.currentXid(),
        ])
        await account.debit({ orderId, userId, amount, delayMs: paymentDelayMs })
        return { amount }
      }),
  })
}
