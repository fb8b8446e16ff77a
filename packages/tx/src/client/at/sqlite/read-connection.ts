/**
 * A second, read-only connection to a database file in WAL mode: reads outside of transactions see
 * what is committed and wait for no writer.
 */
import { DatabaseSync } from 'node:sqlite'
import {
  type CompiledStatement,
  createStatement,
  exactArrays,
  type QueryResult,
} from './statement-cache.ts'

export interface ReadConnection {
  /** Undefined when the statement must run on the writing connection. */
  run(statement: CompiledStatement, values: readonly unknown[]): QueryResult | undefined
  close(): void
}

/** Undefined for databases without a file of their own. */
export function openReadConnection(writer: DatabaseSync): ReadConnection | undefined {
  const location = writer.location()
  const journalMode = writer.prepare('PRAGMA main.journal_mode').get()!['journal_mode']
  if (location === null || location === '' || journalMode !== 'wal') return undefined
  const database = new DatabaseSync(location, { readOnly: true, timeout: 100 })
  // Lives as long as the writer's statement, which is compiled anew after changes of the schema.
  const compiled = new WeakMap<CompiledStatement, CompiledStatement | 'unportable'>()
  const temporary = writer.prepare('SELECT 1 FROM temp.sqlite_schema')

  /** Functions and collations of the application may be missing here, temporary tables are. */
  function compile(statement: CompiledStatement): CompiledStatement | 'unportable' {
    if (temporary.get() !== undefined) return 'unportable'
    try {
      return createStatement(
        statement.text,
        database.prepare(statement.text, exactArrays),
        statement,
      )
    } catch {
      return 'unportable'
    }
  }

  return {
    run(statement, values) {
      if (!statement.isPortable) return undefined
      let own = compiled.get(statement)
      if (own === undefined) compiled.set(statement, (own = compile(statement)))
      return own === 'unportable' ? undefined : own.run(values)
    },
    close() {
      if (database.isOpen) database.close()
    },
  }
}
