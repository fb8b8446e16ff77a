/** Keeps the stock. Joins the global transaction of its caller without a word about it. */
import type { RpcServer } from '@settee/rpc'
import { stockContract } from '../contracts.ts'
import type { Database } from '../database.ts'
import { shopError } from '../errors.ts'

export const stockSchema = `
  CREATE TABLE stock (
    product_id VARCHAR(64) NOT NULL PRIMARY KEY,
    price INTEGER NOT NULL,
    quantity INTEGER NOT NULL
  );
  CREATE TABLE stock_movements (
    order_id VARCHAR(64) NOT NULL PRIMARY KEY,
    product_id VARCHAR(64) NOT NULL,
    quantity INTEGER NOT NULL
  )`

export function serveStock(server: RpcServer, database: Database): void {
  server.serve(stockContract, {
    deduct: ({ orderId, productId, quantity }) =>
      database.transaction(async (local) => {
        const { rowCount } = await local.query(
          'UPDATE stock SET quantity = quantity - $1 WHERE product_id = $2 AND quantity >= $1',
          [quantity, productId],
        )
        if (rowCount !== 1) {
          throw shopError('SHOP_OUT_OF_STOCK', `fewer than ${quantity} of ${productId} are left`)
        }
        await local.query('INSERT INTO stock_movements VALUES ($1, $2, $3)', [
          orderId,
          productId,
          quantity,
        ])
        const { rows } = await local.query('SELECT price FROM stock WHERE product_id = $1', [
          productId,
        ])
        return { price: Number(rows[0]!['price']) }
      }),
  })
}
