/**
 * SELECT … FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE and FOR KEY SHARE of any number of tables: the
 * rows that each table gives are returned too, so that their global locks can be looked at.
 *
 * ```
 * SELECT <user's columns>, mark, t.*, mark, u.* FROM t JOIN u … FOR UPDATE …
 * ```
 * SKIP LOCKED skips what is locked in the database; a row of another global transaction that is
 * locked no more there is waited for.
 */
import type { Node, RangeVar, SelectStmt, SqlText } from '@settee/sql/postgres'
import { firstLocation } from './pinned-update.ts'
import { aliasOf, relationOf, type LockPlan } from './plan.ts'
import { checkSettings, markOf, versionOf } from './returning.ts'
import { refuse } from '../refuse.ts'
import { expectAllowed } from './statement-kinds.ts'
import type { Analysis } from './write-target.ts'

export function planLock({ grammar }: Analysis, sql: SqlText, node: SelectStmt): LockPlan {
  const tables = lockedTables(node)
  const from = sql.findLast('FROM', firstLocation(node.fromClause))
  const columns = tables.map(
    (table) => `${markOf(checkSettings(versionOf(table)))}, ${aliasOf(table)}.* `,
  )
  const text =
    from === undefined
      ? sql.text
      : `${sql.text.slice(0, from.start)}, ${columns.join(', ')}` +
        sql.text.slice(from.start, sql.end)
  const spliced = expectAllowed(grammar, text)
  const count = (node.targetList?.length ?? 0) + 2 * tables.length
  if (spliced.kind !== 'SelectStmt' || spliced.node.targetList?.length !== count) {
    throw refuse(
      'a SELECT … FOR UPDATE',
      'its FROM cannot be singled out',
      'put odd names in quotes',
    )
  }
  const isNoWait = (node.lockingClause ?? []).some(
    (item) => 'LockingClause' in item && item.LockingClause.waitPolicy === 'LockWaitError',
  )
  return { kind: 'LOCK', relations: tables.map(relationOf), calls: [], text, isNoWait }
}

function lockedTables(node: SelectStmt): readonly RangeVar[] {
  const tables = (node.fromClause ?? []).flatMap(tablesOf)
  const clauses = (node.lockingClause ?? []).flatMap((item) =>
    'LockingClause' in item ? [item.LockingClause.lockedRels ?? []] : [],
  )
  const names = clauses
    .flat()
    .map((item) => ('RangeVar' in item ? item.RangeVar.relname : undefined))
  const locksAll = clauses.some((relations) => relations.length === 0)
  const locked = tables.filter((table) => locksAll || names.includes(nameOf(table)))
  const plain = locked.flatMap((table) => ('subquery' in table ? [] : [table]))
  if (plain.length === 0 || plain.length !== locked.length) {
    throw refuse(
      'SELECT … FOR UPDATE of a subquery',
      'the rows that it locks are not known',
      'name the tables with FOR UPDATE OF, or send the subquery as a statement of its own',
    )
  }
  return plain
}

type FromTable = RangeVar | { readonly subquery: string | undefined }

/** The tables and subqueries below a FROM item; functions have no rows to lock. */
function tablesOf(item: Node): readonly FromTable[] {
  if ('RangeVar' in item) return [item.RangeVar]
  if ('RangeSubselect' in item) return [{ subquery: item.RangeSubselect.alias?.aliasname }]
  if (!('JoinExpr' in item)) return []
  return [item.JoinExpr.larg, item.JoinExpr.rarg].flatMap((side) =>
    side === undefined ? [] : tablesOf(side),
  )
}

function nameOf(table: FromTable): string | undefined {
  return 'subquery' in table ? table.subquery : (table.alias?.aliasname ?? table.relname)
}
