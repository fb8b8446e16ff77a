/**
 * A small real load for the tests of the control plane: two applications with a SQLite database
 * each, whose transactions end, wait and fail as a test wants.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createTx, type SqlitePool, type Tx } from '@settee/tx'

export interface PurchaseOptions {
  readonly name?: string
  /** Row of the account that pays; two that name the same row exclude each other. */
  readonly accountId?: number
  /** Runs when both branches are registered and the transaction is still open. */
  readonly meanwhile?: (xid: string) => Promise<void> | void
  /** Makes it roll back, with this reason. */
  readonly failure?: string
}

export interface TestShop {
  /** Resolves to the xid, whether it was committed or rolled back. */
  purchase(options?: PurchaseOptions): Promise<string>
  /** A purchase that is open until the returned function is called. */
  openPurchase(options?: PurchaseOptions): Promise<{ xid: string; finish(): Promise<string> }>
  /** The process of the account service is gone, as far as the coordinator can see. */
  killAccounts(): Promise<void>
  restartAccounts(): void
  /** Somebody changes a row outside of any global transaction, so that it cannot be undone. */
  spoilAccount(accountId: number): void
  close(): Promise<void>
}

interface Application {
  readonly tx: Tx
  readonly pool: SqlitePool
}

/** @param address `host:port` of the coordinator. */
export function openTestShop(address: string): TestShop {
  const folder = mkdtempSync(join(tmpdir(), 'settee-shop-'))
  const accountFile = join(folder, 'account.db')
  let nextOrder = 1

  function open(applicationId: string, file: string): Application {
    const tx = createTx({ applicationId, address, onWarning: () => {} })
    return { tx, pool: tx.at(new DatabaseSync(file)) }
  }
  async function close({ tx, pool }: Application): Promise<void> {
    await tx.close()
    await pool.end()
  }

  execute(join(folder, 'order.db'), 'CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER)')
  execute(accountFile, 'CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)')
  for (let id = 1; id <= 10; id++) {
    execute(accountFile, `INSERT INTO accounts VALUES (${id}, 1000)`)
  }
  const order = open('order', join(folder, 'order.db'))
  let account = open('account', accountFile)

  async function purchase(options: PurchaseOptions = {}): Promise<string> {
    const { name = 'purchase', accountId = 1, meanwhile, failure } = options
    let xid = ''
    const run = order.tx.run({ name }, async () => {
      xid = order.tx.currentXid()!
      await order.pool.query('INSERT INTO orders VALUES ($1, $2)', [nextOrder++, 10])
      await account.pool.query('UPDATE accounts SET balance = balance - 10 WHERE id = $1', [
        accountId,
      ])
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
      const opened = Promise.withResolvers<{ xid: string; finish(): Promise<string> }>()
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
    killAccounts: () => close(account),
    restartAccounts() {
      account = open('account', accountFile)
    },
    spoilAccount: (id) => execute(accountFile, `UPDATE accounts SET balance = 1 WHERE id = ${id}`),
    async close() {
      await close(order)
      await close(account)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function execute(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}
