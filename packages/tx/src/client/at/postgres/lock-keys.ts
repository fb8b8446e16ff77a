/**
 * Global lock keys: `table:pk1,pk2;table2:pk`, the parts of a composite key joined by `_`.
 *
 * The grammar has no escape. Here `,` and `;` in a key value are written as `%2C` and `%3B`, and in
 * a table name `:` as `%3A` too: a value such as `a,b` stays one key. A `%` is left alone, so that
 * the keys of peers that know no escape stay the same; the worst is that `a,b` and `a%2Cb` share a
 * lock. A `:` in a value needs no escape, because the first one ends the table name.
 */
import type { TableRecords } from '../undo/undo-log.ts'

const escapes: Readonly<Record<string, string>> = { ',': '%2C', ';': '%3B', ':': '%3A' }

/** The keys of all rows, each once, grouped by table in the order in which they first appear. */
export function lockKeysOf(images: readonly TableRecords[]): string {
  const tables = new Map<string, Set<string>>()
  for (const { tableName, rows } of images) {
    const name = tableName.replaceAll(/[,;:]/g, (one) => escapes[one]!)
    let keys = tables.get(name)
    if (keys === undefined) tables.set(name, (keys = new Set()))
    for (const { fields } of rows) {
      const parts = fields.filter((field) => field.isPrimaryKey)
      const key = parts.map((part) => part.value?.text ?? '').join('_')
      keys.add(key.replaceAll(/[,;]/g, (one) => escapes[one]!))
    }
  }
  return [...tables].map(([name, keys]) => `${name}:${[...keys].join(',')}`).join(';')
}

/** Whether all of `wanted` are among `held`; both as {@link lockKeysOf} writes them. */
export function coversLockKeys(held: string, wanted: string): boolean {
  const heldKeys = new Set(splitLockKeys(held))
  return splitLockKeys(wanted).every((key) => heldKeys.has(key))
}

function splitLockKeys(lockKeys: string): string[] {
  return lockKeys.split(';').flatMap((group) => {
    const colon = group.indexOf(':')
    const table = group.slice(0, colon + 1)
    return group
      .slice(colon + 1)
      .split(',')
      .map((key) => table + key)
  })
}
