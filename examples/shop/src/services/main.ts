/**
 * One service process: `node services/main.ts '{"name":"stock", …}'`. It serves until its parent
 * tells it to stop or disappears.
 */
import { createRegistryClient } from '@settee/registry'
import { createRpcClient, createRpcServer } from '@settee/rpc'
import { createTx } from '@settee/tx'
import { openDatabase } from '../database.ts'
import { serveAccounts } from './account.ts'
import { serveOrders } from './order.ts'
import { serveStock } from './stock.ts'

export type ServiceName = 'order' | 'stock' | 'account'

export interface ServiceOptions {
  readonly name: ServiceName
  readonly databaseUrl: string
  /** `host:port` of the registry and of the transaction coordinator. */
  readonly registry: string
  readonly coordinator: string
  readonly purchaseTimeoutMs: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as ServiceOptions
const { name } = options

const registry = createRegistryClient({ application: name, address: options.registry })
const tx = createTx({ applicationId: name, address: options.coordinator })
const database = openDatabase(options.databaseUrl, tx)
const rpc = createRpcClient({ application: name, registry })
const server = createRpcServer({ application: name, registry })

if (name === 'order') serveOrders(server, { ...options, rpc, tx, database })
else if (name === 'stock') serveStock(server, database)
else serveAccounts(server, database)

await server.start()
process.send?.({ kind: 'ready', address: server.address })

async function stop(): Promise<void> {
  await server.stop()
  rpc.close()
  await tx.close()
  registry.close()
  process.exit(0)
}
process.once('SIGTERM', () => void stop())
process.once('disconnect', () => void stop())
// Ctrl-C reaches the whole group; the parent stops its services in order.
process.on('SIGINT', () => {})
