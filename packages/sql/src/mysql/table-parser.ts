/** Table references: names with aliases and hints, derived tables, joins. */
import type {
  Expression,
  Identifier,
  JoinedTable,
  NamedTable,
  PartitionList,
  Range,
  TableName,
  TableReference,
  TableReferences,
} from './ast.ts'
import { QueryParser } from './query-parser.ts'
import { tokenKind } from './tokens.ts'

type JoinHead = Pick<JoinedTable, 'join' | 'isNatural'>

export abstract class TableParser extends QueryParser {
  protected tableReferences(): TableReferences {
    this.enter()
    const start = this.start()
    const items = [this.#reference()]
    while (this.accept(',')) items.push(this.#reference())
    this.leave()
    return { start, end: this.end(), items }
  }

  // ----------------------------------------------------------------------------------------- joins

  #reference(): TableReference {
    let left = this.#factor()
    for (let length = 1; ; length++) {
      this.checkChain(length)
      if (this.#isRegrouped(left)) left = this.#regroup(left)
      else {
        const head = this.#joinHead()
        if (head === undefined) return left
        left = this.#joined(left, head)
      }
    }
  }

  #joined(left: TableReference, head: JoinHead): JoinedTable {
    let right = this.#factor()
    const needsCondition = !head.isNatural && (head.join === 'left' || head.join === 'right')
    // a LEFT JOIN b JOIN c ON x ON y: what has no condition yet encloses the next join.
    while (needsCondition && !this.is('ON') && !this.is('USING')) {
      const next = this.#joinHead()
      if (next === undefined) throw this.unexpected('ON or USING')
      this.enter()
      right = this.#joined(right, next)
      this.leave()
    }
    return this.#withCondition(left, right, head)
  }

  #withCondition(left: TableReference, right: TableReference, head: JoinHead): JoinedTable {
    let on: Expression | undefined
    let using: readonly Identifier[] | undefined
    if (!head.isNatural) {
      if (this.accept('ON')) on = this.expression()
      else if (head.join !== 'straight' && this.accept('USING')) using = this.identifierList()
    }
    return { kind: 'join', start: left.start, end: this.end(), ...head, left, right, on, using }
  }

  /** Whether a second condition follows: `a JOIN b JOIN c ON x ON y`. */
  #isRegrouped(inner: TableReference): inner is JoinedTable & { readonly left: JoinedTable } {
    if (!this.is('ON') && !this.is('USING')) return false
    if (inner.kind !== 'join' || inner.left.kind !== 'join') return false
    const { on, using, isNatural } = inner.left
    return on === undefined && using === undefined && !isNatural
  }

  /** `(a JOIN b) JOIN c ON x`, behind which stands `ON y`, is `a JOIN (b JOIN c ON x) ON y`. */
  #regroup(inner: JoinedTable & { readonly left: JoinedTable }): JoinedTable {
    const outer = inner.left
    const right: JoinedTable = { ...inner, start: outer.right.start, left: outer.right }
    return this.#withCondition(outer.left, right, { join: outer.join, isNatural: false })
  }

  #joinHead(): JoinHead | undefined {
    switch (this.words[this.at]) {
      case 'JOIN':
        this.at++
        return { join: 'inner', isNatural: false }
      case 'INNER':
        return this.#joinWord('inner')
      case 'CROSS':
        return this.#joinWord('cross')
      case 'STRAIGHT_JOIN':
        this.at++
        return { join: 'straight', isNatural: false }
      case 'LEFT':
      case 'RIGHT':
        return this.#outerHead(false)
      case 'NATURAL':
        this.at++
        if (this.is('LEFT') || this.is('RIGHT')) return this.#outerHead(true)
        this.accept('INNER')
        this.expect('JOIN')
        return { join: 'inner', isNatural: true }
      default:
        return undefined
    }
  }

  #joinWord(join: 'inner' | 'cross'): JoinHead {
    this.at++
    this.expect('JOIN')
    return { join, isNatural: false }
  }

  #outerHead(isNatural: boolean): JoinHead {
    const join = this.is('LEFT') ? 'left' : 'right'
    this.at++
    this.accept('OUTER')
    this.expect('JOIN')
    return { join, isNatural }
  }

  // --------------------------------------------------------------------------------------- factors

  #factor(): TableReference {
    if (this.is('(')) return this.isQueryAt(this.at) ? this.#derived(false) : this.#parenthesized()
    if (this.is('LATERAL') && this.isAhead(1, '(')) {
      return this.#derived(true)
    }
    if (this.is('JSON_TABLE') && this.isAhead(1, '(')) return this.#jsonTable()
    if (this.is('{')) return this.#odbcJoin()
    return this.namedTable()
  }

  #derived(isLateral: boolean): TableReference {
    const start = this.start()
    if (isLateral) this.at++
    this.expect('(')
    const query = this.query()
    this.expect(')')
    const alias = this.tableAlias()
    const columns = alias !== undefined && this.is('(') ? this.identifierList() : undefined
    return { kind: 'derivedTable', start, end: this.end(), isLateral, query, alias, columns }
  }

  #parenthesized(): TableReference {
    const start = this.start()
    this.at++
    const references = this.tableReferences()
    this.expect(')')
    return { kind: 'parenthesizedTables', start, end: this.end(), references }
  }

  #odbcJoin(): TableReference {
    const start = this.start()
    this.at++
    this.expect('OJ')
    const references = this.tableReferences()
    this.expect('}')
    return { kind: 'parenthesizedTables', start, end: this.end(), references }
  }

  /** The columns are skipped: they hold names, types and constants only. */
  #jsonTable(): TableReference {
    const start = this.start()
    const name = this.identifier()
    const close = this.closingAt(this.at)
    this.expect('(')
    const args = [this.expression()]
    this.expect(',')
    args.push(this.expression())
    if (!this.is('COLUMNS')) throw this.unexpected('COLUMNS')
    while (this.at < close) this.skipToken()
    this.expect(')')
    const alias = this.tableAlias()
    return { kind: 'tableFunction', start, end: this.end(), name, args, alias }
  }

  protected namedTable(): NamedTable {
    const name = this.tableName()
    const partitions = this.partitionList()
    const systemTime = this.#systemTime()
    const alias = this.tableAlias()
    return this.tableOf(name, partitions, alias, systemTime)
  }

  /** A named table of these parts with the index hints that follow. */
  protected tableOf(
    name: TableName,
    partitions: PartitionList | undefined,
    alias: Identifier | undefined,
    systemTime: Range | undefined,
  ): NamedTable {
    const indexHints = this.#indexHints()
    const { start } = name
    const end = this.end()
    return { kind: 'namedTable', start, end, name, partitions, alias, indexHints, systemTime }
  }

  protected partitionList(): PartitionList | undefined {
    const start = this.start()
    if (!this.is('PARTITION') || !this.isAhead(1, '(')) return undefined
    this.at++
    const names = this.identifierList()
    return { start, end: this.end(), names }
  }

  /** A bare word is an alias unless a clause can begin with it. */
  protected tableAlias(): Identifier | undefined {
    if (this.accept('AS')) return this.identifier()
    if (!this.isIdentifier() || this.is('OFFSET')) return undefined
    if (this.is('WINDOW') && this.isIdentifier(1)) return undefined
    return this.identifier()
  }

  #indexHints(): Range | undefined {
    const start = this.start()
    const first = this.at
    while (this.is('USE') || this.is('FORCE') || this.is('IGNORE')) {
      if (!this.isAhead(1, 'INDEX') && !this.isAhead(1, 'KEY')) break
      this.at += 2
      if (this.accept('FOR')) this.#indexHintPurpose()
      this.expect('(')
      while (!this.is(')')) {
        if (!this.accept('PRIMARY')) this.identifier()
        if (!this.accept(',') && !this.is(')')) throw this.unexpected(')')
      }
      this.at++
      // MySQL allows a comma between hints, which a following table reference never confuses.
      if (this.is(',') && this.#isIndexHintAhead()) this.at++
    }
    return this.at === first ? undefined : this.rangeFrom(start)
  }

  #isIndexHintAhead(): boolean {
    const isHint = this.isAhead(1, 'USE') || this.isAhead(1, 'FORCE') || this.isAhead(1, 'IGNORE')
    return isHint && (this.isAhead(2, 'INDEX') || this.isAhead(2, 'KEY'))
  }

  #indexHintPurpose(): void {
    if (this.accept('JOIN')) return
    if (!this.accept('ORDER')) this.expect('GROUP')
    this.expect('BY')
  }

  /** MariaDB: `FOR SYSTEM_TIME AS OF x`, `BETWEEN a AND b`, `FROM a TO b`, `ALL`. */
  #systemTime(): Range | undefined {
    if (!this.is('FOR') || !this.isAhead(1, 'SYSTEM_TIME')) return undefined
    const start = this.start()
    this.at += 2
    if (this.accept('ALL')) return this.rangeFrom(start)
    if (this.accept('AS')) {
      this.expect('OF')
      this.#pointInTime()
      return this.rangeFrom(start)
    }
    const isBetween = this.accept('BETWEEN')
    if (!isBetween) this.expect('FROM')
    this.#pointInTime()
    this.expect(isBetween ? 'AND' : 'TO')
    this.#pointInTime()
    return this.rangeFrom(start)
  }

  #pointInTime(): void {
    const isUnit = this.is('TIMESTAMP') || this.is('TRANSACTION')
    if (isUnit && this.kinds[this.at + 1] !== tokenKind.string && !this.isAhead(1, '(')) this.at++
    this.bitExpression()
  }
}
