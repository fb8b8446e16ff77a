/** One text: its statements in order, and those that are recognised more than understood. */
import type {
  Identifier,
  MysqlStatement,
  PreparedStatement,
  Range,
  SetItem,
  TableName,
  TransactionStatement,
  XaStatement,
} from './ast.ts'
import type { StatementParts } from './dml-parser.ts'
import { SetParser } from './set-parser.ts'
import { excerpt, failAt } from './sql-failure.ts'
import type { MysqlMode } from './sql-mode.ts'
import type { ParserLimits } from './token-cursor.ts'
import { tokenKind, type Tokens } from './tokens.ts'

/** MariaDB's compound statements outside of routines; a label before a colon is one too. */
const compoundWords = new Set('IF CASE LOOP REPEAT WHILE FOR DECLARE'.split(' '))

const xaActions: ReadonlyMap<string, XaStatement['action']> = new Map([
  ['START', 'start'],
  ['BEGIN', 'start'],
  ['END', 'end'],
  ['PREPARE', 'prepare'],
  ['COMMIT', 'commit'],
  ['ROLLBACK', 'rollback'],
  ['RECOVER', 'recover'],
])

type TransactionParts = Omit<TransactionStatement, keyof StatementParts | keyof Range | 'kind'>

const transactionParts = {
  savepoint: undefined,
  access: undefined,
  hasConsistentSnapshot: false,
  chain: undefined,
  release: undefined,
} as const satisfies Omit<TransactionParts, 'action'>

export class StatementParser extends SetParser {
  readonly #hints: readonly number[]
  #nextHint = 0

  constructor(text: string, mode: MysqlMode, tokens: Tokens, limits: ParserLimits) {
    super(text, mode, tokens, limits)
    this.#hints = tokens.hints
  }

  /** Every statement of the text. */
  statements(): readonly MysqlStatement[] {
    const statements: MysqlStatement[] = []
    for (;;) {
      while (this.accept(';'));
      if (this.kind() === tokenKind.end) return statements
      if (statements.length === this.limits.maxStatements) throw this.#tooMany()
      this.#checkReading(statements.at(-1))
      statements.push(this.#statement())
      if (!this.isStatementEnd()) throw this.unexpected('the end of the statement')
    }
  }

  /** What follows `SET sql_mode` in one text is read by the server in the new mode, not in ours. */
  #checkReading(previous: MysqlStatement | undefined): void {
    if (previous === undefined || !changesReading(previous)) return
    const change = excerpt(this.text, previous.start)
    const what = `${change} may change how the statement behind it is read; send that on its own`
    throw failAt('SETTEE_SQL_AMBIGUOUS', this.text, this.start(), what)
  }

  #tooMany(): Error {
    const what = `more than ${this.limits.maxStatements} statements in one text`
    return failAt('SETTEE_SQL_TOO_MANY_STATEMENTS', this.text, this.start(), what)
  }

  protected parts(): StatementParts {
    const { parameters } = this
    this.parameters = []
    const hints: Range[] = []
    while (this.#nextHint < this.#hints.length && this.#hints[this.#nextHint]! < this.start()) {
      hints.push({ start: this.#hints[this.#nextHint]!, end: this.#hints[this.#nextHint + 1]! })
      this.#nextHint += 2
    }
    return { parameters, hints }
  }

  #statement(): MysqlStatement {
    if (this.isDml()) return this.dmlStatement()
    const word = this.words[this.at]!
    switch (word) {
      case 'BEGIN':
      case 'START':
      case 'COMMIT':
      case 'ROLLBACK':
      case 'SAVEPOINT':
      case 'RELEASE':
        return this.#transaction(word) ?? this.#opaque(word)
      case 'SET':
        return this.isAhead(1, 'STATEMENT') ? this.#opaque('SET STATEMENT') : this.setStatement()
      case 'CREATE':
        return this.ddlStatement('create')
      case 'ALTER':
        return this.ddlStatement('alter')
      case 'DROP':
        return this.isAhead(1, 'PREPARE') ? this.#prepared('deallocate') : this.ddlStatement('drop')
      case 'TRUNCATE':
        return this.ddlStatement('truncate')
      case 'RENAME':
        return this.ddlStatement('rename')
      default:
        return this.#session(word)
    }
  }

  #session(word: string): MysqlStatement {
    switch (word) {
      case 'XA':
        return this.#xa()
      case 'USE':
        return this.#use()
      case 'CALL':
        return this.#call()
      case 'LOCK':
      case 'UNLOCK':
        return this.#lockTables(word)
      case 'PREPARE':
        return this.#prepared('prepare')
      case 'EXECUTE':
        return this.#prepared(this.isAhead(1, 'IMMEDIATE') ? 'executeImmediate' : 'execute')
      case 'DEALLOCATE':
        return this.#prepared('deallocate')
      case 'SHOW':
      case 'HELP':
      case 'DESCRIBE':
      case 'DESC':
      case 'EXPLAIN':
        return this.#show(word)
      default:
        return this.#opaque(word)
    }
  }

  // ----------------------------------------------------------------------------------- transaction

  /** Undefined when the words do not begin such a statement, as in `BEGIN NOT ATOMIC`. */
  #transaction(word: string): TransactionStatement | undefined {
    const start = this.start()
    const first = this.at
    const parts = this.#transactionParts(word)
    if (parts === undefined || !this.isStatementEnd()) {
      this.at = first
      return word === 'BEGIN' || word === 'START' ? undefined : this.#transactionFailure(parts)
    }
    return { kind: 'transaction', start, end: this.end(), ...this.parts(), ...parts }
  }

  #transactionFailure(parts: TransactionParts | undefined): undefined {
    if (parts === undefined) throw this.unexpected('a transaction statement')
    throw this.unexpected('a whole transaction statement')
  }

  #transactionParts(word: string): TransactionParts | undefined {
    this.at++
    switch (word) {
      case 'BEGIN':
        this.accept('WORK')
        return { ...transactionParts, action: 'begin' }
      case 'START':
        return this.accept('TRANSACTION') ? this.#startTransaction() : undefined
      case 'SAVEPOINT':
        return { ...transactionParts, action: 'savepoint', savepoint: this.identifier() }
      case 'RELEASE':
        this.expect('SAVEPOINT')
        return { ...transactionParts, action: 'releaseSavepoint', savepoint: this.identifier() }
      default:
        return this.#transactionEnd(word === 'COMMIT' ? 'commit' : 'rollback')
    }
  }

  #startTransaction(): TransactionParts {
    let access: TransactionParts['access']
    let hasConsistentSnapshot = false
    if (!this.isStatementEnd()) {
      do {
        if (this.acceptAll('WITH', 'CONSISTENT', 'SNAPSHOT')) hasConsistentSnapshot = true
        else if (this.acceptAll('READ', 'ONLY')) access = 'readOnly'
        else if (this.acceptAll('READ', 'WRITE')) access = 'readWrite'
        else throw this.unexpected('READ ONLY, READ WRITE or WITH CONSISTENT SNAPSHOT')
      } while (this.accept(','))
    }
    return { ...transactionParts, action: 'begin', access, hasConsistentSnapshot }
  }

  #transactionEnd(action: 'commit' | 'rollback'): TransactionParts {
    this.accept('WORK')
    if (action === 'rollback' && this.accept('TO')) {
      this.accept('SAVEPOINT')
      const savepoint = this.identifier()
      return { ...transactionParts, action: 'rollbackToSavepoint', savepoint }
    }
    const chain = this.accept('AND') ? this.#unlessNo('CHAIN') : undefined
    const hasRelease = this.is('RELEASE') || this.is('NO')
    const release = hasRelease ? this.#unlessNo('RELEASE') : undefined
    return { ...transactionParts, action, chain, release }
  }

  #unlessNo(word: string): boolean {
    const isNo = this.accept('NO')
    this.expect(word)
    return !isNo
  }

  #xa(): XaStatement {
    const start = this.start()
    this.at++
    const action = xaActions.get(this.words[this.at]!)
    if (action === undefined) throw this.unexpected('START, END, PREPARE, COMMIT or RECOVER')
    this.at++
    const xid = action === 'recover' ? undefined : this.#xid()
    this.skipStatement()
    return { kind: 'xa', start, end: this.end(), ...this.parts(), action, xid }
  }

  /** One to three literals: the global id, the branch qualifier, the format. */
  #xid(): Range {
    const start = this.start()
    do {
      const kind = this.kind()
      if (kind < tokenKind.string || kind > tokenKind.bitString) throw this.unexpected('an xid')
      this.at++
    } while (this.accept(','))
    return this.rangeFrom(start)
  }

  // --------------------------------------------------------------------------------------- session

  #use(): MysqlStatement {
    const start = this.start()
    this.at++
    const schema = this.identifier()
    return { kind: 'use', start, end: this.end(), ...this.parts(), schema }
  }

  #call(): MysqlStatement {
    const start = this.start()
    this.at++
    const procedure = this.tableName()
    const args = []
    if (this.accept('(')) {
      if (!this.is(')')) {
        do args.push(this.expression())
        while (this.accept(','))
      }
      this.expect(')')
    }
    return { kind: 'call', start, end: this.end(), ...this.parts(), procedure, args }
  }

  #lockTables(word: string): MysqlStatement {
    const start = this.start()
    if (!this.isAhead(1, 'TABLES') && !this.isAhead(1, 'TABLE')) return this.#opaque(word)
    this.at += 2
    const tables: TableName[] = []
    while (word === 'LOCK' && this.isIdentifier()) {
      tables.push(this.tableName())
      while (!this.isStatementEnd() && !this.is(',')) this.skipToken()
      this.accept(',')
    }
    this.skipStatement()
    const isUnlock = word === 'UNLOCK'
    return { kind: 'lockTables', start, end: this.end(), ...this.parts(), isUnlock, tables }
  }

  #prepared(action: PreparedStatement['action']): MysqlStatement {
    const start = this.start()
    this.at += action === 'deallocate' || action === 'executeImmediate' ? 2 : 1
    const name: Identifier | undefined =
      action === 'executeImmediate' ? undefined : this.identifier()
    this.skipStatement()
    return { kind: 'prepared', start, end: this.end(), ...this.parts(), action, name }
  }

  /** EXPLAIN ANALYZE runs what it explains, so it does more than report. */
  #show(keyword: string): MysqlStatement {
    const start = this.start()
    if (keyword !== 'SHOW' && keyword !== 'HELP') {
      for (let ahead = 1; ahead < 6 && !this.#endsAt(ahead); ahead++) {
        if (this.isAhead(ahead, 'ANALYZE')) return this.#opaque(`${keyword} ANALYZE`)
      }
    }
    this.skipStatement()
    return { kind: 'show', start, end: this.end(), ...this.parts(), keyword }
  }

  #endsAt(ahead: number): boolean {
    return this.kinds[this.at + ahead] === tokenKind.end || this.isAhead(ahead, ';')
  }

  /** Whatever else begins with a word. A compound statement takes all of the text with it. */
  #opaque(known: string): MysqlStatement {
    const start = this.start()
    const kind = this.kind()
    if (kind !== tokenKind.word && kind !== tokenKind.reserved) throw this.unexpected('a statement')
    const keyword = known === '' ? this.text.slice(start, this.ends[this.at]).toUpperCase() : known
    const isCompound = compoundWords.has(known) || known === 'BEGIN' || this.isAhead(1, ':')
    if (isCompound) this.skipText()
    else this.skipStatement()
    return { kind: 'opaque', start, end: this.end(), ...this.parts(), keyword }
  }
}

/**
 * Whether the statement may change the session's sql_mode, or its character set to one that is no
 * UTF-8.
 */
function changesReading(statement: MysqlStatement): boolean {
  if (statement.kind === 'prepared') return statement.action.startsWith('execute')
  return statement.kind === 'set' && statement.items.some(setChangesReading)
}

function setChangesReading(item: SetItem): boolean {
  switch (item.kind) {
    case 'names':
    case 'characterSet':
      return item.charset === undefined || !item.charset.startsWith('utf8')
    case 'variable':
      return (
        (item.name === 'sql_mode' || item.name === 'character_set_client') &&
        item.scope !== 'global' &&
        !item.scope.startsWith('persist')
      )
    default:
      return false
  }
}
