/** Literals, names, variables and everything else an expression is made of, but calls. */
import type {
  ColumnReference,
  Expression,
  HexLiteral,
  Identifier,
  JsonArrow,
  NumberLiteral,
  OrderBy,
  Query,
  StringLiteral,
  SystemVariable,
  TableName,
  TemporalLiteral,
  UserVariable,
  VariableScope,
  WindowSpecification,
} from './ast.ts'
import { identifierName, stringValue } from './literals.ts'
import { TokenCursor } from './token-cursor.ts'
import { tokenKind } from './tokens.ts'

const variableScopes: ReadonlyMap<string, VariableScope> = new Map([
  ['global', 'global'],
  ['session', 'session'],
  ['local', 'local'],
  ['persist', 'persist'],
  ['persist_only', 'persistOnly'],
])

export abstract class PrimaryParser extends TokenCursor {
  protected abstract expression(): Expression
  protected abstract query(): Query
  protected abstract orderBy(): OrderBy | undefined
  protected abstract windowSpecification(): WindowSpecification
  /** What begins with a word; undefined when the word is only a name. */
  protected abstract wordExpression(): Expression | undefined
  /** What begins with `(`: a subquery, a row, or one expression. */
  protected abstract parenthesized(): Expression
  /** The operand of a sign before it. */
  protected abstract unary(): Expression

  /** The smallest whole expressions, with what binds most tightly behind them. */
  protected primary(): Expression {
    let expression = this.#bare()
    for (let length = 1; this.accept('COLLATE'); length++) {
      this.checkChain(length)
      const collation = this.charsetName()
      expression = {
        kind: 'collate',
        start: expression.start,
        end: this.end(),
        operand: expression,
        collation,
      }
    }
    return expression
  }

  #bare(): Expression {
    const kind = this.kind()
    switch (kind) {
      case tokenKind.word:
        return this.wordExpression() ?? this.#column()
      case tokenKind.quotedIdentifier:
        return this.wordExpression() ?? this.#column()
      case tokenKind.reserved: {
        const expression = this.wordExpression()
        if (expression === undefined) throw this.unexpected('an expression')
        return expression
      }
      case tokenKind.parameter:
        return this.takeParameter()
      case tokenKind.string:
      case tokenKind.nationalString:
        return this.stringLiteral()
      case tokenKind.introducer:
        return this.#introduced()
      case tokenKind.integer:
      case tokenKind.decimal:
      case tokenKind.float:
        return this.numberLiteral()
      case tokenKind.hex:
      case tokenKind.hexString:
      case tokenKind.bit:
      case tokenKind.bitString:
        return this.#binaryLiteral(this.start(), undefined)
      case tokenKind.nullEscape:
        this.at++
        return { kind: 'null', start: this.starts[this.at - 1]!, end: this.end() }
      case tokenKind.userVariable:
        return this.#variable()
      default:
        return this.#signExpression()
    }
  }

  #signExpression(): Expression {
    if (this.is('(')) return this.parenthesized()
    if (this.is('@@')) return this.systemVariable()
    if (!this.is('{')) throw this.unexpected('an expression')
    const start = this.start()
    this.at++
    const name = this.identifier().name.toLowerCase()
    this.enter()
    const expression = this.expression()
    this.leave()
    this.expect('}')
    return { kind: 'odbc', start, end: this.end(), name, expression }
  }

  // -------------------------------------------------------------------------------------- names

  protected tableName(): TableName {
    const first = this.identifier()
    if (!this.is('.') || this.isAhead(1, '*')) {
      return { start: first.start, end: first.end, schema: undefined, name: first }
    }
    this.at++
    const name = this.identifier()
    return { start: first.start, end: name.end, schema: first, name }
  }

  protected identifierList(): readonly Identifier[] {
    this.expect('(')
    const names = [this.identifier()]
    while (this.accept(',')) names.push(this.identifier())
    this.expect(')')
    return names
  }

  /** A column, and a JSON path behind it. */
  #column(): Expression {
    const column = this.columnReference()
    if (!this.is('->') && !this.is('->>')) return column
    const isUnquoted = this.is('->>')
    this.at++
    if (this.kind() !== tokenKind.string) throw this.unexpected('a path as a string')
    const path = this.stringLiteral()
    const { start } = column
    return { kind: 'jsonArrow', start, end: path.end, column, isUnquoted, path } satisfies JsonArrow
  }

  protected columnReference(): ColumnReference {
    const first = this.identifier()
    if (!this.is('.') || this.isAhead(1, '*')) return columnOf(undefined, undefined, first)
    this.at++
    const second = this.identifier()
    if (!this.is('.') || this.isAhead(1, '*')) return columnOf(undefined, first, second)
    this.at++
    return columnOf(first, second, this.identifier())
  }

  /** The name of a character set or collation, also as a string or `BINARY`, in lower case. */
  protected charsetName(): string {
    const start = this.start()
    if (this.kind() === tokenKind.string) {
      this.at++
      return stringValue(this.text, start, this.end(), this.mode).toLowerCase()
    }
    if (this.accept('BINARY')) return 'binary'
    return this.identifier().name.toLowerCase()
  }

  // ----------------------------------------------------------------------------------- literals

  protected numberLiteral(): NumberLiteral {
    const kind = this.kind()
    const start = this.start()
    const end = this.ends[this.at++]!
    const type =
      kind === tokenKind.integer ? 'integer' : kind === tokenKind.decimal ? 'decimal' : 'float'
    return { kind: 'number', start, end, type, text: this.text.slice(start, end) }
  }

  /** A string and the strings next to it, which the server joins. */
  protected stringLiteral(): StringLiteral {
    const start = this.start()
    const isNational = this.kind() === tokenKind.nationalString
    return this.#strings(start, isNational ? 'utf8' : undefined)
  }

  #strings(start: number, charset: string | undefined): StringLiteral {
    const quoteAt = this.kind() === tokenKind.nationalString ? this.start() + 1 : this.start()
    this.at++
    let value = stringValue(this.text, quoteAt, this.end(), this.mode)
    while (this.kind() === tokenKind.string) {
      const next = this.start()
      this.at++
      value += stringValue(this.text, next, this.end(), this.mode)
    }
    return { kind: 'string', start, end: this.end(), value, charset }
  }

  #introduced(): Expression {
    const start = this.start()
    const charset = this.text.slice(start + 1, this.ends[this.at]).toLowerCase()
    this.at++
    if (this.kind() === tokenKind.string) return this.#strings(start, charset)
    const isBinary = this.kind() >= tokenKind.hex && this.kind() <= tokenKind.bitString
    if (!isBinary) throw this.unexpected('a string behind the character set')
    return this.#binaryLiteral(start, charset)
  }

  #binaryLiteral(start: number, charset: string | undefined): Expression {
    const kind = this.kind()
    const isQuoted = kind === tokenKind.hexString || kind === tokenKind.bitString
    const tokenStart = this.start()
    const end = this.ends[this.at++]!
    const digits = this.text.slice(tokenStart + 2, isQuoted ? end - 1 : end)
    const isHex = kind === tokenKind.hex || kind === tokenKind.hexString
    const literal: Omit<HexLiteral, 'kind'> = { start, end, digits, charset }
    return isHex ? { kind: 'hex', ...literal } : { kind: 'bit', ...literal }
  }

  /** `DATE '…'`, with the string as the next token but one. */
  protected temporalLiteral(type: TemporalLiteral['type']): TemporalLiteral {
    const start = this.start()
    this.at += 2
    const value = stringValue(this.text, this.starts[this.at - 1]!, this.end(), this.mode)
    return { kind: 'temporal', start, end: this.end(), type, value }
  }

  // ---------------------------------------------------------------------------------- variables

  protected userVariable(): UserVariable {
    if (this.kind() !== tokenKind.userVariable) throw this.unexpected('a user variable')
    const start = this.start()
    const end = this.ends[this.at++]!
    const quote = this.text.charAt(start + 1)
    const isString = quote === "'" || (quote === '"' && !this.mode.ansiQuotes)
    const isIdentifier = quote === '`' || quote === '"'
    const name = isString
      ? stringValue(this.text, start + 1, end, this.mode)
      : identifierName(this.text, start + 1, end, isIdentifier)
    return { kind: 'userVariable', start, end, name }
  }

  #variable(): Expression {
    const variable = this.userVariable()
    if (!this.accept(':=')) return variable
    this.enter()
    const value = this.expression()
    this.leave()
    return { kind: 'assign', start: variable.start, end: value.end, variable, value }
  }

  protected systemVariable(): SystemVariable {
    const start = this.start()
    if (!this.isGlued()) throw this.unexpected('a variable directly behind @@')
    this.at++
    const { scope, name } = this.scopedVariableName()
    return { kind: 'systemVariable', start, end: this.end(), scope, name }
  }

  /** `a`, `a.b`, `session.a`: the scope and the name in lower case. */
  protected scopedVariableName(): { scope: VariableScope; name: string } {
    // A variable may bear the name of a reserved word only behind @@; GLOBAL and such are not.
    const first = this.#variableWord()
    const scope = variableScopes.get(first)
    if (scope !== undefined && this.accept('.')) {
      const name = this.#variableWord()
      return { scope, name: this.accept('.') ? `${name}.${this.#variableWord()}` : name }
    }
    return {
      scope: 'implicit',
      name: this.accept('.') ? `${first}.${this.#variableWord()}` : first,
    }
  }

  #variableWord(): string {
    if (this.accept('DEFAULT')) return 'default'
    return this.identifier().name.toLowerCase()
  }
}

function columnOf(
  schema: Identifier | undefined,
  table: Identifier | undefined,
  column: Identifier,
): ColumnReference {
  const { start } = schema ?? table ?? column
  return { kind: 'column', start, end: column.end, schema, table, column }
}
