/** What both services have in common: their clients, their database, and how they stop. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createRegistryClient } from '@settee/registry'
import { createRpcClient, createRpcServer, type RpcClient, type RpcServer } from '@settee/rpc'
import { createTx, type SqlitePool, type Tx } from '@settee/tx'

/** The defaults are those of `settee dev`; src/main.ts sets others. */
const {
  REGISTRY = '127.0.0.1:9600',
  COORDINATOR = '127.0.0.1:8091',
  DATA_DIR = 'data',
} = process.env

export interface Service {
  readonly server: RpcServer
  readonly rpc: RpcClient
  readonly tx: Tx
  /** Under global transactions; use it like a pool of `pg`. */
  readonly database: SqlitePool
  /** Serves until the process is told to stop. */
  readonly start: () => Promise<void>
}

/** @param schema SQL that makes the tables of the service when they are missing. */
export function openService(name: string, schema: string): Service {
  mkdirSync(DATA_DIR, { recursive: true })
  const file = new DatabaseSync(join(DATA_DIR, `${name}.sqlite`))
  file.exec(schema)
  const registry = createRegistryClient({ application: name, address: REGISTRY })
  const tx = createTx({ applicationId: name, address: COORDINATOR })
  const database = tx.at(file)
  const rpc = createRpcClient({ application: name, registry })
  const server = createRpcServer({ application: name, registry })

  async function start(): Promise<void> {
    await server.start()
    const isChild = process.send !== undefined
    process.once('SIGTERM', stop)
    process.once('disconnect', stop)
    // Ctrl-C reaches parent and children alike; the parent stops its children in order.
    process.on('SIGINT', isChild ? () => {} : stop)
    if (isChild) process.send!({ kind: 'ready' })
    else console.log(`${name} serves at ${server.address}; Ctrl-C stops it`)
  }

  let isStopping = false
  async function stop(): Promise<void> {
    if (isStopping) return
    isStopping = true
    // First no new calls, then the clients, and the database when nothing can need it any more.
    await server.stop()
    rpc.close()
    await tx.close()
    await database.end()
    registry.close()
    process.exit()
  }

  return { server, rpc, tx, database, start }
}
