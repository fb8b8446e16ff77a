/** What to do with a statement inside a global transaction. */
import type { RangeVar } from '@settee/sql/postgres'
import { quoteIdentifier } from './pg-driver.ts'
import type { TransactionPlan } from './statement-kinds.ts'
import type { FunctionCall } from './volatile-functions.ts'

export type Plan = SinglePlan | ManyPlan

/** What to do with one statement. */
export type SinglePlan = ChangePlan | TransactionPlan | PassPlan

/** Changes no rows, unless a function that it calls does: runs as it is. */
export interface PassPlan {
  readonly kind: 'PASS'
  readonly calls: readonly FunctionCall[]
}

/** Statements whose rows are kept or looked at. */
export type ChangePlan = WritePlan | WithPlan | LockPlan

/** The rows of a table that a statement may change, and how. */
export interface Target {
  readonly relation: Relation
  /** UPSERT is INSERT … ON CONFLICT DO UPDATE. */
  readonly verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'UPSERT' | 'MERGE'
  /** Columns that it sets in rows that exist. */
  readonly columns: readonly string[]
  /** Those that an UPSERT sets to what it proposed, as `id = excluded.id`: no new key by itself. */
  readonly proposed: readonly string[]
  /** It may remove rows. */
  readonly deletes: boolean
  /** What the statement's RETURNING tells of each row. */
  readonly image: ImageForm
}

/**
 * `after` and `before`: the row; `both`: old.* and new.*, which PostgreSQL 18 and later have;
 * `touched`: whether the row was there before, and the row as it is now.
 */
export type ImageForm = 'after' | 'before' | 'both' | 'touched'

/** A statement that changes one table, spliced so that it returns the image too. */
export interface WritePlan extends Target {
  readonly kind: 'WRITE'
  readonly calls: readonly FunctionCall[]
  readonly text: string
  /** How to read the rows before an UPDATE, where RETURNING has no old.*. */
  readonly pin: Pin | undefined
}

export interface Pin {
  readonly imageText: string
  /** Numbers of the statement's parameters that {@link imageText} uses, in its order. */
  readonly imageParameters: readonly number[]
  /** Number of the parameter that takes the row addresses: the last one. */
  readonly parameter: number
  /** The rows' lock: the one that the UPDATE takes, so that foreign keys to them go on. */
  readonly lock: string
}

/** A statement with WITH clauses that write. */
export interface WithPlan {
  readonly kind: 'WITH'
  readonly calls: readonly FunctionCall[]
  /** In the order of the text; the statement itself is the last when it writes. */
  readonly targets: readonly Target[]
  /** What the statement itself is, as the driver says it. */
  readonly command: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE'
  /** The statement has columns of its own to answer with. */
  readonly hasAnswer: boolean
  /** The text for tables that have these columns, in the order of {@link targets}. */
  buildText(columns: readonly (readonly string[])[]): string
}

export interface LockPlan {
  readonly kind: 'LOCK'
  readonly relations: readonly Relation[]
  readonly calls: readonly FunctionCall[]
  readonly text: string
  /** NOWAIT: a global lock is not waited for either. */
  readonly isNoWait: boolean
}

/** Several statements in one string, each with its plan. */
export interface ManyPlan {
  readonly kind: 'MANY'
  readonly statements: readonly { readonly text: string; readonly plan: SinglePlan }[]
}

export interface Relation {
  readonly schema: string | undefined
  readonly name: string
}

export function relationOf(target: RangeVar): Relation {
  return { schema: target.schemaname, name: target.relname! }
}

/** The table's name as SQL. */
export function referenceOf({ schema, name }: Relation): string {
  const table = quoteIdentifier(name)
  return schema === undefined ? table : `${quoteIdentifier(schema)}.${table}`
}

/** The name by which the statement's own expressions know the table. */
export function aliasOf(target: RangeVar): string {
  return quoteIdentifier(target.alias?.aliasname ?? target.relname!)
}

export function isChangePlan(plan: Plan): plan is ChangePlan {
  return plan.kind === 'WRITE' || plan.kind === 'WITH' || plan.kind === 'LOCK'
}

export function isTransactionPlan(plan: Plan): plan is TransactionPlan {
  return !isChangePlan(plan) && plan.kind !== 'PASS' && plan.kind !== 'MANY'
}
