/**
 * The whole system on one machine: the control plane, two services, and a few orders.
 *
 *     npm start              goes on until Ctrl-C; options are those of `settee dev`
 *     npm start -- --once    checks both databases and ends; exit code 0 only if they agree
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSetteeError } from '@settee/kit'
import { createRegistryClient } from '@settee/registry'
import { createRpcClient } from '@settee/rpc'
import { checkWhenQuiet } from './check.ts'
import { ordersContract, type Order } from './contracts.ts'
import { startChild, StartFailure, type Child } from './processes.ts'

/** There are 20 cups: the third order cannot be filled, though its tea is reserved by then. */
const firstOrders: readonly Order[] = [
  order('order-1', { tea: 2, cup: 1 }),
  order('order-2', { tea: 5 }),
  order('order-3', { tea: 3, cup: 50 }),
  order('order-4', { cup: 2 }),
]
const fillable: readonly string[] = ['order-1', 'order-2', 'order-4']
const pauseMs = 3000

const isOnce = process.argv.includes('--once')
const stopping = new AbortController()
process.on('SIGINT', requestStop)
process.on('SIGTERM', requestStop)

try {
  process.exitCode = await main()
} catch (error) {
  // A child that could not start has said why already.
  if (!(error instanceof StartFailure)) throw error
  process.exitCode = 1
}

async function main(): Promise<number> {
  // A checked run keeps out of the way: its own folder, and any free ports.
  const dataDir = isOnce ? await mkdtemp(join(tmpdir(), 'two-services-')) : 'data'
  await rm(dataDir, { recursive: true, force: true })
  const children: Child[] = []
  try {
    const anyPort = ['--http.port=0', '--tx.port=0', '--registry.port=0']
    const args = ['dev', ...(isOnce ? anyPort : process.argv.slice(2))]
    const controlPlane = await startChild(import.meta.resolve('settee/bin'), args)
    children.unshift(controlPlane)
    const addressOf = (name: string): string =>
      controlPlane.ready.components.find((component) => component.name === name)!.address
    const env = {
      REGISTRY: addressOf('registry'),
      COORDINATOR: addressOf('transactions'),
      DATA_DIR: dataDir,
    }
    for (const service of ['./inventory.ts', './orders.ts']) {
      children.unshift(await startChild(import.meta.resolve(service), [], env))
    }
    console.log('\n  The control plane and the services inventory and orders run.')
    console.log(`  Console: ${addressOf('console')}\n`)
    return await run(dataDir, env.REGISTRY)
  } finally {
    for (const child of children) await child.stop()
    if (isOnce) await rm(dataDir, { recursive: true, force: true })
  }
}

/** Places orders as any other program would: it finds the service at the registry. */
async function run(dataDir: string, address: string): Promise<number> {
  const registry = createRegistryClient({ application: 'buyer', address })
  const rpc = createRpcClient({ application: 'buyer', registry, connectWaitMs: 10_000 })
  const orders = rpc.client(ordersContract)

  async function place(next: Order): Promise<void> {
    const wanted = next.lines.map(({ sku, quantity }) => `${quantity} ${sku}`).join(', ')
    const outcome = await orders.place(next, { signal: stopping.signal }).then(
      () => 'placed',
      (error: Error) =>
        `${isSetteeError(error, 'SHOP_OUT_OF_STOCK') ? 'rolled back' : 'failed'}: ${error.message}`,
    )
    if (stopping.signal.aborted) return
    console.log(`  ${next.orderId.padEnd(9)} ${wanted.padEnd(15)} ${outcome}`)
  }

  try {
    for (const next of firstOrders) await place(next)
    if (stopping.signal.aborted) return isOnce ? 1 : 0
    const agree = await report(dataDir)
    if (isOnce) return agree ? 0 : 1
    console.log('  An order every three seconds follows; Ctrl-C stops everything.\n')
    for (let number = 5; !stopping.signal.aborted; number++) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (!stopping.signal.aborted) await place(laterOrder(number))
    }
    return 0
  } finally {
    rpc.close()
    registry.close()
  }
}

async function report(dataDir: string): Promise<boolean> {
  const { orderIds, halfDone, undoRows } = await checkWhenQuiet(dataDir)
  const asExpected = orderIds.toSorted().join() === fillable.join()
  const agree = halfDone.length === 0 && undoRows === 0 && asExpected
  console.log(
    agree
      ? `\n  Both databases agree: ${orderIds.join(', ')} are in both, order-3 is in neither.\n`
      : `\n  The databases DISAGREE: orders ${orderIds.join(', ')}; half done ` +
          `${halfDone.join(', ') || 'none'}; ${undoRows} undo rows left.\n`,
  )
  return agree
}

/** Every fourth one asks for too much. */
function laterOrder(number: number): Order {
  return order(`order-${number}`, number % 4 === 3 ? { tea: 3, cup: 50 } : { tea: 2 })
}

function requestStop(): void {
  // A second Ctrl-C does not wait; the children end when this process does.
  if (stopping.signal.aborted) process.exit(130)
  stopping.abort()
}

function order(orderId: string, quantities: Readonly<Record<string, number>>): Order {
  const lines = Object.entries(quantities).map(([sku, quantity]) => ({ sku, quantity }))
  return { orderId, lines }
}
