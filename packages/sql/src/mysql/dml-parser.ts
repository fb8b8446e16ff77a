/** INSERT, REPLACE, UPDATE, DELETE and SELECT as statements. */
import type {
  Assignment,
  AssignmentList,
  ColumnReference,
  DeleteStatement,
  DmlStatement,
  InsertColumns,
  InsertSource,
  InsertStatement,
  NamedTable,
  Parameter,
  Range,
  Returning,
  RowAlias,
  TableName,
  TableReferences,
  UpdateStatement,
  WithClause,
} from './ast.ts'
import { TableParser } from './table-parser.ts'

/** What every statement has beside its range. */
export interface StatementParts {
  readonly parameters: readonly Parameter[]
  readonly hints: readonly Range[]
}

export abstract class DmlParser extends TableParser {
  /** The parameters and hints of the statement that has just been read. */
  protected abstract parts(): StatementParts

  /** Whether a statement of this kind begins here: with its keyword, WITH, or a parenthesis. */
  protected isDml(): boolean {
    switch (this.words[this.at]) {
      case 'SELECT':
      case 'INSERT':
      case 'UPDATE':
      case 'DELETE':
      case 'REPLACE':
      case 'WITH':
      case 'TABLE':
      case 'VALUES':
        return true
      case '(':
        return this.isQueryAt(this.at)
      default:
        return false
    }
  }

  protected dmlStatement(): DmlStatement {
    const start = this.start()
    switch (this.words[this.at]) {
      case 'INSERT':
        return this.#insert('insert')
      case 'REPLACE':
        return this.#insert('replace')
      case 'UPDATE':
        return this.#update(start, undefined)
      case 'DELETE':
        return this.#delete(start, undefined)
      case 'WITH':
        return this.#withStatement(start)
      default:
        return this.#select(start)
    }
  }

  #select(start: number): DmlStatement {
    const query = this.query()
    return { kind: 'select', start, end: this.end(), ...this.parts(), query }
  }

  /** WITH before UPDATE and DELETE belongs to the statement, before SELECT to the query. */
  #withStatement(start: number): DmlStatement {
    const first = this.at
    const firstParameter = this.parameters.length
    const withClause = this.withClause()
    if (this.is('UPDATE')) return this.#update(start, withClause)
    if (this.is('DELETE')) return this.#delete(start, withClause)
    this.rewind(first, firstParameter)
    return this.#select(start)
  }

  // ---------------------------------------------------------------------------------------- INSERT

  #insert(kind: InsertStatement['kind']): InsertStatement {
    const start = this.start()
    this.at++
    const priority = this.#insertPriority()
    const isIgnore = this.accept('IGNORE')
    this.accept('INTO')
    const table = this.tableName()
    const partitions = this.partitionList()
    const columns = this.is('(') && !this.isQueryAt(this.at) ? this.#insertColumns() : undefined
    const source = this.#insertSource(columns !== undefined)
    const rowAlias = this.#rowAlias(source)
    const onDuplicate = kind === 'insert' ? this.#onDuplicate() : undefined
    const returning = this.#returning()
    return {
      kind,
      start,
      end: this.end(),
      ...this.parts(),
      priority,
      isIgnore,
      table,
      partitions,
      columns,
      source,
      rowAlias,
      onDuplicate,
      returning,
    }
  }

  #insertPriority(): InsertStatement['priority'] {
    if (this.accept('LOW_PRIORITY')) return 'low'
    if (this.accept('HIGH_PRIORITY')) return 'high'
    return this.accept('DELAYED') ? 'delayed' : undefined
  }

  #insertColumns(): InsertColumns {
    const start = this.start()
    this.at++
    const items: ColumnReference[] = []
    if (!this.is(')')) {
      do items.push(this.columnReference())
      while (this.accept(','))
    }
    this.expect(')')
    return { start, end: this.end(), items }
  }

  #insertSource(hasColumns: boolean): InsertSource {
    const start = this.start()
    if (this.is('VALUES') || this.is('VALUE')) {
      this.at++
      const rows = this.valuesRows()
      return { kind: 'values', start, end: this.end(), rows }
    }
    if (!hasColumns && this.is('SET')) {
      const list = this.#assignmentList(start)
      return { kind: 'set', start, end: list.end, assignments: list.items }
    }
    const isQuery = this.is('SELECT') || this.is('WITH') || this.is('TABLE') || this.is('(')
    if (!isQuery) throw this.unexpected('VALUES, SET or a query')
    const query = this.query()
    return { kind: 'query', start, end: this.end(), query }
  }

  #rowAlias(source: InsertSource): RowAlias | undefined {
    const start = this.start()
    if (source.kind === 'query' || !this.accept('AS')) return undefined
    const name = this.identifier()
    const columns = this.is('(') ? this.identifierList() : undefined
    return { start, end: this.end(), name, columns }
  }

  #onDuplicate(): AssignmentList | undefined {
    const start = this.start()
    if (!this.accept('ON')) return undefined
    this.expect('DUPLICATE')
    this.expect('KEY')
    if (!this.is('UPDATE')) throw this.unexpected('UPDATE')
    return this.#assignmentList(start)
  }

  #returning(): Returning | undefined {
    const start = this.start()
    if (!this.accept('RETURNING')) return undefined
    const items = this.selectItems()
    return { start, end: this.end(), items }
  }

  /** Assignments behind the next token, which is SET or UPDATE; the range begins at `start`. */
  #assignmentList(start: number): AssignmentList {
    this.at++
    const items: Assignment[] = []
    do {
      const column = this.columnReference()
      if (!this.accept(':=')) this.expect('=')
      const value = this.expressionOrDefault()
      items.push({ start: column.start, end: value.end, column, value })
    } while (this.accept(','))
    return { start, end: this.end(), items }
  }

  // ---------------------------------------------------------------------------------------- UPDATE

  #update(start: number, withClause: WithClause | undefined): UpdateStatement {
    this.at++
    const isLowPriority = this.accept('LOW_PRIORITY')
    const isIgnore = this.accept('IGNORE')
    const tables = this.tableReferences()
    const isMultiTable = tables.items.length > 1 || tables.items[0]!.kind !== 'namedTable'
    if (!this.is('SET')) throw this.unexpected('SET')
    const assignments = this.#assignmentList(this.start())
    const where = this.where()
    const orderBy = this.orderBy()
    const limit = this.limit()
    return {
      kind: 'update',
      start,
      end: this.end(),
      ...this.parts(),
      with: withClause,
      isLowPriority,
      isIgnore,
      tables,
      isMultiTable,
      assignments,
      where,
      orderBy,
      limit,
    }
  }

  // ---------------------------------------------------------------------------------------- DELETE

  #delete(start: number, withClause: WithClause | undefined): DeleteStatement {
    this.at++
    const modifiers = this.#deleteModifiers()
    const { form, targets, tables } = this.#deleteTables()
    const where = this.where()
    const orderBy = this.orderBy()
    const limit = this.limit()
    const returning = form === 'single' ? this.#returning() : undefined
    return {
      kind: 'delete',
      start,
      end: this.end(),
      ...this.parts(),
      with: withClause,
      ...modifiers,
      form,
      targets,
      tables,
      where,
      orderBy,
      limit,
      returning,
    }
  }

  #deleteModifiers(): Pick<DeleteStatement, 'isLowPriority' | 'isQuick' | 'isIgnore'> {
    let isLowPriority = false
    let isQuick = false
    let isIgnore = false
    for (;;) {
      if (this.accept('LOW_PRIORITY')) isLowPriority = true
      else if (this.accept('IGNORE')) isIgnore = true
      else if (this.is('QUICK') && !this.isAhead(1, '.') && !this.isAhead(1, ',')) {
        this.at++
        isQuick = true
      } else return { isLowPriority, isQuick, isIgnore }
    }
  }

  #deleteTables(): Pick<DeleteStatement, 'form' | 'targets' | 'tables'> {
    if (!this.accept('FROM')) {
      const targets = this.#deleteTargets()
      this.expect('FROM')
      return { form: 'from', targets, tables: this.tableReferences() }
    }
    const first = this.at
    const targets = this.#deleteTargets()
    if (this.accept('USING')) return { form: 'using', targets, tables: this.tableReferences() }
    this.at = first
    const table = this.#deleteTable()
    const tables: TableReferences = { start: table.start, end: table.end, items: [table] }
    return { form: 'single', targets: [table.name], tables }
  }

  #deleteTargets(): readonly TableName[] {
    const targets: TableName[] = []
    do {
      const name = this.tableName()
      const hasStar = this.acceptAll('.', '*')
      targets.push(hasStar ? { ...name, end: this.end() } : name)
    } while (this.accept(','))
    return targets
  }

  /** MySQL writes the partitions behind the alias, MariaDB before it. */
  #deleteTable(): NamedTable {
    const name = this.tableName()
    const partitions = this.partitionList()
    const alias = this.tableAlias()
    return this.tableOf(name, partitions ?? this.partitionList(), alias, undefined)
  }
}
