/**
 * The audit: reads the three databases with plain SQL and compares. An order, its movement of stock
 * and its account entry must be all there or all absent, and nothing may be lost in sum.
 */
import { sleep } from '@settee/kit'
import type { Databases } from './databases.ts'
import { serviceNames } from './databases.ts'
import { startTotals } from './purchases.ts'

export interface Audit {
  /** The global transaction of each order, by the id of the order. */
  readonly xidOfOrder: ReadonlyMap<string, string>
  /** Orders that are in some databases and not in others, at most ten. */
  readonly halfDone: readonly string[]
  readonly isConserved: boolean
  /** Rows that could still undo something. */
  readonly undoRowCount: number
  /** Rows that only keep a late phase one out; they hold no data. */
  readonly defenceRowCount: number
}

export async function auditShop(databases: Databases): Promise<Audit> {
  const orders = await read(
    databases,
    'order',
    'SELECT order_id, amount, quantity, xid FROM orders',
  )
  const movements = await read(databases, 'stock', 'SELECT order_id, quantity FROM stock_movements')
  const entries = await read(databases, 'account', 'SELECT order_id, amount FROM account_entries')
  const left = await sumOf(databases, 'stock', 'SELECT SUM(quantity) AS total FROM stock')
  const money = await sumOf(databases, 'account', 'SELECT SUM(balance) AS total FROM accounts')
  const [undoRowCount, defenceRowCount] = await countUndoRows(databases)
  const moved = sum(movements, 'quantity')
  const paid = sum(entries, 'amount')
  return {
    xidOfOrder: new Map([...orders].map(([orderId, row]) => [orderId, String(row['xid'])])),
    halfDone: [...halfDone(orders, movements, entries)].slice(0, 10),
    isConserved:
      left + moved === startTotals.quantity &&
      money + paid === startTotals.balance &&
      sum(orders, 'amount') === paid &&
      sum(orders, 'quantity') === moved,
    undoRowCount,
    defenceRowCount,
  }
}

type Rows = ReadonlyMap<string, Readonly<Record<string, unknown>>>

async function read(
  databases: Databases,
  name: Parameters<Databases['query']>[0],
  sql: string,
): Promise<Rows> {
  const rows = await databases.query(name, sql)
  return new Map(rows.map((row) => [String(row['order_id']), row]))
}

async function sumOf(
  databases: Databases,
  name: Parameters<Databases['query']>[0],
  sql: string,
): Promise<number> {
  const [row] = await databases.query(name, sql)
  return Number(row!['total'])
}

/** Undo rows of committed branches go in the background: they get a moment. */
export async function auditWhenQuiet(
  databases: Databases,
  onLook: (audit: Audit) => void = () => {},
): Promise<Audit> {
  for (let looks = 0; ; looks++) {
    const audit = await auditShop(databases)
    if (audit.undoRowCount === 0 || looks === 50) return audit
    onLook(audit)
    await sleep(200)
  }
}

async function countUndoRows(databases: Databases): Promise<[undo: number, defence: number]> {
  let undo = 0
  let defence = 0
  for (const name of serviceNames) {
    undo += await sumOf(
      databases,
      name,
      'SELECT COUNT(*) AS total FROM undo_log WHERE log_status = 0',
    )
    defence += await sumOf(
      databases,
      name,
      'SELECT COUNT(*) AS total FROM undo_log WHERE log_status <> 0',
    )
  }
  return [undo, defence]
}

function* halfDone(...tables: readonly Rows[]): Generator<string> {
  const all = new Set(tables.flatMap((table) => [...table.keys()]))
  for (const orderId of all) if (!tables.every((table) => table.has(orderId))) yield orderId
}

function sum(rows: Rows, column: string): number {
  let total = 0
  for (const row of rows.values()) total += Number(row[column])
  return total
}
