/** Rows of a table as images: read in a form that loses nothing, found again by primary key. */
import { epochMs } from '../undo/jackson-time.ts'
import { refuse } from '../refuse.ts'
import type { Field, Row, TableRecords } from '../undo/undo-log.ts'
import {
  canonicalText,
  quoteName,
  readExpression,
  toUndoValue,
  writeLiteral,
} from './column-types.ts'
import type { MysqlSession, RawValue } from './driver/session.ts'
import { lockTextsOf, type LockableRow } from './lock-keys.ts'
import type { Column, Table } from './table-meta.ts'

/** Rows of a table, with what their global locks are called. */
export interface Image extends TableRecords {
  readonly rows: readonly LockableRow[]
}

/** The columns of a SELECT that reads an image. */
export function imageColumns(columns: readonly Column[], alias: string): string {
  return columns
    .map(({ name, type }) => readExpression(type, `${quoteName(alias)}.${quoteName(name)}`))
    .join(', ')
}

/** Columns that an image can have: those that can be written back. */
export function storedColumns(table: Table): readonly Column[] {
  return table.columns.filter(({ isGenerated }) => !isGenerated)
}

/** The rows of an answer as an image; those without a key (of outer joins) and doubles left out. */
export function imageOf(
  table: Table,
  columns: readonly Column[],
  rows: readonly (readonly RawValue[])[],
): Image {
  const found = new Map<string, LockableRow>()
  for (const raw of rows) {
    const row = rowOf(table, columns, raw)
    if (row !== undefined) found.set(keyOf(table, row), row)
  }
  return { tableName: table.name, rows: [...found.values()] }
}

function rowOf(
  table: Table,
  columns: readonly Column[],
  raw: readonly RawValue[],
): LockableRow | undefined {
  const fields: Field[] = []
  for (const [i, column] of columns.entries()) {
    const { name, type, isPrimaryKey } = column
    const value = toUndoValue(type, raw[i]!)
    if (value === undefined) {
      throw refuse(
        `a change of ${table.name}`,
        `a value of its column ${name} has no equal in UTF-8, or cannot be told from another`,
        'change the row outside of the transaction',
      )
    }
    if (isPrimaryKey && value === null) return undefined
    fields.push({ name, isPrimaryKey, jdbcType: type.jdbcType, value })
  }
  return { fields, lockTexts: lockTextsOf(table, fields) }
}

/** A row's primary key as one string, the same whoever wrote the row down. */
export function keyOf(table: Table, row: Row): string {
  return JSON.stringify(
    table.primaryKey.map(({ name, type }) =>
      canonicalText(type, fieldOf(row, name)?.value ?? null),
    ),
  )
}

export function fieldOf(row: Row, name: string): Field | undefined {
  return row.fields.find((field) => field.name === name)
}

/** Most values of one IN: MariaDB makes a subquery of more, which would lock all rows. */
const maxInValues = 900

/**
 * The condition that a row is one of `rows`, by primary key, the same in every session.
 * @param alias of the table; undefined when the statement has only this one.
 */
export function keyCondition(table: Table, rows: readonly Row[], alias?: string): string {
  if (rows.length === 0) return 'FALSE'
  const prefix = alias === undefined ? '' : `${quoteName(alias)}.`
  const [first, ...others] = table.primaryKey
  if (others.length > 0) {
    const isRow = (row: Row): string =>
      table.primaryKey.map((column) => isEqual(column, prefix, row)).join(' AND ')
    return `(${rows.map((row) => `(${isRow(row)})`).join(' OR ')})`
  }
  const lists: string[] = []
  for (let i = 0; i < rows.length; i += maxInValues) {
    const values = rows.slice(i, i + maxInValues).map((row) => literalOf(first!, row))
    lists.push(`${prefix}${quoteName(first!.name)} IN (${values.join(', ')})`)
  }
  return `(${lists.join(' OR ')})`
}

function isEqual(column: Column, prefix: string, row: Row): string {
  const sql = prefix + quoteName(column.name)
  if (column.type.kind !== 'timestamp') return `${sql} = ${literalOf(column, row)}`
  const { ms, nanos } = epochMs(fieldOf(row, column.name)?.value?.text ?? '') ?? { ms: 0, nanos: 0 }
  const micros = String(nanos / 1000).padStart(6, '0')
  return `UNIX_TIMESTAMP(${sql}) = ${Math.floor(ms / 1000)}.${micros}`
}

function literalOf({ name, type }: Column, row: Row): string {
  return writeLiteral(type, fieldOf(row, name)?.value ?? null)
}

/** Reads the rows that `condition` finds, locked. */
export async function readImage(
  session: MysqlSession,
  table: Table,
  columns: readonly Column[],
  condition: string,
): Promise<Image> {
  const list = imageColumns(columns, 't')
  const { rows } = await session.run(
    `SELECT ${list} FROM ${table.sql} AS t WHERE ${condition} FOR UPDATE`,
  )
  return imageOf(table, columns, rows)
}
