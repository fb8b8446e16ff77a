/**
 * The global lock keys of rows. A key's text is that of the value as it is stored, in the form that
 * Java gives it (String.valueOf of the driver's object), so that Java peers use the same locks.
 *
 * Values that look different may be one to the database: `Anna`, `ANNA` and `anna ` are one key
 * under most collations. Such a row has a second lock, whose text is the same for all of them: who
 * deletes `Anna` keeps others from inserting `ANNA`, which would have no place after a rollback.
 */
import { buildLockKeys } from '../lock-keys.ts'
import type { Field, Row, UndoValue } from '../undo/undo-log.ts'
import type { Column, Table } from './table-meta.ts'

export interface LockableRow extends Row {
  /** The key's values for each of its locks. */
  readonly lockTexts: readonly (readonly string[])[]
}

export interface LockableRecords {
  readonly tableName: string
  readonly rows: readonly LockableRow[]
}

/** The keys of all rows, each once, grouped by table in the order in which they first appear. */
export function lockKeysOf(images: readonly LockableRecords[]): string {
  return buildLockKeys(
    images.flatMap(({ tableName, rows }) =>
      rows.flatMap(({ lockTexts }) => lockTexts.map((key) => ({ tableName, key }))),
    ),
  )
}

export function lockTextsOf(
  { primaryKey }: Pick<Table, 'primaryKey'>,
  fields: readonly Field[],
): readonly (readonly string[])[] {
  const values = primaryKey.map(({ name }) => fields.find((field) => field.name === name)?.value)
  const stored = values.map((value) => javaText(value ?? null))
  const folded = primaryKey.map((column, i) => foldText(column, stored[i]!))
  return folded.every((text, i) => text === stored[i]) ? [stored] : [stored, folded]
}

function foldText({ type, isFolded }: Column, text: string): string {
  if (type.charset === undefined) return text
  const trimmed = text.replace(/ +$/, '')
  if (!isFolded) return trimmed
  return trimmed.normalize('NFKD').replaceAll(/\p{M}/gu, '').toUpperCase().toLowerCase()
}

function javaText(value: UndoValue): string {
  if (value === null) return ''
  const { javaType, text } = value
  if (javaType === 'java.time.LocalDateTime') {
    const [day, time = ''] = text.split(' ')
    const [clock = '', fraction = ''] = time.split('.')
    const places = Math.ceil(fraction.length / 3) * 3
    const short = fraction === '' && clock.endsWith(':00') ? clock.slice(0, 5) : clock
    return `${day}T${short}${fraction === '' ? '' : `.${fraction.padEnd(places, '0')}`}`
  }
  if (javaType === 'java.sql.Timestamp') return text.includes('.') ? text : `${text}.0`
  return text
}
