/**
 * Operators and their precedence, from the loosest to the tightest:
 *
 *   OR ||   XOR   AND &&   NOT   = <=> <> < <= > >= IS   BETWEEN LIKE REGEXP IN
 *   |   &   << >>   + -   * / % DIV MOD   ^   || (PIPES_AS_CONCAT)   - + ~ ! BINARY   COLLATE
 *
 * The right side of BETWEEN's AND, of LIKE and of REGEXP is an arithmetic expression, and these
 * tests do not chain: `a IN (1) IN (2)` is refused, as MySQL does, though MariaDB takes it.
 *
 * Source: MySQL 8.4 reference manual 14.4.1 and its grammar of expressions (15, "Expressions").
 */
import type { BinaryOperator, Expression, IsTest, LogicalExpression } from './ast.ts'
import { CallParser } from './call-parser.ts'

export abstract class ExpressionParser extends CallParser {
  /** Whether a query begins at the `(` of the token `open`. */
  protected abstract isQueryAt(open: number): boolean

  protected expression(): Expression {
    const first = this.#xor()
    if (!this.#isOr()) return first
    const operands = [first]
    while (this.#acceptOr()) operands.push(this.#xor())
    return logical('or', operands)
  }

  #isOr(): boolean {
    return this.is('OR') || (this.is('||') && !this.mode.pipesAsConcat)
  }

  #acceptOr(): boolean {
    if (!this.#isOr()) return false
    this.at++
    return true
  }

  #xor(): Expression {
    let left = this.#and()
    for (let length = 1; this.accept('XOR'); length++) {
      this.checkChain(length)
      left = binary('xor', left, this.#and())
    }
    return left
  }

  #and(): Expression {
    const first = this.#not()
    if (!this.is('AND') && !this.is('&&')) return first
    const operands = [first]
    while (this.accept('AND') || this.accept('&&')) operands.push(this.#not())
    return logical('and', operands)
  }

  #not(): Expression {
    if (!this.is('NOT') || this.mode.highNotPrecedence) return this.#comparison()
    const start = this.start()
    this.at++
    this.enter()
    const operand = this.#not()
    this.leave()
    return { kind: 'unary', start, end: operand.end, operator: 'not', operand }
  }

  #comparison(): Expression {
    let left = this.#predicate()
    for (let length = 1; ; length++) {
      const operator = comparisonOperator(this.words[this.at]!)
      if (operator === undefined && !this.is('IS')) return left
      this.checkChain(length)
      this.at++
      left = operator === undefined ? this.#isTest(left) : this.#compared(operator, left)
    }
  }

  #isTest(operand: Expression): IsTest {
    const isNegated = this.accept('NOT')
    const test = isTests[this.words[this.at]!]
    if (test === undefined) throw this.unexpected('NULL, TRUE, FALSE or UNKNOWN')
    this.at++
    return { kind: 'is', start: operand.start, end: this.end(), operand, test, isNegated }
  }

  #compared(operator: BinaryOperator, left: Expression): Expression {
    const isAll = this.is('ALL')
    const isQuantified = isAll || this.is('ANY') || this.is('SOME')
    if (!isQuantified || !this.isAhead(1, '(') || !this.isQueryAt(this.at + 1)) {
      return binary(operator, left, this.#predicate())
    }
    this.at += 2
    this.enter()
    const query = this.query()
    this.leave()
    this.expect(')')
    const quantifier = isAll ? 'all' : 'any'
    const { start } = left
    return { kind: 'quantified', start, end: this.end(), operator, quantifier, left, query }
  }

  // --------------------------------------------------------------------- IN, BETWEEN, LIKE, REGEXP

  #predicate(): Expression {
    const operand = this.bitExpression()
    const isNegated = this.is('NOT')
    const at = this.at + (isNegated ? 1 : 0)
    switch (this.words[at]) {
      case 'IN':
        this.at = at + 1
        return this.#in(operand, isNegated)
      case 'BETWEEN':
        this.at = at + 1
        return this.#between(operand, isNegated)
      case 'LIKE':
        this.at = at + 1
        return this.#like(operand, isNegated)
      case 'REGEXP':
      case 'RLIKE':
        this.at = at + 1
        return binary(isNegated ? 'not regexp' : 'regexp', operand, this.bitExpression())
      case 'SOUNDS':
        if (isNegated || !this.acceptAll('SOUNDS', 'LIKE')) return operand
        return binary('sounds like', operand, this.bitExpression())
      case 'MEMBER':
        if (isNegated || !this.#acceptMember()) return operand
        return this.#memberOf(operand)
      default:
        return operand
    }
  }

  #in(operand: Expression, isNegated: boolean): Expression {
    const { start } = operand
    if (!this.is('(')) throw this.unexpected('(')
    const isQuery = this.isQueryAt(this.at)
    this.at++
    this.enter()
    if (isQuery) {
      const query = this.query()
      this.leave()
      this.expect(')')
      return { kind: 'inQuery', start, end: this.end(), operand, isNegated, query }
    }
    const items: Expression[] = []
    do items.push(this.expression())
    while (this.accept(','))
    this.leave()
    this.expect(')')
    return { kind: 'in', start, end: this.end(), operand, isNegated, items }
  }

  #between(operand: Expression, isNegated: boolean): Expression {
    const low = this.bitExpression()
    this.expect('AND')
    this.enter()
    // The upper bound may itself be such a test: `a BETWEEN 1 AND 2 IN (2)`.
    const high = this.#predicate()
    this.leave()
    return { kind: 'between', start: operand.start, end: high.end, operand, isNegated, low, high }
  }

  #like(operand: Expression, isNegated: boolean): Expression {
    const pattern = this.bitExpression()
    const escape = this.accept('ESCAPE') ? this.bitExpression() : undefined
    const { start } = operand
    return { kind: 'like', start, end: this.end(), operand, isNegated, pattern, escape }
  }

  #acceptMember(): boolean {
    if (this.acceptAll('MEMBER', 'OF')) return true
    if (!this.isAhead(1, '(')) return false
    this.at++
    return true
  }

  #memberOf(operand: Expression): Expression {
    this.expect('(')
    this.enter()
    const array = this.bitExpression()
    this.leave()
    this.expect(')')
    return { kind: 'memberOf', start: operand.start, end: this.end(), operand, array }
  }

  // --------------------------------------------------------------------------------- arithmetic

  protected bitExpression(): Expression {
    return this.#arithmetic(1)
  }

  /** Precedence climbing over the operators that bind at least as tightly as `lowest`. */
  #arithmetic(lowest: number): Expression {
    let left = this.unary()
    for (let length = 1; ; length++) {
      const word = this.words[this.at]!
      const precedence = word === '' ? 0 : this.#precedenceOf(word)
      if (precedence < lowest) return left
      this.checkChain(length)
      this.at++
      left = binary(arithmeticOperator(word), left, this.#arithmetic(precedence + 1))
    }
  }

  /** 0 for what is no arithmetic operator. */
  #precedenceOf(word: string): number {
    switch (word) {
      case '|':
        return 1
      case '&':
        return 2
      case '<<':
      case '>>':
        return 3
      case '+':
      case '-':
        return 4
      case '*':
      case '/':
      case '%':
      case 'DIV':
      case 'MOD':
        return 5
      case '^':
        return 6
      case '||':
        return this.mode.pipesAsConcat ? 7 : 0
      default:
        return 0
    }
  }

  protected unary(): Expression {
    const operator = this.#unaryOperator()
    if (operator === undefined) return this.primary()
    const start = this.start()
    this.at++
    this.enter()
    const operand = this.unary()
    this.leave()
    return { kind: 'unary', start, end: operand.end, operator, operand }
  }

  #unaryOperator(): '-' | '+' | '~' | '!' | undefined {
    const word = this.words[this.at]
    if (word === '-' || word === '+' || word === '~' || word === '!') return word
    return word === 'NOT' && this.mode.highNotPrecedence ? '!' : undefined
  }

  protected parenthesized(): Expression {
    const start = this.start()
    const isQuery = this.isQueryAt(this.at)
    this.at++
    this.enter()
    if (isQuery) {
      const query = this.query()
      this.leave()
      this.expect(')')
      return { kind: 'subquery', start, end: this.end(), query }
    }
    const expression = this.expression()
    if (!this.is(',')) {
      this.leave()
      this.expect(')')
      return { kind: 'parenthesizedExpression', start, end: this.end(), expression }
    }
    const values = [expression]
    while (this.accept(',')) values.push(this.expression())
    this.leave()
    this.expect(')')
    return { kind: 'row', start, end: this.end(), values }
  }
}

const isTests: Readonly<Record<string, IsTest['test']>> = {
  NULL: 'null',
  TRUE: 'true',
  FALSE: 'false',
  UNKNOWN: 'unknown',
}

function comparisonOperator(word: string): BinaryOperator | undefined {
  switch (word) {
    case '=':
    case '<':
    case '>':
    case '<=':
    case '>=':
    case '<>':
    case '<=>':
      return word
    case '!=':
      return '<>'
    default:
      return undefined
  }
}

function arithmeticOperator(word: string): BinaryOperator {
  switch (word) {
    case 'DIV':
      return 'div'
    case 'MOD':
      return '%'
    case '||':
      return 'concat'
    default:
      return word as BinaryOperator
  }
}

function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', start: left.start, end: right.end, operator, left, right }
}

function logical(
  operator: LogicalExpression['operator'],
  operands: readonly Expression[],
): LogicalExpression {
  const start = operands[0]!.start
  const end = operands.at(-1)!.end
  return { kind: 'logical', start, end, operator, operands }
}
