/**
 * Checks the foreign keys of rows that were changed while they were not enforced: only those rows,
 * because PRAGMA foreign_key_check would read whole tables.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { SqliteValue } from './sqlite-value.ts'
import { type ForeignKey, quoteName, readForeignKeys } from './table-schema.ts'

type Image = ReadonlyMap<string, SqliteValue>

export interface ChangedRow {
  readonly tableName: string
  /** Text of its primary key, for the report. */
  readonly key: string
  /** The row that was taken out. */
  readonly removed: Image | undefined
  /** The row that was put in. */
  readonly restored: Image | undefined
}

export interface BrokenReference {
  readonly tableName: string
  readonly key: string
  readonly reason: string
}

/** The first of `rows` that refers to nothing, or whose removal left a reference to it dangling. */
export function findBrokenReference(
  database: DatabaseSync,
  rows: readonly ChangedRow[],
): BrokenReference | undefined {
  const foreignKeys = readForeignKeys(database, new Set(rows.map((row) => row.tableName)))
  for (const foreignKey of foreignKeys) {
    for (const { tableName, key, removed, restored } of rows) {
      if (isSameName(foreignKey.child, tableName) && isOrphan(database, foreignKey, restored)) {
        return { tableName, key, reason: `the row of ${foreignKey.parent} that it needs is gone` }
      }
      if (isSameName(foreignKey.parent, tableName) && isMissed(database, foreignKey, removed)) {
        return { tableName, key, reason: `a row of ${foreignKey.child} has come to depend on it` }
      }
    }
  }
  return undefined
}

function isOrphan(database: DatabaseSync, foreignKey: ForeignKey, row: Image | undefined): boolean {
  const values = row && valuesOf(row, foreignKey.childColumns)
  return values !== undefined && !hasParent(database, foreignKey, values)
}

function isMissed(database: DatabaseSync, foreignKey: ForeignKey, row: Image | undefined): boolean {
  const values = row && valuesOf(row, foreignKey.parentColumns)
  if (values === undefined || hasParent(database, foreignKey, values)) return false
  return exists(database, foreignKey.child, foreignKey.childColumns, values)
}

function hasParent(
  database: DatabaseSync,
  { parent, parentColumns }: ForeignKey,
  values: readonly SqliteValue[],
): boolean {
  return exists(database, parent, parentColumns, values)
}

function exists(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  values: readonly SqliteValue[],
): boolean {
  const condition = columns.map((column) => `${quoteName(column)} = ?`).join(' AND ')
  const statement = database.prepare(
    `SELECT 1 FROM main.${quoteName(table)} WHERE ${condition} LIMIT 1`,
  )
  return statement.get(...(values as SQLInputValue[])) !== undefined
}

/** Undefined when one is NULL: such a row refers to nothing and is referred to by none. */
function valuesOf(row: Image, columns: readonly string[]): SqliteValue[] | undefined {
  const byLowerName = new Map([...row].map(([name, value]) => [name.toLowerCase(), value]))
  const values = columns.map((column) => byLowerName.get(column.toLowerCase()) ?? null)
  return values.includes(null) ? undefined : values
}

function isSameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
