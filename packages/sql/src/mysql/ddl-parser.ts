/** Statements that change the schema: what kind of object, and which tables their head names. */
import type { DdlStatement, TableName } from './ast.ts'
import { DmlParser } from './dml-parser.ts'

const objects = new Set(
  `TABLE INDEX VIEW DATABASE SCHEMA PROCEDURE FUNCTION TRIGGER EVENT USER ROLE SERVER SEQUENCE
  TABLESPACE LOGFILE PACKAGE INSTANCE RESOURCE SPATIAL`.split(/\s+/),
)

/** Objects whose definition holds statements, and with them semicolons. */
const programs = new Set('PROCEDURE FUNCTION TRIGGER EVENT PACKAGE'.split(' '))

const tableLike = new Set('TABLE TABLES VIEW SEQUENCE'.split(' '))

export abstract class DdlParser extends DmlParser {
  protected ddlStatement(verb: DdlStatement['verb']): DdlStatement {
    const start = this.start()
    this.at++
    const { object, isTemporary } = verb === 'truncate' ? this.#truncated() : this.#object()
    const tables: TableName[] = []
    if (object === 'INDEX') this.#tableOfIndex(tables)
    else if (tableLike.has(object)) this.#tables(verb, tables)
    if ((verb === 'create' || verb === 'alter') && programs.has(object)) this.skipText()
    else this.skipStatement()
    const end = this.end()
    const rest = { object: object === 'TABLES' ? 'TABLE' : object, isTemporary, tables }
    return { kind: 'ddl', start, end, ...this.parts(), verb, ...rest }
  }

  /** Skips to the end of the text, whatever it holds. */
  protected skipText(): void {
    this.skipStatement()
    while (this.accept(';')) this.skipStatement()
  }

  #truncated(): { object: string; isTemporary: boolean } {
    this.accept('TABLE')
    return { object: 'TABLE', isTemporary: false }
  }

  /** The first word that names a kind of object: `OR REPLACE`, `UNIQUE` and such come before it. */
  #object(): { object: string; isTemporary: boolean } {
    let isTemporary = false
    while (!this.isStatementEnd()) {
      const word = this.words[this.at]!
      this.skipToken()
      if (word === 'TEMPORARY') isTemporary = true
      // DEFINER = USER is not what is created; SPATIAL INDEX is an index.
      if (word === 'SPATIAL' && this.is('INDEX')) continue
      if (objects.has(word) || word === 'TABLES') return { object: word, isTemporary }
    }
    return { object: '', isTemporary }
  }

  #tables(verb: DdlStatement['verb'], tables: TableName[]): void {
    this.accept('IF')
    this.accept('NOT')
    this.accept('EXISTS')
    while (this.isIdentifier()) {
      tables.push(this.tableName())
      if (verb === 'rename' && this.accept('TO') && this.isIdentifier()) {
        tables.push(this.tableName())
      }
      if (!this.accept(',')) return
    }
  }

  /** `CREATE INDEX i ON t`, `DROP INDEX i ON t`. */
  #tableOfIndex(tables: TableName[]): void {
    while (!this.isStatementEnd() && !this.is('ON')) this.skipToken()
    if (this.accept('ON') && this.isIdentifier()) tables.push(this.tableName())
  }
}
