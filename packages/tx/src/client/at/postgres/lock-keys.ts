/** The global lock keys of images, in the grammar of ../lock-keys.ts. */
import { buildLockKeys } from '../lock-keys.ts'
import type { Row, TableRecords } from '../undo/undo-log.ts'

export interface KeyedRow extends Row {
  /** The primary key's values for its lock, where equal ones look different in the fields. */
  readonly lockKey?: readonly string[]
}

export interface KeyedRecords extends TableRecords {
  readonly rows: readonly KeyedRow[]
}

/** The keys of all rows, each once, grouped by table in the order in which they first appear. */
export function lockKeysOf(images: readonly KeyedRecords[]): string {
  return buildLockKeys(
    images.flatMap(({ tableName, rows }) =>
      rows.map((row) => ({ tableName, key: row.lockKey ?? keyTexts(row) })),
    ),
  )
}

function keyTexts({ fields }: Row): readonly string[] {
  return fields.filter((one) => one.isPrimaryKey).map((one) => one.value?.text ?? '')
}
