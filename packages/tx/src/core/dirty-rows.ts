/**
 * The report of rows that cannot be rolled back, as people see it. It is kept as the text that the
 * resource manager sent, `{"dirty":{…}}`, and read only here; what is no such report is not shown.
 */
import type { RepairChoice } from './transaction.ts'

export interface DirtyRowsView {
  readonly code: string
  readonly message: string
  readonly rows: readonly DirtyRowView[]
  /** Dirty rows that are not in `rows`. */
  readonly omittedRows: number
}

export interface DirtyRowView {
  readonly tableName: string
  readonly sqlType: 'INSERT' | 'UPDATE' | 'DELETE'
  /** Values by column, keys first; absent where the row did not exist. */
  readonly before?: CellsView
  readonly after?: CellsView
  readonly now?: CellsView
  /** What a person would run for each choice; empty when nothing is to be done. */
  readonly sql: Readonly<Record<RepairChoice, string>>
}

export type CellsView = Readonly<Record<string, string | null>>

/** Null when the text is no report. */
export function readDirtyRows(text: string): DirtyRowsView | null {
  if (text === '') return null
  try {
    const { dirty } = JSON.parse(text) as { dirty?: Partial<DirtyRowsView> }
    const { code, message, rows, omittedRows } = dirty ?? {}
    const isReport = typeof code === 'string' && typeof message === 'string' && Array.isArray(rows)
    if (!isReport || !rows.every(isRow)) return null
    return { code, message, rows, omittedRows: Number(omittedRows ?? 0) }
  } catch {
    return null
  }
}

function isRow(row: Partial<DirtyRowView> | null): boolean {
  return typeof row?.tableName === 'string' && typeof row.sql === 'object' && row.sql !== null
}
