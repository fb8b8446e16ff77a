/**
 * A small real load for the tests of the control plane: three applications with a SQLite database
 * each, whose transactions end, wait and fail as a test wants.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createTx, type SqlitePool, type Tx } from '@settee/tx'
import { waitForLock } from './test-lock-waiter.ts'

export type Keeper = 'account' | 'stock'

export interface PurchaseOptions {
  readonly name?: string
  /** Who keeps the second branch. Default account. */
  readonly keeper?: Keeper
  /** Row that is changed; two that name the same row exclude each other. Default 1, at most 10. */
  readonly row?: number
  /** Runs when both branches are registered and the transaction is still open. */
  readonly meanwhile?: (xid: string) => Promise<void> | void
  /** Makes it roll back, with this reason. */
  readonly failure?: string
}

export interface TestShop {
  /** Resolves to the xid, whether it was committed or rolled back. */
  purchase(options?: PurchaseOptions): Promise<string>
  /** A purchase that is open until `finish` is called. */
  openPurchase(options?: PurchaseOptions): Promise<OpenPurchase>
  /** Lets `xid` wait for a row that another transaction holds; resolves once it was granted. */
  waitForRow(xid: string, keeper: Keeper, row: number): Promise<boolean>
  /** The keeper's process is gone, as far as the coordinator can see. */
  kill(keeper: Keeper): Promise<void>
  restart(keeper: Keeper): void
  /** Somebody changes a row outside of any global transaction, so that it cannot be undone. */
  spoil(keeper: Keeper, row: number): void
  /** What the row holds now. */
  amountOf(keeper: Keeper, row: number): number
  close(): Promise<void>
}

export interface OpenPurchase {
  readonly xid: string
  finish(): Promise<string>
}

interface Application {
  readonly tx: Tx
  readonly pool: SqlitePool
}

/** @param address `host:port` of the coordinator. */
export function openTestShop(address: string): TestShop {
  const folder = mkdtempSync(join(tmpdir(), 'settee-shop-'))
  const fileOf = (applicationId: string): string => join(folder, `${applicationId}.db`)
  let nextOrder = 1

  function open(applicationId: string): Application {
    const tx = createTx({ applicationId, address, onWarning: () => {} })
    return { tx, pool: tx.at(new DatabaseSync(fileOf(applicationId))) }
  }

  execute(fileOf('order'), 'CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER)')
  for (const keeper of ['account', 'stock']) execute(fileOf(keeper), keeperSchema)
  const order = open('order')
  const keepers = { account: open('account'), stock: open('stock') }

  async function purchase(options: PurchaseOptions = {}): Promise<string> {
    const { name = 'purchase', keeper = 'account', row = 1, meanwhile, failure } = options
    let xid = ''
    const run = order.tx.run({ name }, async () => {
      xid = order.tx.currentXid()!
      await order.pool.query('INSERT INTO orders VALUES ($1, $2)', [nextOrder++, 10])
      await keepers[keeper].pool.query('UPDATE items SET amount = amount - 10 WHERE id = $1', [row])
      await meanwhile?.(xid)
      if (failure !== undefined) throw new Error(failure)
    })
    await run.catch((error: unknown) => {
      if (failure === undefined) throw error
    })
    return xid
  }

  return {
    purchase,
    openPurchase(options = {}) {
      const gate = Promise.withResolvers<void>()
      const opened = Promise.withResolvers<OpenPurchase>()
      const finished = purchase({
        ...options,
        meanwhile: (xid) => {
          opened.resolve({ xid, finish: () => (gate.resolve(), finished) })
          return gate.promise
        },
      })
      finished.catch(opened.reject)
      return opened.promise
    },
    waitForRow: (xid, keeper, row) =>
      waitForLock({
        address,
        xid,
        resourceId: `jdbc:sqlite:${fileOf(keeper)}`,
        lockKey: `items:${row}`,
      }),
    kill: (keeper) => close(keepers[keeper]),
    restart(keeper) {
      keepers[keeper] = open(keeper)
    },
    spoil: (keeper, row) =>
      execute(fileOf(keeper), `UPDATE items SET amount = 1 WHERE id = ${row}`),
    amountOf(keeper, row) {
      const database = new DatabaseSync(fileOf(keeper))
      const found = database.prepare('SELECT amount FROM items WHERE id = ?').get(row)
      database.close()
      return Number(found?.['amount'])
    },
    async close() {
      await Promise.all([order, keepers.account, keepers.stock].map(close))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const keeperSchema = `CREATE TABLE items (id INTEGER PRIMARY KEY, amount INTEGER);
  INSERT INTO items VALUES ${Array.from({ length: 10 }, (_, i) => `(${i + 1}, 1000)`).join(', ')}`

async function close({ tx, pool }: Application): Promise<void> {
  await tx.close()
  await pool.end()
}

function execute(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}
