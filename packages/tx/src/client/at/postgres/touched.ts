/** What a run of a statement did. */
import type { RawRow } from './image-rows.ts'
import type { PgResult } from './pg-driver.ts'
import type { Target } from './plan.ts'
import type { Table } from './table-meta.ts'

/** A row that a statement touched, with `existed` where only that is known of the row before. */
export interface TouchedRow {
  readonly before: RawRow | undefined
  readonly after: RawRow | undefined
  readonly existed?: boolean
}

/** What a statement did to the rows of one table. */
export interface TouchedTable {
  readonly table: Table
  readonly target: Target
  readonly rows: readonly TouchedRow[]
}

/** What a run of a statement gave. */
export interface Run {
  readonly result: PgResult
  readonly touched: readonly TouchedTable[]
}
