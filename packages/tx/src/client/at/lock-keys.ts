/**
 * Lock keys: which rows a branch locks at the coordinator, as one string.
 *
 * ```
 * table:pk1,pk2;table2:pk        parts of a composite key are joined by `_`
 * ```
 *
 * The grammar has no escape. `,` and `;` in a key are therefore written as `%2C` and `%3B`, where
 * Seata's own client throws, and in a table name `:` as `%3A` too; an empty key becomes `%00`,
 * because the coordinator skips what is empty and the row would not be locked. The `%` itself stays
 * as it is, so that keys of Java peers look the same. Two different rows may thus share a key
 * (`a,b` and `a%2Cb`, or `a_b`,`c` and `a`,`b_c`): they exclude each other without need, which is
 * safe; the same row never has two keys.
 * Original: org.apache.seata.rm.datasource.exec.BaseTransactionalExecutor#buildLockKey.
 */
import { formatLockKeys } from '../../protocol/lock-key.ts'

export interface LockedRow {
  readonly tableName: string
  /** Values of the primary key as text, in the order of the table's columns. */
  readonly key: readonly string[]
}

/** Writes the lock keys of `rows`, each row once, tables in order of first appearance. */
export function buildLockKeys(rows: Iterable<LockedRow>): string {
  const keysByTable = new Map<string, Set<string>>()
  for (const { tableName, key } of rows) {
    let keys = keysByTable.get(tableName)
    if (keys === undefined) keysByTable.set(tableName, (keys = new Set()))
    keys.add(escapeKey(key.join('_')))
  }
  return formatLockKeys(
    Array.from(keysByTable, ([tableName, keys]) => ({
      table: escape(tableName, /[,;:]/g),
      keys: [...keys],
    })),
  )
}

function escapeKey(key: string): string {
  return key === '' ? '%00' : escape(key, /[,;]/g)
}

function escape(text: string, pattern: RegExp): string {
  return text.replace(pattern, (character) => escapes[character]!)
}

const escapes: Readonly<Record<string, string>> = { ',': '%2C', ';': '%3B', ':': '%3A' }
