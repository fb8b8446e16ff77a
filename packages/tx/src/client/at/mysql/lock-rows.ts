/**
 * Runs SELECT … FOR UPDATE, and finds out which rows it has locked with a second look: the rows are
 * locked by then, so that it finds them all. It may find more, of rows that others have let go
 * meanwhile; to wait for those too does no harm.
 */
import { runOwn, type Change, type Execution } from './execution.ts'
import { imageColumns, imageOf, type Image } from './images.ts'
import type { LockPlan, NamedUse } from './plan.ts'
import type { Table } from './table-meta.ts'

export async function runLock(
  execution: Execution,
  plan: LockPlan,
  tables: readonly (readonly [NamedUse, Table])[],
): Promise<Change> {
  execution.buffer()
  await execution.run(plan.text)
  if (tables.length === 0) return { undo: [] }
  const columns = tables.map(([use, table]) => imageColumns(table.primaryKey, use.alias))
  const { rows, fields } = await runOwn(execution, plan.rewrite(columns.join(', ')))
  const count = tables.reduce((sum, [, table]) => sum + table.primaryKey.length, 0)
  let start = fields.length - count
  const locked: Image[] = []
  for (const [, table] of tables) {
    const from = start
    start += table.primaryKey.length
    const end = start
    const own = rows.map((row) => row.slice(from, end))
    const image = imageOf(table, table.primaryKey, own)
    if (image.rows.length > 0) locked.push(image)
  }
  return locked.length === 0 ? { undo: [] } : { undo: [], locked }
}
