/** Keeps the stock. Joins the global transaction of its caller without a word about it. */
import { inventoryContract, shopError } from './contracts.ts'
import { openService } from './service.ts'

const { server, database, start } = openService(
  'inventory',
  `CREATE TABLE IF NOT EXISTS stock (
     sku TEXT NOT NULL PRIMARY KEY,
     quantity INTEGER NOT NULL
   );
   CREATE TABLE IF NOT EXISTS reservations (
     order_id TEXT NOT NULL,
     sku TEXT NOT NULL,
     quantity INTEGER NOT NULL,
     PRIMARY KEY (order_id, sku)
   );
   INSERT OR IGNORE INTO stock VALUES ('tea', 1000), ('cup', 20)`,
)

server.serve(inventoryContract, {
  reserve: ({ orderId, sku, quantity }) =>
    // Both statements are one local transaction, and that is one branch of the global one.
    database.transaction(async (local) => {
      const { rowCount } = await local.query(
        'UPDATE stock SET quantity = quantity - $1 WHERE sku = $2 AND quantity >= $1',
        [quantity, sku],
      )
      const { rows } = await local.query<{ quantity: number }>(
        'SELECT quantity FROM stock WHERE sku = $1',
        [sku],
      )
      const left = rows[0]?.quantity ?? 0
      if (rowCount !== 1) {
        throw shopError('SHOP_OUT_OF_STOCK', `${quantity} ${sku} wanted, ${left} left`)
      }
      await local.query('INSERT INTO reservations VALUES ($1, $2, $3)', [orderId, sku, quantity])
      return { left }
    }),
})

await start()
