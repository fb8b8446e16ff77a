/**
 * What a statement would do, by PostgreSQL's own grammar: which statements AT mode can undo, which
 * need nothing, and which it refuses. The list is one of what is allowed: an unknown statement is
 * refused, because a statement that ran without an undo log cannot be taken back.
 *
 * The texts that collect the images are spliced from the user's text (never generated from the
 * tree, which could change a literal) and parsed once more to check that the splice is what was
 * meant:
 *
 * ```
 * INSERT, DELETE   <text> RETURNING <user's columns>, mark, t.*          after or before image
 * UPDATE           SELECT mark, t.*, t.ctid FROM t WHERE (…) FOR UPDATE   before image
 *                  <text> with WHERE (…) AND t.ctid = ANY($n) RETURNING …, mark, t.*
 * SELECT … FOR UPDATE   SELECT <user's columns>, mark, t.* FROM …         rows to check
 * ```
 *
 * Pinning the UPDATE to the rows that the before image locked keeps rows out that begin to match in
 * between. `mark` is a column that separates the user's columns from ours. It is NULL when the
 * session prints dates and floats with loss, which the image of an UPDATE has seen before, and else
 * the version of the table, which that image does not need.
 */
import type { DeleteStmt, InsertStmt, RangeVar, SelectStmt, UpdateStmt } from 'libpg-query'
import { quoteIdentifier } from './pg-driver.ts'
import type { SqlText } from './sql-text.ts'
import {
  expectStatement,
  nodeOf,
  refuse,
  refuseNested,
  transactionPlan,
  type ParseSql,
  type TransactionPlan,
} from './statement-kinds.ts'
import { versionSql } from './table-meta.ts'
import { callsOf, type FunctionCall } from './volatile-functions.ts'

export interface Relation {
  readonly schema: string | undefined
  readonly name: string
}

export interface InsertOrDeletePlan {
  readonly kind: 'INSERT' | 'DELETE'
  readonly relation: Relation
  readonly calls: readonly FunctionCall[]
  /** The statement with the image behind the user's own columns. */
  readonly text: string
}

export interface UpdatePlan {
  readonly kind: 'UPDATE'
  readonly relation: Relation
  readonly calls: readonly FunctionCall[]
  /** Columns that the statement sets. */
  readonly columns: readonly string[]
  readonly text: string
  /** Number of the parameter that takes the row addresses: the last one. */
  readonly pinParameter: number
  readonly imageText: string
  /** Numbers of the statement's parameters that {@link imageText} uses, in its order. */
  readonly imageParameters: readonly number[]
}

export interface LockPlan {
  readonly kind: 'LOCK'
  readonly relation: Relation
  readonly calls: readonly FunctionCall[]
  readonly text: string
}

/** What to do with a statement inside a global transaction. */
export type Plan =
  | InsertOrDeletePlan
  | UpdatePlan
  | LockPlan
  | TransactionPlan
  /** Changes no rows: runs as it is. */
  | { readonly kind: 'PASS' }

/** Name of the column that separates the user's columns from the image. */
export const markName = 'settee:image'

/** NULL when the session prints something with loss. */
const checkSettings = (value: string): string =>
  "CASE WHEN pg_catalog.current_setting('DateStyle') LIKE 'ISO%' AND " +
  "pg_catalog.current_setting('IntervalStyle') <> 'sql_standard' AND " +
  `pg_catalog.current_setting('extra_float_digits')::int > 0 THEN ${value} END`

const versionOf = (target: RangeVar): string =>
  versionSql(`'${referenceOf(relationOf(target)).replaceAll("'", "''")}'::pg_catalog.regclass`)

/** The mark as a column of a SELECT or RETURNING list. */
const markOf = (value: string): string => `(${value}) AS "${markName}"`

/**
 * Decides what to do with a statement.
 * @throws SETTEE_TX_UNSUPPORTED_SQL when it cannot be undone, with the reason and what to do.
 */
export function analyzeSql(parse: ParseSql, sql: SqlText): Plan {
  if (sql.tokens.length === 0) return { kind: 'PASS' }
  const statement = expectStatement(parse, sql.text)
  const { kind, node } = nodeOf(statement)
  switch (kind) {
    case 'InsertStmt': {
      refuseNested(node)
      if (node.onConflictClause !== undefined) {
        throw refuse(
          'INSERT … ON CONFLICT',
          'it may update rows whose earlier values are not known',
          'read the row with SELECT … FOR UPDATE and choose between INSERT and UPDATE',
        )
      }
      return withReturning('INSERT', node, sql, parse)
    }
    case 'DeleteStmt':
      refuseNested(node)
      return withReturning('DELETE', node, sql, parse)
    case 'UpdateStmt':
      refuseNested(node)
      return planUpdate(node, sql, parse)
    case 'SelectStmt':
      refuseNested(node)
      return node.lockingClause === undefined ? { kind: 'PASS' } : planLock(node, sql, parse)
    case 'TransactionStmt':
      return transactionPlan(node)
    default:
      return { kind: 'PASS' }
  }
}

function withReturning(
  kind: 'INSERT' | 'DELETE',
  node: InsertStmt | DeleteStmt,
  sql: SqlText,
  parse: ParseSql,
): InsertOrDeletePlan {
  const target = node.relation!
  const value = checkSettings(versionOf(target))
  const text = appendReturning(sql, sql.text.slice(0, sql.end), target, value)
  expectStatement(parse, text)
  return { kind, relation: relationOf(target), calls: callsOf(node), text }
}

/** `body` is the statement up to its end, which may hold a RETURNING of the user. */
function appendReturning(sql: SqlText, body: string, target: RangeVar, value: string): string {
  const join = sql.find('RETURNING') === undefined ? ' RETURNING ' : ', '
  return `${body}${join}${markOf(value)}, ${aliasOf(target)}.*`
}

function planUpdate(node: UpdateStmt, sql: SqlText, parse: ParseSql): UpdatePlan {
  if (node.fromClause !== undefined) {
    throw refuse(
      'UPDATE … FROM',
      'its rows cannot be locked before it runs',
      'write the join as a subquery: UPDATE t SET … WHERE id IN (SELECT …)',
    )
  }
  if (node.whereClause !== undefined && 'CurrentOfExpr' in node.whereClause) {
    throw refuse('WHERE CURRENT OF', 'the position of a cursor is not known', 'use the primary key')
  }
  const target = node.relation!
  const update = sql.find('UPDATE')!
  const set = sql.find('SET', update.end)!
  const where = sql.find('WHERE', set.end)
  const returning = sql.find('RETURNING', set.end)
  const tailStart = returning?.start ?? sql.end
  const condition = where === undefined ? undefined : sql.slice(where.end, tailStart)
  const address = `${aliasOf(target)}.ctid`

  const head = sql.text.slice(0, update.start)
  const image = sql.renumber(
    `${head}SELECT ${markOf(checkSettings("''"))}, ${aliasOf(target)}.*, ${address} ` +
      `FROM ${sql.slice(update.end, set.start)}` +
      (condition === undefined ? '' : ` WHERE ${condition}`),
  )
  const pinParameter = sql.parameterCount + 1
  const pinned =
    `${sql.text.slice(0, where?.start ?? tailStart)} WHERE ` +
    (condition === undefined ? '' : `(${condition}\n) AND `) +
    `${address} = ANY ($${pinParameter}::pg_catalog.tid[])\n${sql.text.slice(tailStart, sql.end)}`

  const text = appendReturning(sql, pinned, target, versionOf(target))
  checkImage(parse, image.text, node)
  expectStatement(parse, text)
  return {
    kind: 'UPDATE',
    relation: relationOf(target),
    calls: [...callsOf([node.whereClause, node.withClause], true), ...callsOf(node)],
    columns: (node.targetList ?? []).map((item) =>
      'ResTarget' in item ? item.ResTarget.name! : '',
    ),
    text,
    pinParameter,
    imageText: image.text,
    imageParameters: image.parameters,
  }
}

/** Properties of a tree that a splice changes: offsets into the text and `$n`. */
const positions = /^(\w*location|\w*_start|\w*_end|number)$/

/** The spliced SELECT must have the condition of the UPDATE, or the splice went wrong. */
function checkImage(parse: ParseSql, imageText: string, update: UpdateStmt): void {
  const { kind, node } = nodeOf(expectStatement(parse, imageText))
  const shape = (value: unknown): string =>
    JSON.stringify(value, (key, part: unknown) => (positions.test(key) ? undefined : part)) ?? ''
  const isSame =
    kind === 'SelectStmt' &&
    shape(node.whereClause) === shape(update.whereClause) &&
    shape(node.fromClause) === shape([{ RangeVar: update.relation }])
  if (!isSame) {
    throw refuse('an UPDATE', 'its WHERE clause cannot be singled out', 'put odd names in quotes')
  }
}

function planLock(node: SelectStmt, sql: SqlText, parse: ParseSql): LockPlan {
  const tables = (node.fromClause ?? []).flatMap(tablesOf)
  const wanted = (node.lockingClause ?? []).flatMap((item) =>
    'LockingClause' in item ? (item.LockingClause.lockedRels ?? []) : [],
  )
  const names = wanted.map((item) => ('RangeVar' in item ? item.RangeVar.relname : undefined))
  const locked = tables.filter(
    (table) =>
      table === undefined ||
      names.length === 0 ||
      names.includes(table.alias?.aliasname ?? table.relname),
  )
  const target = locked[0]
  if (locked.length !== 1 || target === undefined) {
    throw refuse(
      'SELECT … FOR UPDATE of several tables',
      'the global locks of one table at a time are checked',
      'name one table with FOR UPDATE OF, or lock the tables one after the other',
    )
  }
  const start = leftmostLocation(node)
  const from = sql.findLast('FROM', start)!
  const text =
    `${sql.text.slice(0, from.start)}, ${markOf(checkSettings(versionOf(target)))}, ` +
    `${aliasOf(target)}.* ` +
    sql.text.slice(from.start, sql.end)
  const spliced = nodeOf(expectStatement(parse, text)).node as SelectStmt
  if (spliced.targetList?.length !== (node.targetList?.length ?? 0) + 2) {
    throw refuse(
      'a SELECT … FOR UPDATE',
      'its FROM cannot be singled out',
      'put odd names in quotes',
    )
  }
  return { kind: 'LOCK', relation: relationOf(target), calls: [], text }
}

type FromItem = NonNullable<SelectStmt['fromClause']>[number]

/** The tables below a FROM item; undefined for a subquery or a function. */
function tablesOf(item: FromItem): readonly (RangeVar | undefined)[] {
  if ('RangeVar' in item) return [item.RangeVar]
  if (!('JoinExpr' in item)) return [undefined]
  return [item.JoinExpr.larg, item.JoinExpr.rarg].flatMap((side) =>
    side === undefined ? [] : tablesOf(side),
  )
}

/** Byte offset of the first table of the FROM clause: the FROM in front of it is the right one. */
function leftmostLocation(node: SelectStmt): number {
  const locations = (node.fromClause ?? []).flatMap(tablesOf).map((table) => table?.location ?? 0)
  return Math.min(...locations)
}

function relationOf(target: RangeVar): Relation {
  return { schema: target.schemaname, name: target.relname! }
}

/** The table's name as SQL. */
export function referenceOf({ schema, name }: Relation): string {
  const table = quoteIdentifier(name)
  return schema === undefined ? table : `${quoteIdentifier(schema)}.${table}`
}

/** The name by which the statement's own expressions know the table. */
function aliasOf(target: RangeVar): string {
  return `"${(target.alias?.aliasname ?? target.relname!).replaceAll('"', '""')}"`
}
