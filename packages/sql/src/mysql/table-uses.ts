/** Which tables a statement names, and which of them it may write. */
import type {
  DeleteStatement,
  Identifier,
  MysqlStatement,
  NamedTable,
  Range,
  TableName,
  TableReference,
  UpdateStatement,
  WithClause,
} from './ast.ts'
import { walkMysql, type AstNode } from './walk.ts'

/** One place where a statement names a table. */
export interface TableUse {
  readonly table: TableName
  readonly alias: Identifier | undefined
  /** A table of which it is not certain that it is only read counts as written. */
  readonly access: 'read' | 'write'
}

/**
 * Every use of a table in the order of the text. Names of common table expressions are left out,
 * and so are statements that are recognised only, beyond the tables their head names.
 */
export function tablesOf(statement: MysqlStatement): readonly TableUse[] {
  const written = writtenTables(statement)
  const uses: TableUse[] = written.plain.map((table) => ({
    table,
    alias: undefined,
    access: 'write',
  }))
  const withTables: (Range & { readonly name: string })[] = []
  const read: NamedTable[] = []
  walkMysql(statement, (node) => {
    if ('with' in node && node.with !== undefined) {
      // A common table is visible in its own definition, if recursive, and from there on.
      for (const table of (node.with as WithClause).tables) {
        const { isRecursive } = node.with as WithClause
        const start = isRecursive ? table.start : table.end
        withTables.push({ start, end: node.end, name: table.name.name.toLowerCase() })
      }
    }
    if (node.kind === 'namedTable') read.push(node as NamedTable)
    if (node.kind === 'sequenceValue') {
      const { sequence } = node as AstNode & { readonly sequence: TableName }
      uses.push({ table: sequence, alias: undefined, access: 'write' })
    }
  })
  for (const node of read) {
    const isOfWith = node.name.schema === undefined && withTables.some((it) => covers(it, node))
    if (isOfWith) continue
    const access = written.references.has(node) ? 'write' : 'read'
    uses.push({ table: node.name, alias: node.alias, access })
  }
  return uses.toSorted((a, b) => a.table.start - b.table.start)
}

function covers(definition: Range & { readonly name: string }, node: NamedTable): boolean {
  const isVisible = node.start >= definition.start && node.end <= definition.end
  return isVisible && node.name.name.name.toLowerCase() === definition.name
}

interface WrittenTables {
  /** Named outside of any table reference. */
  readonly plain: readonly TableName[]
  readonly references: ReadonlySet<NamedTable>
}

const nothing: WrittenTables = { plain: [], references: new Set() }

function writtenTables(statement: MysqlStatement): WrittenTables {
  switch (statement.kind) {
    case 'insert':
    case 'replace':
      return { ...nothing, plain: [statement.table] }
    case 'update':
      return { ...nothing, references: updatedTables(statement) }
    case 'delete':
      return { ...nothing, references: emptiedTables(statement) }
    case 'ddl':
    case 'lockTables':
      return { ...nothing, plain: statement.tables }
    default:
      return nothing
  }
}

/**
 * Those that an assignment names; all of them when one assignment names none, or an unknown one.
 */
function updatedTables(statement: UpdateStatement): ReadonlySet<NamedTable> {
  const tables = namedTables(statement.tables.items)
  const updated = new Set<NamedTable>()
  for (const { column } of statement.assignments.items) {
    const { table } = column
    const named = table === undefined ? [] : tables.filter((it) => isCalled(it, table))
    for (const reference of named.length === 0 ? tables : named) updated.add(reference)
  }
  return updated
}

function emptiedTables(statement: DeleteStatement): ReadonlySet<NamedTable> {
  const tables = namedTables(statement.tables.items)
  if (statement.form === 'single') return new Set(tables)
  const emptied = new Set<NamedTable>()
  for (const target of statement.targets) {
    const named = tables.filter((it) => isCalled(it, target.name))
    for (const reference of named.length === 0 ? tables : named) emptied.add(reference)
  }
  return emptied
}

/** Whether the letters of its alias, or of its name without one, are those of `name`. */
function isCalled(reference: NamedTable, name: Identifier): boolean {
  const called = reference.alias ?? reference.name.name
  return called.name.toLowerCase() === name.name.toLowerCase()
}

/** The tables of a join tree itself, without those of its subqueries. */
function namedTables(references: readonly TableReference[]): readonly NamedTable[] {
  const found: NamedTable[] = []
  const waiting = [...references]
  for (let it = waiting.pop(); it !== undefined; it = waiting.pop()) {
    if (it.kind === 'namedTable') found.push(it)
    else if (it.kind === 'join') waiting.push(it.left, it.right)
    else if (it.kind === 'parenthesizedTables') waiting.push(...it.references.items)
  }
  return found
}
