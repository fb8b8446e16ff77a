/**
 * What a statement would do, by PostgreSQL's own grammar: which statements AT mode can undo, which
 * need nothing, and which it refuses. The list is one of what is allowed: an unknown statement is
 * refused, because a statement that ran without an undo log cannot be taken back.
 *
 * The texts that collect the images are spliced from the user's text (never generated from the
 * tree, which could change a literal) and parsed once more to check that the splice is what was
 * meant. How the rows before and after come to be known (see returning.ts for RETURNING):
 *
 * ```
 * INSERT, ON CONFLICT DO NOTHING, DELETE, DELETE … USING     RETURNING t.*
 * UPDATE, UPDATE … FROM                from PostgreSQL 18 on  RETURNING old.*, new.*
 *                                      before                 SELECT … FOR NO KEY UPDATE, then the
 *                                                             UPDATE of those rows RETURNING t.*
 * INSERT … ON CONFLICT DO UPDATE       from 18 on             RETURNING old.*, new.*
 *                                      before                 rehearsed: rehearsal.ts
 * MERGE                                from 18 on             RETURNING old.*, new.*
 * WITH clauses that write              writable-with.ts       as above, for each of them
 * SELECT … FOR UPDATE                  row-locks.ts           the rows, to look at their locks
 * several in one string                each by itself, in one local transaction
 * ```
 */
import {
  nodeOf,
  withItemsOf,
  type RangeVar,
  type SelectStmt,
  type SqlText,
} from '@settee/sql/postgres'
import { planPin } from './pinned-update.ts'
import type { Plan, SinglePlan, WritePlan } from './plan.ts'
import { imageColumns, joinReturning, splitReturning } from './returning.ts'
import { planLock } from './row-locks.ts'
import { refuse } from '../refuse.ts'
import { expectAllowed, refuseNested, splitStatements, transactionPlan } from './statement-kinds.ts'
import { callsOf } from './volatile-functions.ts'
import { planWith } from './writable-with.ts'
import { returningOf, targetOf, type Analysis, type WriteNode } from './write-target.ts'

/**
 * Decides what to do with a statement.
 * @throws SETTEE_TX_UNSUPPORTED_SQL when it cannot be undone, with the reason and what to do.
 */
export function analyzeSql(analysis: Analysis, text: string): Plan {
  const sql = analysis.grammar.scan(text)
  if (sql.tokens.length === 0) return { kind: 'PASS', calls: [] }
  const parts = splitStatements(analysis.grammar, sql)
  if (parts.length === 1) return analyzeOne(analysis, sql)
  return {
    kind: 'MANY',
    statements: parts.map((part) => ({
      text: part,
      plan: analyzeOne(analysis, analysis.grammar.scan(part)),
    })),
  }
}

function analyzeOne(analysis: Analysis, sql: SqlText): SinglePlan {
  const statement = expectAllowed(analysis.grammar, sql.text)
  const { kind, node } = statement
  switch (kind) {
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      if (hasWritingWith(node)) return planWith(analysis, sql, statement)
      return planWrite(analysis, sql, statement)
    case 'SelectStmt':
      if (hasWritingWith(node)) return planWith(analysis, sql, statement)
      refuseNested(node)
      return node.lockingClause === undefined
        ? { kind: 'PASS', calls: callsOf(node) }
        : planLock(analysis, sql, node)
    case 'DeclareCursorStmt': {
      const query = node.query === undefined ? undefined : nodeOf(node.query as never)
      const isPlain =
        query?.kind === 'SelectStmt' &&
        query.node.lockingClause === undefined &&
        !hasWritingWith(query.node)
      if (!isPlain) {
        throw refuse(
          'DECLARE of a cursor that locks or writes',
          'the rows that it comes to are not known',
          'declare it without, and change the rows by UPDATE or DELETE',
        )
      }
      refuseNested(query.node)
      return { kind: 'PASS', calls: callsOf(query.node) }
    }
    case 'TransactionStmt':
      return transactionPlan(node)
    default:
      return { kind: 'PASS', calls: [] }
  }
}

function hasWritingWith({ withClause }: { withClause?: SelectStmt['withClause'] }): boolean {
  return withItemsOf(withClause).some(
    ({ ctequery: query }) =>
      query !== undefined && /^(Insert|Update|Delete|Merge)Stmt$/.test(Object.keys(query)[0]!),
  )
}

function planWrite(analysis: Analysis, sql: SqlText, statement: WriteNode): WritePlan {
  const { grammar, features } = analysis
  const target = targetOf(statement, features)
  const { node } = statement
  refuseNested(node, lockableOf(statement))
  const calls = callsOf(node)
  if (statement.kind === 'UpdateStmt' && !features.hasReturningOld) {
    const { pin, text } = planPin(grammar, sql, statement.node)
    const { whereClause, withClause, fromClause } = statement.node
    const repeated = callsOf([whereClause, withClause, fromClause], true)
    return { kind: 'WRITE', ...target, image: 'after', calls: [...repeated, ...calls], text, pin }
  }
  const returning = returningOf(statement, target.image)
  const parts = splitReturning(sql, returning)
  const text = joinReturning(parts, imageColumns(returning.target, target.image, parts))
  expectAllowed(grammar, text)
  return { kind: 'WRITE', ...target, calls, text, pin: undefined }
}

/** A subquery may lock rows of the table that is changed: the change locks them globally. */
function lockableOf({ kind, node }: WriteNode): RangeVar | undefined {
  return kind === 'UpdateStmt' || kind === 'DeleteStmt' ? node.relation : undefined
}
