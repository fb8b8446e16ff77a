/** Rows as one array for each column, so that one text fits any number of them. */
import { quoteIdentifier } from './pg-driver.ts'
import type { Column, Table } from './table-meta.ts'

/** The rows whose primary keys are in the parameters: an array of texts for each key column. */
export function keyCondition(table: Table, prefix = ''): string {
  const keys = table.primaryKey
  const names = keys.map((column) => prefix + quoteIdentifier(column.name)).join(', ')
  return `(${names}) IN (SELECT ${casts(keys)} FROM ${unnested(keys)})`
}

/** The columns of {@link unnested} as values of their types. */
export function casts(columns: readonly Column[]): string {
  return columns.map((column, i) => `v${i}::${column.typeSql}`).join(', ')
}

/** The parameters as rows of texts. */
export function unnested(columns: readonly Column[]): string {
  const arrays = columns.map((_, i) => `$${i + 1}::text[]`).join(', ')
  return `unnest(${arrays}) AS v (${columns.map((_, i) => `v${i}`).join(', ')})`
}
