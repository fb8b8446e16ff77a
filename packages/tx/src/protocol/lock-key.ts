/**
 * The rows that a branch locks, as text: `table:pk1,pk2;table2:pk`. Original:
 * org.apache.seata.server.lock.AbstractLockManager.collectRowLocks.
 *
 * There is no escape. A key that contains a separator is cut into several, here and in Seata; that
 * locks too much, but the same for all who touch the row. What lies behind a `;` without a `:` is
 * such a rest and belongs to the table before it (Seata forgets it, and the row is not protected).
 */
import { txError } from '../errors.ts'

export interface TableLocks {
  readonly table: string
  /** Primary keys as text; the parts of a composite one are joined by `_`. */
  readonly keys: readonly string[]
}

/** Most rows that one branch may lock; parsed they take some 30 MiB. */
export const defaultMaxLockRows = 500_000

/**
 * Empty keys and groups are skipped. A table may appear more than once.
 * @param maxRows limit of the rows, empty ones counted too.
 * @throws SETTEE_TX_BAD_MESSAGE when a table name is missing or there are more than `maxRows` rows.
 */
export function parseLockKeys(
  lockKeys: string,
  maxRows: number = defaultMaxLockRows,
): TableLocks[] {
  const tables: { table: string; keys: string[] }[] = []
  let rowsLeft = maxRows
  for (const group of splitAtMost(lockKeys, ';', maxRows)) {
    if (group === '') continue
    const colon = group.indexOf(':')
    if (colon > 0) tables.push({ table: group.slice(0, colon), keys: [] })
    const table = tables.at(-1)
    if (colon === 0 || table === undefined) throw missingTable(group)
    const keys = splitAtMost(group.slice(colon + 1), ',', rowsLeft)
    rowsLeft -= keys.length
    for (const key of keys) if (key !== '') table.keys.push(key)
  }
  return tables
}

export function formatLockKeys(tables: readonly TableLocks[]): string {
  return tables.map(({ table, keys }) => `${table}:${keys.join(',')}`).join(';')
}

/** Stops cutting behind the limit, so that a hostile text costs no more memory than a good one. */
function splitAtMost(text: string, separator: string, limit: number): string[] {
  const parts = text.split(separator, limit + 1)
  if (parts.length <= limit) return parts
  throw txError(
    'SETTEE_TX_BAD_MESSAGE',
    `a lock key of ${text.length} characters names too many rows (${limit} would fit); ` +
      'change fewer rows in one statement',
  )
}

function missingTable(group: string): Error {
  return txError(
    'SETTEE_TX_BAD_MESSAGE',
    `a lock key has the part "${group.slice(0, 40)}" without a table; the form is ` +
      'table:pk1,pk2;table2:pk',
  )
}
