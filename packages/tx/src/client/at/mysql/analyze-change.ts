/** Plans of UPDATE and DELETE. */
import type { DeleteStatement, Range, UpdateStatement } from '@settee/sql/mysql'
import { refuse } from '../refuse.ts'
import { callsIn, refuseAssignments } from './expressions.ts'
import type { DeletePlan, NamedUse, RowSource, UpdatePlan } from './plan.ts'
import { join, slice } from './sql-fragment.ts'
import { findByAlias, shareLocks, tablesOf } from './table-references.ts'

type ChangeStatement = UpdateStatement | DeleteStatement

export function planUpdate(text: string, statement: UpdateStatement): UpdatePlan {
  const tables = statement.tables.items.flatMap(tablesOf)
  if (statement.isMultiTable && statement.limit !== undefined) throw refuseLimit('UPDATE')
  return {
    kind: 'UPDATE',
    text: slice(text, statement, statement),
    calls: callsIn(statement),
    tables,
    isMultiTable: statement.isMultiTable,
    rows: rowSourceOf(text, statement),
    head: slice(text, statement, { start: statement.start, end: statement.assignments.end }),
    condition: slice(text, statement, statement.where?.condition),
    order: slice(text, statement, statement.orderBy),
    columns: statement.assignments.items.map(({ column }) => ({
      table: column.table?.name,
      name: column.column.name,
    })),
  }
}

export function planDelete(text: string, statement: DeleteStatement): DeletePlan {
  const tables = statement.tables.items.flatMap(tablesOf)
  const isMultiTable = statement.form !== 'single'
  if (isMultiTable && statement.limit !== undefined) throw refuseLimit('DELETE')
  const end = Math.max(statement.tables.end, ...statement.targets.map((target) => target.end))
  return {
    kind: 'DELETE',
    text: slice(text, statement, statement),
    calls: callsIn(statement),
    tables,
    isMultiTable,
    rows: rowSourceOf(text, statement),
    head: slice(text, statement, { start: statement.start, end }),
    condition: slice(text, statement, statement.where?.condition),
    order: join(
      slice(text, statement, statement.orderBy),
      slice(text, statement, statement.returning),
    ),
    targets: isMultiTable ? statement.targets.map((target) => targetOf(target, tables)) : tables,
    hasReturning: statement.returning !== undefined,
  }
}

function refuseLimit(kind: string): Error {
  return refuse(
    `LIMIT in a ${kind} of several tables`,
    'it counts joined rows, which may be others when it is looked at again',
    'choose the keys with a SELECT … FOR UPDATE before',
  )
}

function rowSourceOf(text: string, statement: ChangeStatement): RowSource {
  const { where, orderBy, limit, tables } = statement
  refuseAssignments(statement.with, tables, where, orderBy)
  const insertions = [statement.with, tables, where].flatMap(shareLocks)
  const part = (range: Range | undefined) => slice(text, statement, range, { insertions })
  return {
    with: part(statement.with),
    from: part(tables),
    tail: join(part(where), part(orderBy), slice(text, statement, limit, { isCount: true })),
    hasLimit: limit !== undefined,
  }
}

function targetOf(
  target: DeleteStatement['targets'][number],
  tables: readonly NamedUse[],
): NamedUse {
  const use = findByAlias(tables, (one) => one, target.name.name)
  if (use !== undefined) return use
  throw refuse(
    `DELETE of ${target.name.name}`,
    'no table of the statement has this name',
    'name a table or its alias',
  )
}
