/**
 * What a statement does, as SQLite itself says when it compiles it: the authorizer is called for
 * every table, column, pragma and schema change, inside triggers and cascades too. So there is no
 * second parser that could disagree with the one that runs the statement.
 */
import { constants } from 'node:sqlite'

export type Effect =
  | 'read'
  | 'write'
  /** Everything else: schema changes, pragmas, VACUUM. */
  | 'other'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'

export interface Analysis {
  readonly effect: Effect
  /** Tables and views of the main database that it may write, by any way. */
  readonly writtenTables: ReadonlySet<string>
  /** Whether another connection would give the same answer. */
  readonly isPortable: boolean
  /** Why it must not run in a global transaction; SQLite refuses to compile it then. */
  readonly refusal: string | undefined
}

type AuthorizerCallback = (
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
) => number

/** Pragmas that only describe the schema, with any argument. */
const describingPragmas = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
  'database_list',
  'collation_list',
  'function_list',
  'pragma_list',
  'compile_options',
])

/** Functions whose answer belongs to the connection. */
const connectionFunctions = new Set(['last_insert_rowid', 'changes', 'total_changes'])

/** Records what one statement does while it is compiled. */
export class StatementAnalyzer {
  readonly #isTracked: boolean
  readonly #written = new Set<string>()
  #effect: Effect | undefined
  #isPortable = true
  #refusal: string | undefined

  /** @param isTracked whether the statement is to run in a global transaction. */
  constructor(isTracked: boolean) {
    this.#isTracked = isTracked
  }

  /** The authorizer while the statement is compiled. */
  readonly authorize: AuthorizerCallback = (action, first, second, database) => {
    const refusal = this.#record(action, first, second, database)
    if (!this.#isTracked) return constants.SQLITE_OK
    if (refusal !== undefined) {
      this.#refusal ??= refusal
      return constants.SQLITE_DENY
    }
    // IGNORE lets a DELETE run, but row by row: DELETE without WHERE would otherwise empty the
    // table in one step, which the session does not see.
    return action === constants.SQLITE_DELETE ? constants.SQLITE_IGNORE : constants.SQLITE_OK
  }

  get result(): Analysis {
    // VACUUM asks nothing of the authorizer.
    const effect = this.#effect ?? 'other'
    const refusal = effect === 'other' && this.#isTracked ? 'it is no query' : undefined
    return {
      effect,
      writtenTables: this.#written,
      isPortable: this.#isPortable,
      refusal: this.#refusal ?? refusal,
    }
  }

  /** @returns why the action must not happen in a global transaction. */
  #record(
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
  ): string | undefined {
    switch (action) {
      case constants.SQLITE_SELECT:
      case constants.SQLITE_RECURSIVE:
        this.#effect ??= 'read'
        return undefined
      case constants.SQLITE_READ:
        // A table of which no column is read, as in count(*), comes without its database.
        if (database !== null && database !== 'main') this.#isPortable = false
        return undefined
      case constants.SQLITE_FUNCTION:
        if (connectionFunctions.has(second!.toLowerCase())) this.#isPortable = false
        return second!.toLowerCase() === 'load_extension' ? 'it loads an extension' : undefined
      case constants.SQLITE_INSERT:
      case constants.SQLITE_UPDATE:
      case constants.SQLITE_DELETE:
        return this.#recordWrite(first!, database)
      case constants.SQLITE_TRANSACTION:
        this.#effect = first!.toLowerCase() as 'begin' | 'commit' | 'rollback'
        return undefined
      case constants.SQLITE_SAVEPOINT:
        this.#effect = 'savepoint'
        return undefined
      case constants.SQLITE_PRAGMA:
        return this.#recordPragma(first!)
      default:
        this.#effect = 'other'
        return 'it changes the schema or attaches a database'
    }
  }

  #recordWrite(table: string, database: string | null): string | undefined {
    if (this.#effect !== 'other') this.#effect = 'write'
    this.#written.add(table)
    if (database !== 'main') return `it writes ${table} of the database ${database}, not of main`
    if (/^sqlite_/i.test(table)) return `it changes the schema, or ${table} of SQLite itself`
    if (/^undo_log$/i.test(table)) return 'it writes undo_log, which belongs to the undo of others'
    return undefined
  }

  #recordPragma(name: string): string | undefined {
    const isDescribing = describingPragmas.has(name.toLowerCase())
    this.#effect ??= isDescribing ? 'read' : 'other'
    return isDescribing ? undefined : `it is PRAGMA ${name}, which may change the database`
  }
}
