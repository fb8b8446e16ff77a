/** Takes orders: the global transaction begins and ends here. */
import { inventoryContract, ordersContract } from './contracts.ts'
import { openService } from './service.ts'

const { server, database, rpc, tx, start } = openService(
  'orders',
  `CREATE TABLE IF NOT EXISTS orders (
     order_id TEXT NOT NULL PRIMARY KEY,
     pieces INTEGER NOT NULL
   )`,
)
const inventory = rpc.client(inventoryContract)

server.serve(ordersContract, {
  place: ({ orderId, lines }) =>
    // Whatever throws in here undoes all of it, in this database and in that of the inventory.
    tx.run({ name: 'place order', timeoutMs: 8000 }, async () => {
      const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0)
      await database.query('INSERT INTO orders VALUES ($1, $2)', [orderId, pieces])
      for (const line of lines) await inventory.reserve({ orderId, ...line })
      return { pieces }
    }),
})

await start()
