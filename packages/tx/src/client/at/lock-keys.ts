/**
 * Lock keys: which rows a branch locks at the coordinator, as one string.
 *
 * ```
 * table:pk1,pk2;table2:pk        parts of a composite key are joined by `_`
 * ```
 *
 * The grammar has no escape. A key that contains `,` `;` or `:` is therefore written with these
 * three percent-encoded, where Seata's own client throws; an empty key becomes `%00`, because an
 * empty list of keys would lock nothing. The `%` itself stays as it is, so that keys of Java peers
 * look the same. Two different rows may thus share a key (`a,b` and `a%2Cb`, or `a_b`,`c` and
 * `a`,`b_c`): they exclude each other without need, which is safe; the same row never has two keys.
 * Original: org.apache.seata.rm.datasource.exec.BaseTransactionalExecutor#buildLockKey.
 */

export interface LockedRow {
  readonly tableName: string
  /** Values of the primary key as text, in the order of the table's columns. */
  readonly key: readonly string[]
}

/** Writes the lock keys of `rows`, each row once, tables in order of first appearance. */
export function formatLockKeys(rows: Iterable<LockedRow>): string {
  const keysByTable = new Map<string, Set<string>>()
  for (const { tableName, key } of rows) {
    let keys = keysByTable.get(tableName)
    if (keys === undefined) keysByTable.set(tableName, (keys = new Set()))
    keys.add(escapePart(key.join('_')))
  }
  const tables: string[] = []
  for (const [tableName, keys] of keysByTable) {
    tables.push(`${escapePart(tableName)}:${[...keys].join(',')}`)
  }
  return tables.join(';')
}

function escapePart(part: string): string {
  if (part === '') return '%00'
  return part.replace(/[,;:]/g, (character) => escapes[character]!)
}

const escapes: Readonly<Record<string, string>> = { ',': '%2C', ';': '%3B', ':': '%3A' }
