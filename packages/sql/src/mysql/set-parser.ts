/** SET in its many forms. */
import type { Expression, SetItem, SetStatement, VariableScope } from './ast.ts'
import { DdlParser } from './ddl-parser.ts'
import { tokenKind } from './tokens.ts'

const scopes: ReadonlyMap<string, VariableScope> = new Map([
  ['GLOBAL', 'global'],
  ['SESSION', 'session'],
  ['LOCAL', 'local'],
  ['PERSIST', 'persist'],
  ['PERSIST_ONLY', 'persistOnly'],
])

/** Words that may stand for a value though they are no expressions. */
const bareValues = new Set('ON ALL BINARY ROW SYSTEM'.split(' '))

/** What is recognised by its word and not understood. */
const others = new Set('PASSWORD ROLE DEFAULT RESOURCE'.split(' '))

export abstract class SetParser extends DdlParser {
  protected setStatement(): SetStatement {
    const start = this.start()
    this.at++
    const items: SetItem[] = []
    do items.push(this.#item())
    while (this.accept(','))
    return { kind: 'set', start, end: this.end(), ...this.parts(), items }
  }

  #item(): SetItem {
    const start = this.start()
    const word = this.words[this.at]!
    if (this.kind() === tokenKind.userVariable) return this.#userVariable(start)
    if (word === '@@') {
      const variable = this.systemVariable()
      return this.#variable(start, variable.scope, variable.name)
    }
    if (word === 'NAMES' && !this.#isAssignmentAhead(1)) return this.#names(start)
    if (word === 'CHARACTER' || word === 'CHARSET' || word === 'CHAR') return this.#charset(start)
    if (others.has(word) && !this.#isAssignmentAhead(1)) return this.#other(start, word)
    return this.#scoped(start)
  }

  #isAssignmentAhead(ahead: number): boolean {
    return this.isAhead(ahead, '=') || this.isAhead(ahead, ':=') || this.isAhead(ahead, '.')
  }

  #userVariable(start: number): SetItem {
    const { name } = this.userVariable()
    this.#assignment()
    const value = this.expression()
    return { kind: 'userVariable', start, end: value.end, name, value }
  }

  #assignment(): void {
    if (!this.accept(':=')) this.expect('=')
  }

  #scoped(start: number): SetItem {
    const scope = this.#isAssignmentAhead(1) ? undefined : scopes.get(this.words[this.at]!)
    if (scope !== undefined) this.at++
    if (this.is('TRANSACTION') && !this.#isAssignmentAhead(1)) {
      return this.#transaction(start, scope ?? 'implicit')
    }
    const named = this.scopedVariableName()
    return this.#variable(start, scope ?? named.scope, named.name)
  }

  #variable(start: number, scope: VariableScope, name: string): SetItem {
    this.#assignment()
    const value = this.#value()
    return { kind: 'variable', start, end: this.end(), scope, name, value }
  }

  #value(): Expression {
    const isLast = this.isAhead(1, ',') || this.isAhead(1, ';') || this.kinds[this.at + 1] === 0
    if (!isLast || !bareValues.has(this.words[this.at]!)) return this.expressionOrDefault()
    const start = this.start()
    this.at++
    const end = this.end()
    const column = { start, end, name: this.text.slice(start, end), isQuoted: false }
    return { kind: 'column', start, end, schema: undefined, table: undefined, column }
  }

  #names(start: number): SetItem {
    this.at++
    const charset = this.accept('DEFAULT') ? undefined : this.charsetName()
    const collation = this.accept('COLLATE') ? this.charsetName() : undefined
    return { kind: 'names', start, end: this.end(), charset, collation }
  }

  #charset(start: number): SetItem {
    if (!this.accept('CHARSET')) {
      this.at++
      this.expect('SET')
    }
    const charset = this.accept('DEFAULT') ? undefined : this.charsetName()
    return { kind: 'characterSet', start, end: this.end(), charset, collation: undefined }
  }

  /** The characteristics are separated by commas, as the items of SET are. */
  #transaction(start: number, scope: VariableScope): SetItem {
    this.at++
    do {
      if (this.accept('ISOLATION')) this.#isolationLevel()
      else {
        this.expect('READ')
        if (!this.accept('ONLY')) this.expect('WRITE')
      }
    } while (this.accept(','))
    return { kind: 'transaction', start, end: this.end(), scope }
  }

  #isolationLevel(): void {
    this.expect('LEVEL')
    if (this.acceptAll('REPEATABLE', 'READ') || this.accept('SERIALIZABLE')) return
    this.expect('READ')
    if (!this.accept('COMMITTED')) this.expect('UNCOMMITTED')
  }

  #other(start: number, word: string): SetItem {
    this.skipStatement()
    return { kind: 'other', start, end: this.end(), word }
  }
}
