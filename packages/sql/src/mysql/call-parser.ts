/** Expressions that begin with a word: calls with their many spellings, CASE, CAST, INTERVAL. */
import type {
  CaseBranch,
  ColumnReference,
  Expression,
  FunctionCall,
  Identifier,
  Interval,
  OrderBy,
  Range,
  Star,
  WindowSpecification,
} from './ast.ts'
import { PrimaryParser } from './primary-parser.ts'
import { tokenKind } from './tokens.ts'

const intervalUnits = new Set(
  `MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR SECOND_MICROSECOND MINUTE_MICROSECOND
  MINUTE_SECOND HOUR_MICROSECOND HOUR_SECOND HOUR_MINUTE DAY_MICROSECOND DAY_SECOND DAY_MINUTE
  DAY_HOUR YEAR_MONTH`.split(/\s+/),
)

/** Types that CAST and CONVERT know. */
const castTypes = new Set(
  `BINARY CHAR CHARACTER NCHAR VARCHAR DATE DATETIME TIME TIMESTAMP YEAR DECIMAL DEC NUMERIC FIXED
  SIGNED UNSIGNED INTEGER INT JSON DOUBLE FLOAT REAL INET4 INET6 UUID VECTOR INTERVAL`.split(/\s+/),
)

/** What may stand without parentheses. */
const bareCalls = new Set(
  `CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP UTC_DATE
  UTC_TIME UTC_TIMESTAMP`.split(/\s+/),
)

/** Reserved words that are names of functions all the same. */
const reservedCalls = new Set(
  'IF LEFT RIGHT REPLACE INSERT REPEAT MOD CHAR DATABASE SCHEMA'.split(' '),
)

/**
 * Built-in functions that the server knows only with the parenthesis directly behind the name,
 * unless the mode is IGNORE_SPACE: with space between, the name is that of a stored function.
 */
const gluedCalls = new Set(
  `ADDDATE BIT_AND BIT_OR BIT_XOR CAST COUNT CURDATE CURTIME DATE_ADD DATE_SUB EXTRACT GROUP_CONCAT
  JSON_ARRAYAGG JSON_OBJECTAGG MAX MID MIN NOW POSITION SESSION_USER STD STDDEV STDDEV_POP
  STDDEV_SAMP SUBDATE SUBSTR SUBSTRING SUM SYSDATE SYSTEM_USER TRIM VARIANCE VAR_POP
  VAR_SAMP`.split(/\s+/),
)

/** Words that may stand between the arguments of a call instead of, or next to, commas. */
const argumentWords: Readonly<Record<string, readonly string[]>> = {
  TRIM: ['BOTH', 'LEADING', 'TRAILING', 'FROM'],
  SUBSTRING: ['FROM', 'FOR'],
  SUBSTR: ['FROM', 'FOR'],
  MID: ['FROM', 'FOR'],
  POSITION: ['IN'],
}

export abstract class CallParser extends PrimaryParser {
  /** An expression without the operators of comparison and below, as before `IN` of POSITION. */
  protected abstract bitExpression(): Expression

  protected wordExpression(): Expression | undefined {
    const word = this.words[this.at]!
    if (word === '') return this.#callOfName()
    if (this.kind() === tokenKind.reserved) return this.#reserved(word)
    return this.#contextual(word)
  }

  #reserved(word: string): Expression | undefined {
    const start = this.start()
    switch (word) {
      case 'NULL':
        this.at++
        return { kind: 'null', start, end: this.end() }
      case 'TRUE':
      case 'FALSE':
        this.at++
        return { kind: 'boolean', start, end: this.end(), value: word === 'TRUE' }
      case 'CASE':
        return this.#case()
      case 'CONVERT':
        return this.#convert()
      case 'DEFAULT':
        return this.#default()
      case 'VALUES':
        return this.#valuesReference()
      case 'INTERVAL':
        return this.#interval()
      case 'MATCH':
        return this.#match()
      case 'EXISTS':
        return this.#exists()
      case 'BINARY':
        this.at++
        return this.#binary(start)
      default:
        return this.#reservedCall(word)
    }
  }

  #reservedCall(word: string): Expression | undefined {
    if (bareCalls.has(word)) return this.isAhead(1, '(') ? this.#call(word) : this.#bareCall()
    return reservedCalls.has(word) && this.isAhead(1, '(') ? this.#call(word) : undefined
  }

  #contextual(word: string): Expression | undefined {
    switch (word) {
      case 'DATE':
      case 'TIME':
      case 'TIMESTAMP':
        if (this.kinds[this.at + 1] !== tokenKind.string) break
        return this.temporalLiteral(
          word === 'DATE' ? 'date' : word === 'TIME' ? 'time' : 'timestamp',
        )
      case 'ROW':
        if (!this.isAhead(1, '(')) break
        return this.#rowConstructor()
      case 'VALUE':
        if (this.#isColumnInParentheses(this.at + 1)) return this.#valuesReference()
        break
      case 'CAST':
        if (this.#isGluedCall()) return this.#cast()
        break
      case 'NEXT':
      case 'PREVIOUS':
        if (this.isAhead(1, 'VALUE') && this.isAhead(2, 'FOR')) return this.#sequenceValue(word)
        break
      default:
    }
    return this.#callOfName()
  }

  /** A call of any function, of a schema or not; undefined when no parenthesis follows. */
  #callOfName(): Expression | undefined {
    if (this.isAhead(1, '(')) return this.#call(this.words[this.at]!)
    if (!this.isAhead(1, '.') || !this.isAhead(3, '(') || !this.isIdentifier(2)) return undefined
    const schema = this.identifier()
    this.expect('.')
    return this.#call('', schema)
  }

  #isGluedCall(): boolean {
    return this.isAhead(1, '(') && (this.mode.ignoreSpace || this.isGlued())
  }

  #bareCall(): FunctionCall {
    const start = this.start()
    this.at++
    const name = this.text.slice(start, this.end()).toLowerCase()
    const parts = { args: [], isDistinct: false, hasParentheses: false }
    const rest = { schema: undefined, orderBy: undefined, over: undefined }
    return { kind: 'call', start, end: this.end(), name, ...parts, ...rest }
  }

  // -------------------------------------------------------------------------------------- calls

  #call(word: string, schema?: Identifier): FunctionCall {
    const start = schema?.start ?? this.start()
    const isBuiltIn = !gluedCalls.has(word) || this.#isGluedCall()
    const name = this.#functionName()
    this.expect('(')
    this.enter()
    const args: (Expression | Star)[] = []
    const isDistinct = isBuiltIn && this.#distinct(word)
    if (!this.is(')')) this.#arguments(isBuiltIn ? word : '', args)
    const orderBy = word === 'GROUP_CONCAT' && isBuiltIn ? this.#groupConcatEnd(args) : undefined
    this.leave()
    this.expect(')')
    const over = this.#over()
    return {
      kind: 'call',
      start,
      end: this.end(),
      schema,
      name,
      args,
      isDistinct,
      hasParentheses: true,
      orderBy,
      over,
    }
  }

  #functionName(): string {
    if (this.isIdentifier()) return this.identifier().name.toLowerCase()
    const start = this.start()
    this.at++
    return this.text.slice(start, this.end()).toLowerCase()
  }

  #distinct(word: string): boolean {
    if (word === '') return false
    if (this.accept('DISTINCT')) return true
    this.accept('ALL')
    return false
  }

  #arguments(word: string, args: (Expression | Star)[]): void {
    switch (word) {
      case 'COUNT':
        if (!this.is('*')) break
        args.push(this.#star())
        return
      case 'EXTRACT':
        this.intervalUnit()
        this.expect('FROM')
        args.push(this.expression())
        return
      case 'TIMESTAMPADD':
      case 'TIMESTAMPDIFF':
        this.intervalUnit()
        this.expect(',')
        break
      case 'GET_FORMAT':
        this.at++
        this.expect(',')
        break
      case 'TRIM':
      case 'SUBSTRING':
      case 'SUBSTR':
      case 'MID':
      case 'POSITION':
        return this.#argumentsWithWords(argumentWords[word]!, args)
      default:
    }
    this.#list(args)
    this.#argumentsEnd(word)
  }

  #star(): Star {
    const start = this.start()
    this.at++
    return { kind: 'star', start, end: this.end(), schema: undefined, table: undefined }
  }

  #list(args: (Expression | Star)[]): void {
    do args.push(this.expression())
    while (this.accept(','))
  }

  /** `TRIM(BOTH 'a' FROM b)`, `SUBSTRING(a FROM 1 FOR 2)`, `POSITION(a IN b)`, or commas. */
  #argumentsWithWords(separators: readonly string[], args: (Expression | Star)[]): void {
    let isNext = true
    while (isNext) {
      while (separators.includes(this.words[this.at]!)) this.at++
      args.push(separators.includes('IN') ? this.bitExpression() : this.expression())
      isNext = separators.includes(this.words[this.at]!) || this.accept(',')
    }
  }

  /** `CHAR(1 USING utf8)`, `WEIGHT_STRING(a AS CHAR(3))`, `JSON_VALUE(a, p RETURNING …)`. */
  #argumentsEnd(word: string): void {
    if (word === 'CHAR' && this.accept('USING')) this.charsetName()
    else if (word === 'WEIGHT_STRING' && this.accept('AS')) this.#castType()
    else if (word === 'JSON_VALUE') this.#jsonValueEnd()
  }

  #jsonValueEnd(): void {
    if (this.accept('RETURNING')) this.#castType()
    while (!this.is(')') && !this.isStatementEnd()) {
      if (this.accept('DEFAULT')) this.expression()
      else if (!this.accept('NULL')) this.expect('ERROR')
      this.expect('ON')
      if (!this.accept('EMPTY')) this.expect('ERROR')
    }
  }

  #groupConcatEnd(args: (Expression | Star)[]): OrderBy | undefined {
    const orderBy = this.orderBy()
    if (this.accept('SEPARATOR')) args.push(this.primary())
    if (this.accept('LIMIT')) {
      do args.push(this.primary())
      while (this.accept(',') || this.accept('OFFSET'))
    }
    return orderBy
  }

  #over(): WindowSpecification | undefined {
    if (this.acceptAll('FROM', 'FIRST') || this.acceptAll('FROM', 'LAST')) this.#expectOver()
    if (this.acceptAll('RESPECT', 'NULLS') || this.acceptAll('IGNORE', 'NULLS')) this.#expectOver()
    return this.accept('OVER') ? this.windowSpecification() : undefined
  }

  #expectOver(): void {
    if (!this.is('OVER') && !this.is('RESPECT') && !this.is('IGNORE')) throw this.unexpected('OVER')
  }

  protected intervalUnit(): string {
    const word = this.words[this.at]!
    if (!intervalUnits.has(word)) throw this.unexpected('a unit of time')
    this.at++
    return word
  }

  // ------------------------------------------------------------------------------ other spellings

  #case(): Expression {
    const start = this.start()
    this.enter()
    this.expect('CASE')
    const operand = this.is('WHEN') ? undefined : this.expression()
    const branches: CaseBranch[] = []
    do {
      const branchStart = this.start()
      this.expect('WHEN')
      const condition = this.expression()
      this.expect('THEN')
      const result = this.expression()
      branches.push({ start: branchStart, end: result.end, condition, result })
    } while (this.is('WHEN'))
    const otherwise = this.accept('ELSE') ? this.expression() : undefined
    this.expect('END')
    this.leave()
    return { kind: 'case', start, end: this.end(), operand, branches, otherwise }
  }

  #cast(): Expression {
    const start = this.start()
    this.at++
    this.expect('(')
    this.enter()
    const operand = this.expression()
    this.expect('AS')
    const type = this.#castType()
    this.accept('ARRAY')
    this.leave()
    this.expect(')')
    return { kind: 'cast', start, end: this.end(), operand, type }
  }

  #convert(): Expression {
    const start = this.start()
    this.at++
    this.expect('(')
    this.enter()
    const operand = this.expression()
    this.leave()
    if (this.accept('USING')) {
      const charset = this.charsetName()
      this.expect(')')
      return { kind: 'convertUsing', start, end: this.end(), operand, charset }
    }
    this.expect(',')
    const type = this.#castType()
    this.expect(')')
    return { kind: 'cast', start, end: this.end(), operand, type }
  }

  #castType(): Range {
    const start = this.start()
    const word = this.words[this.at]!
    if (!castTypes.has(word)) throw this.unexpected('a type')
    this.at++
    if (word === 'INTERVAL') this.intervalUnit()
    if (word === 'SIGNED' || word === 'UNSIGNED') {
      if (!this.accept('INTEGER')) this.accept('INT')
    }
    if (word === 'DOUBLE') this.accept('PRECISION')
    if (this.accept('(')) {
      do this.#wholeNumber()
      while (this.accept(','))
      this.expect(')')
    }
    if (
      this.acceptAll('CHARACTER', 'SET') ||
      this.acceptAll('CHAR', 'SET') ||
      this.accept('CHARSET')
    )
      this.charsetName()
    return this.rangeFrom(start)
  }

  #wholeNumber(): void {
    if (this.kind() !== tokenKind.integer) throw this.unexpected('a whole number')
    this.at++
  }

  #default(): Expression {
    const start = this.start()
    this.at++
    this.expect('(')
    const column = this.columnReference()
    this.expect(')')
    return { kind: 'default', start, end: this.end(), column }
  }

  /** `DEFAULT` where a whole value stands, otherwise an expression. */
  protected expressionOrDefault(): Expression {
    if (!this.is('DEFAULT') || this.isAhead(1, '(')) return this.expression()
    const start = this.start()
    this.at++
    return { kind: 'default', start, end: this.end(), column: undefined }
  }

  #valuesReference(): Expression {
    const start = this.start()
    this.at++
    this.expect('(')
    const column: ColumnReference = this.columnReference()
    this.expect(')')
    return { kind: 'valuesReference', start, end: this.end(), column }
  }

  /** Whether `(a)`, `(t.a)` or `(db.t.a)` stands at the token `open`. */
  #isColumnInParentheses(open: number): boolean {
    if (this.words[open] !== '(') return false
    let at = open + 1
    while (this.isIdentifier(at - this.at) && this.words[at + 1] === '.') at += 2
    return this.isIdentifier(at - this.at) && this.words[at + 1] === ')'
  }

  /** Whether `VALUES` at the token `at` is `VALUES(column)` rather than a list of rows. */
  protected isValuesReferenceAt(at: number): boolean {
    return this.words[at] === 'VALUES' && this.#isColumnInParentheses(at + 1)
  }

  /** `INTERVAL n unit`, or the function `INTERVAL(n, a, b)`. */
  #interval(): Expression {
    const start = this.start()
    if (this.isAhead(1, '(') && this.#hasComma(this.at + 1)) return this.#call('')
    this.at++
    this.enter()
    const value = this.expression()
    this.leave()
    const unit = this.intervalUnit()
    return { kind: 'interval', start, end: this.end(), value, unit } satisfies Interval
  }

  #hasComma(open: number): boolean {
    const close = this.closingAt(open)
    let depth = 0
    for (let at = open; at < close; at++) {
      const word = this.words[at]
      if (word === '(') depth++
      else if (word === ')') depth--
      else if (word === ',' && depth === 1) return true
    }
    return false
  }

  #match(): Expression {
    const start = this.start()
    this.at++
    const hasParentheses = this.accept('(')
    const columns = [this.columnReference()]
    while (this.accept(',')) columns.push(this.columnReference())
    if (hasParentheses) this.expect(')')
    this.expect('AGAINST')
    this.expect('(')
    this.enter()
    const against = this.bitExpression()
    this.leave()
    if (this.accept('IN')) {
      if (this.accept('BOOLEAN')) this.expect('MODE')
      else {
        this.expect('NATURAL')
        this.expect('LANGUAGE')
        this.expect('MODE')
      }
    }
    if (this.accept('WITH')) {
      this.expect('QUERY')
      this.expect('EXPANSION')
    }
    this.expect(')')
    return { kind: 'match', start, end: this.end(), columns, against }
  }

  #exists(): Expression {
    const start = this.start()
    this.at++
    this.expect('(')
    this.enter()
    const query = this.query()
    this.leave()
    this.expect(')')
    return { kind: 'exists', start, end: this.end(), query }
  }

  #binary(start: number): Expression {
    this.enter()
    const operand = this.unary()
    this.leave()
    return { kind: 'unary', start, end: operand.end, operator: 'binary', operand }
  }

  #rowConstructor(): Expression {
    const start = this.start()
    this.at += 2
    this.enter()
    const values: Expression[] = []
    this.#list(values as (Expression | Star)[])
    this.leave()
    this.expect(')')
    return { kind: 'row', start, end: this.end(), values }
  }

  #sequenceValue(word: 'NEXT' | 'PREVIOUS'): Expression {
    const start = this.start()
    this.at += 3
    const sequence = this.tableName()
    const which = word === 'NEXT' ? 'next' : 'previous'
    return { kind: 'sequenceValue', start, end: this.end(), which, sequence }
  }
}
