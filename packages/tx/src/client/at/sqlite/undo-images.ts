/**
 * From a changeset to the undo log: before and after images of every changed row.
 *
 * Rows stay in the order of the changeset; neighbours of one table and kind become one statement.
 * An UPDATE's images hold the primary key and the columns that changed.
 */
import type { LockedRow } from '../lock-keys.ts'
import type { Field, Row, StatementUndoLog } from '../undo/undo-log.ts'
import type { ChangeRecord, RowChange, TableChanges } from './changeset.ts'
import { jdbcTypeOf, toLockText, toUndoValue } from './sqlite-value.ts'

/** @param columnsOf the stored columns of a table, in order. */
export function buildUndoStatements(
  changes: readonly TableChanges[],
  columnsOf: (tableName: string) => readonly string[],
): StatementUndoLog[] {
  return changes.flatMap((table) => buildTable(table, columnsOf(table.tableName)))
}

function buildTable(table: TableChanges, columns: readonly string[]): StatementUndoLog[] {
  const { tableName } = table
  const statements: { kind: RowChange['kind']; before: Row[]; after: Row[] }[] = []
  for (const change of table.rows) {
    let statement = statements.at(-1)
    if (statement?.kind !== change.kind) {
      statement = { kind: change.kind, before: [], after: [] }
      statements.push(statement)
    }
    if (change.kind !== 'INSERT') statement.before.push(toRow(change.before, table, columns))
    if (change.kind === 'INSERT') statement.after.push(toRow(change.after, table, columns))
    if (change.kind === 'UPDATE') {
      const after = change.after.map((value, i) => (table.isKey[i] ? change.before[i] : value))
      statement.after.push(toRow(after, table, columns))
    }
  }
  return statements.map(({ kind, before, after }) => ({
    sqlType: kind,
    tableName,
    beforeImage: { tableName, rows: before },
    afterImage: { tableName, rows: after },
  }))
}

function toRow(record: ChangeRecord, table: TableChanges, columns: readonly string[]): Row {
  const fields: Field[] = []
  for (const [i, value] of record.entries()) {
    if (value === undefined) continue
    fields.push({
      name: columns[i]!,
      isPrimaryKey: table.isKey[i]!,
      jdbcType: jdbcTypeOf(value),
      value: toUndoValue(value),
    })
  }
  return { fields }
}

/** The rows that a branch locks: those that it changed. */
export function lockedRows(changes: readonly TableChanges[]): LockedRow[] {
  return changes.flatMap(({ tableName, isKey, rows }) =>
    rows.map((change) => {
      const record = change.kind === 'INSERT' ? change.after : change.before
      const key = record.filter((_, i) => isKey[i]).map((value) => toLockText(value ?? null))
      return { tableName, key }
    }),
  )
}
