/** What to do with a statement inside a global transaction. */
import type { TransactionStatement } from '@settee/sql/mysql'
import type { NamedCall } from './expressions.ts'
import type { Fragment } from './sql-fragment.ts'

export type Plan = PassPlan | TransactionPlan | AutocommitPlan | ChangePlan
export type ChangePlan = UpdatePlan | DeletePlan | InsertPlan | LockPlan

interface PlanBase {
  /** The statement as it is. */
  readonly text: Fragment
  /** Functions that it calls and that may be some of the database. */
  readonly calls: readonly NamedCall[]
}

/** Changes no rows: runs as it is. */
export interface PassPlan extends PlanBase {
  readonly kind: 'PASS'
}

export interface TransactionPlan extends PlanBase {
  readonly kind: 'TRANSACTION'
  readonly action: TransactionStatement['action']
  readonly savepoint: string
}

/** SET autocommit, which begins and ends transactions. */
export interface AutocommitPlan extends PlanBase {
  readonly kind: 'AUTOCOMMIT'
  readonly isOn: boolean
}

/** A table as a statement names it. */
export interface NamedUse {
  readonly schema: string | undefined
  readonly name: string
  /** By which expressions know it. */
  readonly alias: string
}

/** `a`, `t.a` or `db.t.a` of an assignment. */
export interface ColumnName {
  readonly table: string | undefined
  readonly name: string
}

/** How to find the rows that a statement is going to change. */
export interface RowSource {
  /** WITH, which the image needs too. */
  readonly with: Fragment
  /** The table references. */
  readonly from: Fragment
  /** WHERE, ORDER BY and LIMIT; subqueries lock what they read, as those of a change do. */
  readonly tail: Fragment
  readonly hasLimit: boolean
}

interface RowChangePlan extends PlanBase {
  /** All tables of the statement that are no subqueries. */
  readonly tables: readonly NamedUse[]
  readonly isMultiTable: boolean
  readonly rows: RowSource
  /** The statement up to its WHERE. */
  readonly head: Fragment
  /** The condition alone; empty when there is none. */
  readonly condition: Fragment
  /** ORDER BY, and RETURNING of a DELETE. */
  readonly order: Fragment
}

export interface UpdatePlan extends RowChangePlan {
  readonly kind: 'UPDATE'
  readonly columns: readonly ColumnName[]
}

export interface DeletePlan extends RowChangePlan {
  readonly kind: 'DELETE'
  /** The tables whose rows go. */
  readonly targets: readonly NamedUse[]
  readonly hasReturning: boolean
}

/** A value of a row that is inserted. */
export interface InsertValue {
  readonly kind: 'default' | 'null' | 'constant' | 'expression'
  readonly text: Fragment
  /** Number of the parameter that it is; undefined for everything else. */
  readonly parameter: number | undefined
  readonly namesColumns: boolean
}

export type InsertRows =
  | { readonly kind: 'rows'; readonly rows: readonly (readonly InsertValue[])[] }
  /** The query, which locks what it reads. */
  | { readonly kind: 'query'; readonly query: Fragment }

export interface InsertPlan extends PlanBase {
  readonly kind: 'INSERT'
  readonly table: NamedUse
  readonly isReplace: boolean
  readonly isIgnore: boolean
  /** Undefined for all columns of the table. */
  readonly columns: readonly string[] | undefined
  readonly source: InsertRows
  /** Columns that ON DUPLICATE KEY UPDATE sets; undefined without it. */
  readonly onDuplicate: readonly DuplicateAssignment[] | undefined
  readonly hasReturning: boolean
  /** The statement with texts in the place of some values, by row and number. */
  readonly rewrite: (values: ReadonlyMap<InsertValue, Fragment>) => Fragment
}

export interface DuplicateAssignment extends ColumnName {
  /** `id = id` and `id = LAST_INSERT_ID(id)` leave the column as it is. */
  readonly isSame: boolean
}

/** SELECT … FOR UPDATE: the global locks of its rows are looked at. */
export interface LockPlan extends PlanBase {
  readonly kind: 'LOCK'
  /** The tables whose rows it locks. */
  readonly tables: readonly NamedUse[]
  /** The statement with more columns behind its own. */
  readonly rewrite: (columns: string) => Fragment
}
