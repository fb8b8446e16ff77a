/** Compares the two databases with plain SQL: every order with what was taken from the stock. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Findings {
  readonly orderIds: readonly string[]
  /** Orders that are in one database and not in the other, or with other numbers. */
  readonly halfDone: readonly string[]
  /** Rows that could still undo something; none once everything has ended. */
  readonly undoRows: number
}

/** Undo rows of committed transactions are deleted in the background: they get some seconds. */
export async function checkWhenQuiet(dataDir: string): Promise<Findings> {
  for (let looks = 0; ; looks++) {
    const findings = check(dataDir)
    if (findings.undoRows === 0 || looks === 50) return findings
    await sleep(100)
  }
}

function check(dataDir: string): Findings {
  const orders = new DatabaseSync(join(dataDir, 'orders.sqlite'), { readOnly: true })
  const inventory = new DatabaseSync(join(dataDir, 'inventory.sqlite'), { readOnly: true })
  try {
    const ordered = readPieces(orders, 'SELECT order_id, pieces FROM orders')
    const reserved = readPieces(
      inventory,
      'SELECT order_id, SUM(quantity) AS pieces FROM reservations GROUP BY order_id',
    )
    const all = [...new Set([...ordered.keys(), ...reserved.keys()])]
    return {
      orderIds: [...ordered.keys()],
      halfDone: all.filter((orderId) => ordered.get(orderId) !== reserved.get(orderId)),
      undoRows: countUndoRows(orders) + countUndoRows(inventory),
    }
  } finally {
    orders.close()
    inventory.close()
  }
}

function readPieces(database: DatabaseSync, sql: string): Map<string, number> {
  const rows = database.prepare(sql).all()
  return new Map(rows.map((row) => [String(row['order_id']), Number(row['pieces'])]))
}

function countUndoRows(database: DatabaseSync): number {
  return Number(database.prepare('SELECT COUNT(*) AS n FROM undo_log').get()!['n'])
}
