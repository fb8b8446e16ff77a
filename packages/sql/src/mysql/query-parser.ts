/** Queries: WITH, SELECT, set operations, what stands around them, and windows. */
import type {
  WithTable,
  Expression,
  GroupBy,
  Having,
  Identifier,
  Into,
  Limit,
  LockingClause,
  NamedTable,
  NamedWindow,
  OrderBy,
  OrderItem,
  Query,
  QueryBody,
  Range,
  SelectItem,
  SetOperation,
  Star,
  TableName,
  TableReferences,
  ValuesRow,
  Where,
  WindowList,
  WindowSpecification,
  WithClause,
} from './ast.ts'
import { ExpressionParser } from './expression-parser.ts'
import { stringValue } from './literals.ts'
import { tokenKind } from './tokens.ts'

const selectModifiers = new Set(
  `HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT SQL_BUFFER_RESULT SQL_CACHE
  SQL_NO_CACHE SQL_CALC_FOUND_ROWS`.split(/\s+/),
)

export abstract class QueryParser extends ExpressionParser {
  protected abstract tableReferences(): TableReferences
  protected abstract namedTable(): NamedTable
  /** The INTO of the query that is being read, wherever it stands. */
  #into: Into | undefined

  protected query(): Query {
    this.enter()
    const start = this.start()
    const outerInto = this.#into
    this.#into = undefined
    const withClause = this.withClause()
    const body = this.#body()
    const orderBy = this.orderBy()
    const limit = this.limit()
    this.#acceptInto()
    const locking = this.#lockingClauses()
    this.#acceptInto()
    const into = this.#into
    this.#into = outerInto
    this.leave()
    const end = this.end()
    return { kind: 'query', start, end, with: withClause, body, orderBy, limit, locking, into }
  }

  protected withClause(): WithClause | undefined {
    if (!this.is('WITH')) return undefined
    const start = this.start()
    this.at++
    const isRecursive = this.accept('RECURSIVE')
    const tables = [this.#withTable()]
    while (this.accept(',')) tables.push(this.#withTable())
    return { start, end: this.end(), isRecursive, tables }
  }

  #withTable(): WithTable {
    const name = this.identifier()
    const columns = this.is('(') ? this.identifierList() : undefined
    this.expect('AS')
    this.expect('(')
    const query = this.query()
    this.expect(')')
    // MariaDB: CYCLE a, b RESTRICT.
    if (this.accept('CYCLE')) {
      do this.identifier()
      while (this.accept(','))
      this.expect('RESTRICT')
    }
    return { start: name.start, end: this.end(), name, columns, query }
  }

  // -------------------------------------------------------------------------------- set operations

  #body(): QueryBody {
    let left = this.#intersection()
    for (let length = 1; this.is('UNION') || this.is('EXCEPT'); length++) {
      this.checkChain(length)
      const operator = this.accept('UNION') ? 'union' : 'except'
      if (operator === 'except') this.at++
      left = this.#setOperation(operator, left, () => this.#intersection())
    }
    return left
  }

  #intersection(): QueryBody {
    let left = this.#block()
    for (let length = 1; this.accept('INTERSECT'); length++) {
      this.checkChain(length)
      left = this.#setOperation('intersect', left, () => this.#block())
    }
    return left
  }

  #setOperation(
    operator: SetOperation['operator'],
    left: QueryBody,
    readRight: () => QueryBody,
  ): SetOperation {
    const isAll = this.accept('ALL')
    if (!isAll) this.accept('DISTINCT')
    const right = readRight()
    return {
      kind: 'setOperation',
      start: left.start,
      end: right.end,
      operator,
      isAll,
      left,
      right,
    }
  }

  #block(): QueryBody {
    const start = this.start()
    if (this.is('SELECT')) return this.#selectBlock()
    if (this.accept('(')) {
      const query = this.query()
      this.expect(')')
      return { kind: 'parenthesized', start, end: this.end(), query }
    }
    if (this.accept('TABLE')) {
      const table = this.namedTable()
      return { kind: 'table', start, end: this.end(), table }
    }
    if (!this.accept('VALUES')) throw this.unexpected('SELECT')
    const rows = this.valuesRows()
    return { kind: 'values', start, end: this.end(), rows }
  }

  /** Rows behind VALUES: `(1, 2), (3, 4)` or `ROW(1, 2), ROW(3, 4)`. */
  protected valuesRows(): readonly ValuesRow[] {
    const rows: ValuesRow[] = []
    do {
      const start = this.start()
      this.accept('ROW')
      this.expect('(')
      this.enter()
      const values: Expression[] = []
      if (!this.is(')')) {
        do values.push(this.expressionOrDefault())
        while (this.accept(','))
      }
      this.leave()
      this.expect(')')
      rows.push({ start, end: this.end(), values })
    } while (this.accept(','))
    return rows
  }

  // ---------------------------------------------------------------------------------------- SELECT

  #selectBlock(): QueryBody {
    const start = this.start()
    this.at++
    let isDistinct = false
    const modifiers: string[] = []
    for (;;) {
      const word = this.words[this.at]!
      if (word === 'DISTINCT' || word === 'DISTINCTROW') isDistinct = true
      else if (selectModifiers.has(word)) modifiers.push(word)
      else if (word !== 'ALL') break
      this.at++
    }
    const items = this.selectItems()
    this.#acceptInto()
    const from = this.accept('FROM') ? this.#from() : undefined
    const where = this.where()
    const groupBy = this.#groupBy()
    const having = this.#having()
    const windows = this.#windows()
    return {
      kind: 'select',
      start,
      end: this.end(),
      isDistinct,
      modifiers,
      items,
      from,
      where,
      groupBy,
      having,
      windows,
    }
  }

  protected selectItems(): readonly SelectItem[] {
    const items: SelectItem[] = []
    if (this.is('*')) {
      const star = this.#star()
      items.push({ start: star.start, end: star.end, expression: star, alias: undefined })
      if (!this.accept(',')) return items
    }
    do items.push(this.#selectItem())
    while (this.accept(','))
    return items
  }

  #selectItem(): SelectItem {
    const start = this.start()
    const star = this.#qualifiedStar()
    if (star !== undefined) return { start, end: star.end, expression: star, alias: undefined }
    const expression = this.expression()
    const alias = this.#selectAlias()
    return { start, end: this.end(), expression, alias }
  }

  #star(): Star {
    const start = this.start()
    this.at++
    return { kind: 'star', start, end: this.end(), schema: undefined, table: undefined }
  }

  #qualifiedStar(): Star | undefined {
    if (!this.isAhead(1, '.')) return undefined
    const isOfTable = this.isAhead(2, '*')
    if (!isOfTable && (!this.isAhead(3, '.') || !this.isAhead(4, '*'))) return undefined
    const first = this.identifier()
    this.expect('.')
    const second = isOfTable ? undefined : this.identifier()
    if (second !== undefined) this.expect('.')
    this.expect('*')
    const table = second ?? first
    const schema = second === undefined ? undefined : first
    return { kind: 'star', start: first.start, end: this.end(), schema, table }
  }

  /** `AS a`, `AS 'a'`, or the name alone. */
  #selectAlias(): Identifier | undefined {
    const hasAs = this.accept('AS')
    if (this.isIdentifier()) return this.identifier()
    if (this.kind() === tokenKind.string) {
      const start = this.start()
      this.at++
      const end = this.end()
      return { start, end, name: stringValue(this.text, start, end, this.mode), isQuoted: true }
    }
    if (hasAs) throw this.unexpected('an alias')
    return undefined
  }

  #from(): TableReferences | undefined {
    return this.accept('DUAL') ? undefined : this.tableReferences()
  }

  protected where(): Where | undefined {
    const start = this.start()
    if (!this.accept('WHERE')) return undefined
    const condition = this.expression()
    return { start, end: condition.end, condition }
  }

  #having(): Having | undefined {
    const start = this.start()
    if (!this.accept('HAVING')) return undefined
    const condition = this.expression()
    return { start, end: condition.end, condition }
  }

  #groupBy(): GroupBy | undefined {
    const start = this.start()
    if (!this.accept('GROUP')) return undefined
    this.expect('BY')
    const items = this.#orderItems()
    const hasRollup = this.acceptAll('WITH', 'ROLLUP')
    return { start, end: this.end(), items, hasRollup }
  }

  protected orderBy(): OrderBy | undefined {
    const start = this.start()
    if (!this.accept('ORDER')) return undefined
    this.expect('BY')
    const items = this.#orderItems()
    // MySQL 8 allows WITH ROLLUP behind ORDER BY for nothing but GROUP BY, so it is not taken here.
    return { start, end: this.end(), items }
  }

  #orderItems(): readonly OrderItem[] {
    const items: OrderItem[] = []
    do {
      const expression = this.expression()
      const direction = this.accept('ASC') ? 'asc' : this.accept('DESC') ? 'desc' : undefined
      items.push({ start: expression.start, end: this.end(), expression, direction })
    } while (this.accept(','))
    return items
  }

  // -------------------------------------------------------------------------------- LIMIT and INTO

  protected limit(): Limit | undefined {
    const start = this.start()
    if (this.is('OFFSET') || this.is('FETCH')) return this.#fetch(start)
    if (!this.accept('LIMIT')) return undefined
    let count: Expression | undefined
    let offset: Expression | undefined
    if (!this.is('ROWS')) {
      count = this.#limitValue()
      if (this.accept(',')) {
        offset = count
        count = this.#limitValue()
      } else if (this.accept('OFFSET')) offset = this.#limitValue()
    }
    const rowsExamined = this.#rowsExamined()
    return { start, end: this.end(), count, offset, rowsExamined }
  }

  #rowsExamined(): Expression | undefined {
    if (!this.accept('ROWS')) return undefined
    this.expect('EXAMINED')
    return this.#limitValue()
  }

  /** A number, a parameter, or a variable of a stored program. */
  #limitValue(): Expression {
    const kind = this.kind()
    if (kind === tokenKind.parameter) return this.takeParameter()
    if (kind === tokenKind.integer) return this.numberLiteral()
    if (kind === tokenKind.hex) return this.primary()
    if (this.isIdentifier()) return this.columnReference()
    throw this.unexpected('a number or a parameter')
  }

  /** MariaDB: `OFFSET n ROWS FETCH FIRST m ROWS ONLY`. */
  #fetch(start: number): Limit {
    let offset: Expression | undefined
    let count: Expression | undefined
    if (this.accept('OFFSET')) {
      offset = this.#limitValue()
      if (!this.accept('ROWS')) this.expect('ROW')
    }
    if (this.accept('FETCH')) {
      if (!this.accept('FIRST')) this.expect('NEXT')
      if (!this.is('ROW') && !this.is('ROWS')) count = this.#limitValue()
      if (!this.accept('ROWS')) this.expect('ROW')
      if (!this.accept('ONLY')) {
        this.expect('WITH')
        this.expect('TIES')
      }
    }
    return { start, end: this.end(), count, offset, rowsExamined: undefined }
  }

  #acceptInto(): void {
    const start = this.start()
    if (!this.accept('INTO')) return
    if (this.#into !== undefined) throw this.unexpected('one INTO only')
    let kind: Into['kind'] = 'variables'
    if (this.accept('OUTFILE')) kind = 'outfile'
    else if (this.accept('DUMPFILE')) kind = 'dumpfile'
    if (kind === 'variables') {
      do {
        if (this.isIdentifier()) this.at++
        else this.userVariable()
      } while (this.accept(','))
    } else this.#intoFile(kind)
    this.#into = { ...this.rangeFrom(start), kind }
  }

  #intoFile(kind: 'outfile' | 'dumpfile'): void {
    if (this.kind() !== tokenKind.string) throw this.unexpected('a file name')
    this.at++
    if (kind === 'dumpfile') return
    if (this.acceptAll('CHARACTER', 'SET')) this.charsetName()
    // The options are words and strings only; FROM, FOR or LOCK end them.
    while (this.#isFileOption()) this.at++
  }

  #isFileOption(): boolean {
    return this.kind() === tokenKind.string || fileOptionWords.has(this.words[this.at]!)
  }

  // --------------------------------------------------------------------------------------- locking

  #lockingClauses(): readonly LockingClause[] {
    const clauses: LockingClause[] = []
    while (this.is('FOR') || this.is('LOCK')) clauses.push(this.#lockingClause())
    return clauses
  }

  #lockingClause(): LockingClause {
    const start = this.start()
    const isLockInShareMode = this.accept('LOCK')
    let strength: LockingClause['strength'] = 'share'
    if (isLockInShareMode) {
      this.expect('IN')
      this.expect('SHARE')
      this.expect('MODE')
    } else {
      this.expect('FOR')
      if (this.accept('UPDATE')) strength = 'update'
      else this.expect('SHARE')
    }
    const tables = !isLockInShareMode && this.accept('OF') ? this.#tableNames() : undefined
    const wait = this.#lockWait()
    const waitSeconds = wait === 'wait' ? this.#limitValue() : undefined
    const end = this.end()
    return { start, end, strength, isLockInShareMode, tables, wait, waitSeconds }
  }

  #lockWait(): LockingClause['wait'] {
    if (this.accept('NOWAIT')) return 'nowait'
    if (this.accept('WAIT')) return 'wait'
    return this.acceptAll('SKIP', 'LOCKED') ? 'skipLocked' : undefined
  }

  #tableNames(): readonly TableName[] {
    const names = [this.tableName()]
    while (this.accept(',')) names.push(this.tableName())
    return names
  }

  // --------------------------------------------------------------------------------------- windows

  #windows(): WindowList | undefined {
    const start = this.start()
    if (!this.accept('WINDOW')) return undefined
    const items: NamedWindow[] = []
    do {
      const name = this.identifier()
      this.expect('AS')
      const window = this.windowSpecification()
      items.push({ start: name.start, end: window.end, name, window })
    } while (this.accept(','))
    return { start, end: this.end(), items }
  }

  protected windowSpecification(): WindowSpecification {
    const start = this.start()
    if (!this.accept('(')) {
      const base = this.identifier()
      return windowOf(this.rangeFrom(start), base, [], undefined, [])
    }
    this.enter()
    const isName = this.isIdentifier() && !this.is('ROWS') && !this.is('GROUPS')
    const base = isName ? this.identifier() : undefined
    const partitionBy: Expression[] = []
    if (this.accept('PARTITION')) {
      this.expect('BY')
      do partitionBy.push(this.expression())
      while (this.accept(','))
    }
    const orderBy = this.orderBy()
    const frameBounds = this.#frame()
    this.leave()
    this.expect(')')
    return windowOf(this.rangeFrom(start), base, partitionBy, orderBy, frameBounds)
  }

  #frame(): readonly Expression[] {
    const bounds: Expression[] = []
    if (!this.accept('ROWS') && !this.accept('RANGE') && !this.accept('GROUPS')) return bounds
    if (this.accept('BETWEEN')) {
      this.#frameBound(bounds)
      this.expect('AND')
    }
    this.#frameBound(bounds)
    if (this.accept('EXCLUDE')) while (!this.is(')') && !this.isStatementEnd()) this.skipToken()
    return bounds
  }

  #frameBound(bounds: Expression[]): void {
    if (this.acceptAll('CURRENT', 'ROW')) return
    if (!this.accept('UNBOUNDED')) bounds.push(this.bitExpression())
    if (!this.accept('PRECEDING')) this.expect('FOLLOWING')
  }

  // ------------------------------------------------------------------------------- is it a query?

  protected isQueryAt(open: number): boolean {
    if (this.words[open] !== '(') return false
    let at = open + 1
    while (this.words[at] === '(') at++
    return this.#beginsQuery(at) && this.#isQueryAround(at, at - open)
  }

  /**
   * `((SELECT 1) + 1)` is an expression, `((SELECT 1) UNION SELECT 2)` a query: what stands behind
   * each closing parenthesis but the last decides. `depth` of them are open at the token `first`.
   */
  #isQueryAround(first: number, depth: number): boolean {
    let open = depth
    let lowest = depth
    for (let at = first; lowest > 1 && this.kinds[at] !== tokenKind.end; at++) {
      const word = this.words[at]
      if (word === '(') open++
      else if (word === ')' && --open < lowest) {
        lowest = open
        if (!endsQuery.has(this.words[at + 1]!)) return false
      }
    }
    return true
  }

  #beginsQuery(at: number): boolean {
    const word = this.words[at]
    if (word === 'SELECT' || word === 'WITH' || word === 'TABLE') return true
    return word === 'VALUES' && !this.isValuesReferenceAt(at)
  }
}

const endsQuery = new Set(
  ') UNION EXCEPT INTERSECT ORDER LIMIT OFFSET FETCH FOR LOCK INTO'.split(' '),
)

const fileOptionWords = new Set(
  'FIELDS COLUMNS LINES TERMINATED ENCLOSED ESCAPED OPTIONALLY STARTING BY'.split(' '),
)

function windowOf(
  range: Range,
  base: Identifier | undefined,
  partitionBy: readonly Expression[],
  orderBy: OrderBy | undefined,
  frameBounds: readonly Expression[],
): WindowSpecification {
  return { kind: 'window', ...range, base, partitionBy, orderBy, frameBounds }
}
