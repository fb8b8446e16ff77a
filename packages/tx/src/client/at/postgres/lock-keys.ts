/** The global lock keys of images, in the grammar of ../lock-keys.ts. */
import { buildLockKeys } from '../lock-keys.ts'
import type { TableRecords } from '../undo/undo-log.ts'

/** The keys of all rows, each once, grouped by table in the order in which they first appear. */
export function lockKeysOf(images: readonly TableRecords[]): string {
  return buildLockKeys(
    images.flatMap(({ tableName, rows }) =>
      rows.map(({ fields }) => ({
        tableName,
        key: fields.filter((one) => one.isPrimaryKey).map((one) => one.value?.text ?? ''),
      })),
    ),
  )
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
