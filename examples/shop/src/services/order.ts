/** Takes orders: the global transaction begins and ends here. */
import type { RpcClient, RpcServer } from '@settee/rpc'
import type { Tx } from '@settee/tx'
import { accountContract, orderContract, stockContract } from '../contracts.ts'
import type { Database } from '../database.ts'

export const orderSchema = `
  CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL
  )`

/** A purchase that is not through by then is rolled back, in ms. */
const purchaseTimeoutMs = 4000

export function serveOrders(server: RpcServer, rpc: RpcClient, tx: Tx, database: Database): void {
  const stock = rpc.client(stockContract)
  const account = rpc.client(accountContract)

  server.serve(orderContract, {
    purchase: ({ orderId, userId, productId, quantity, paymentDelayMs }) =>
      tx.run({ name: 'purchase', timeoutMs: purchaseTimeoutMs }, async () => {
        const { price } = await stock.deduct({ orderId, productId, quantity })
        const amount = price * quantity
        await database.query('INSERT INTO orders VALUES ($1, $2, $3, $4, $5)', [
          orderId,
          userId,
          productId,
          quantity,
          amount,
        ])
        await account.debit({ orderId, userId, amount, delayMs: paymentDelayMs })
        return { amount }
      }),
  })
}
