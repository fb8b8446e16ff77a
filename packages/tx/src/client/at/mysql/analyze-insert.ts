/** Plans of INSERT and REPLACE. */
import type {
  Assignment,
  ColumnReference,
  Expression,
  InsertStatement,
  Range,
} from '@settee/sql/mysql'
import { refuse } from '../refuse.ts'
import { callsIn, isConstant, isRandom, namesColumns, refuseAssignments } from './expressions.ts'
import type { DuplicateAssignment, InsertPlan, InsertRows, InsertValue } from './plan.ts'
import { slice, type Fragment } from './sql-fragment.ts'
import { shareLocks } from './table-references.ts'

export function planInsert(text: string, statement: InsertStatement): InsertPlan {
  const { source, onDuplicate } = statement
  if (statement.priority === 'delayed') {
    throw refuse('INSERT DELAYED', 'it runs at some later time', 'leave DELAYED out')
  }
  const isUpsert = statement.kind === 'replace' || onDuplicate !== undefined
  if (source.kind === 'query' && isUpsert && callsIn(source.query).some(isRandom)) {
    throw refuse(
      'a query with random values in a REPLACE or ON DUPLICATE KEY UPDATE',
      'it may find other rows when it is looked at again',
      'read the rows with a SELECT and send them with VALUES',
    )
  }
  refuseAssignments(statement)
  const places = new Map<InsertValue, Range>()
  const valueOf = (expression: Expression): InsertValue => {
    const value = describeValue(expression, slice(text, statement, expression))
    places.set(value, expression)
    return value
  }
  const columns =
    source.kind === 'set'
      ? source.assignments.map(({ column }) => column.column.name)
      : statement.columns?.items.map(({ column }) => column.name)
  return {
    kind: 'INSERT',
    text: slice(text, statement, statement),
    calls: callsIn(statement),
    table: {
      schema: statement.table.schema?.name,
      name: statement.table.name.name,
      alias: statement.table.name.name,
    },
    isReplace: statement.kind === 'replace',
    isIgnore: statement.isIgnore,
    columns,
    source: rowsOf(text, statement, valueOf),
    onDuplicate: onDuplicate?.items.map(describeAssignment),
    hasReturning: statement.returning !== undefined,
    rewrite: (values) => rewriteValues(text, statement, places, values),
  }
}

function rowsOf(
  text: string,
  statement: InsertStatement,
  valueOf: (expression: Expression) => InsertValue,
): InsertRows {
  const { source } = statement
  switch (source.kind) {
    case 'values':
      return { kind: 'rows', rows: source.rows.map(({ values }) => values.map(valueOf)) }
    case 'set':
      return { kind: 'rows', rows: [source.assignments.map(({ value }) => valueOf(value))] }
    case 'query':
      return {
        kind: 'query',
        query: slice(text, statement, source.query, { insertions: shareLocks(source.query) }),
      }
  }
}

function describeValue(expression: Expression, text: Fragment): InsertValue {
  return {
    kind: kindOf(expression),
    text,
    parameter: expression.kind === 'parameter' ? expression.index : undefined,
    namesColumns: namesColumns(expression),
  }
}

function kindOf(expression: Expression): InsertValue['kind'] {
  if (expression.kind === 'default' && expression.column === undefined) return 'default'
  if (expression.kind === 'null') return 'null'
  return isConstant(expression) ? 'constant' : 'expression'
}

function describeAssignment({ column, value }: Assignment): DuplicateAssignment {
  const isSame = isColumn(value, column) || isLastInsertId(value, column)
  return { table: column.table?.name, name: column.column.name, isSame }
}

function isColumn(value: Expression, { column }: ColumnReference): boolean {
  return value.kind === 'column' && value.column.name.toLowerCase() === column.name.toLowerCase()
}

function isLastInsertId(value: Expression, column: ColumnReference): boolean {
  if (value.kind !== 'call' || value.name !== 'last_insert_id') return false
  const [argument] = value.args
  return argument !== undefined && argument.kind !== 'star' && isColumn(argument, column)
}

function rewriteValues(
  text: string,
  statement: InsertStatement,
  places: ReadonlyMap<InsertValue, Range>,
  values: ReadonlyMap<InsertValue, Fragment>,
): Fragment {
  const parts: Fragment[] = []
  let start = statement.start
  const replaced = Array.from(values, ([value, other]) => ({ range: places.get(value)!, other }))
  for (const { range, other } of replaced.toSorted((a, b) => a.range.start - b.range.start)) {
    parts.push(slice(text, statement, { start, end: range.start }), other)
    start = range.end
  }
  parts.push(slice(text, statement, { start, end: statement.end }))
  return parts.flat()
}
