/**
 * What a branch changed, in a few words for people: `UPDATE account, INSERT ledger`. It is shown to
 * whoever waits for its rows, so it is made of the images' kinds and tables and never of the SQL
 * text, which may hold values.
 */
import type { StatementUndoLog } from './undo/undo-log.ts'

/** Longest text, in UTF-16 units. */
const maxLength = 200

/** Each kind and table once, in the order of first appearance; cut off when it is long. */
export function describeStatements(
  statements: readonly Pick<StatementUndoLog, 'sqlType' | 'tableName'>[],
): string {
  const parts = new Set(statements.map(({ sqlType, tableName }) => `${sqlType} ${tableName}`))
  const text = [...parts].join(', ')
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`
}
