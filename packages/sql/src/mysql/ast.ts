/**
 * The tree of one MySQL or MariaDB statement.
 *
 * Every node carries the range of its source text, in UTF-16 code units, so that a caller rewrites
 * SQL by splicing slices of the original and never by printing a tree. A property that a statement
 * does not have is `undefined`; it is always present, which keeps every node kind one shape.
 *
 * A range starts at the first character of the node's first token and ends behind the last
 * character of its last token. A clause's range includes its keywords (`WHERE a = 1`), so that it
 * can be moved into another statement as it stands.
 *
 * Source: MySQL 8.4 reference manual, chapters 11 and 15; MariaDB 10.11 SQL statements.
 */

import type {
  ColumnReference,
  Expression,
  Identifier,
  Parameter,
  Range,
  TableName,
  VariableScope,
} from './ast-expression.ts'
import type {
  Limit,
  OrderBy,
  PartitionList,
  Query,
  SelectItem,
  TableReferences,
  ValuesRow,
  Where,
  WithClause,
} from './ast-query.ts'

export type * from './ast-expression.ts'
export type * from './ast-query.ts'

interface StatementBase extends Range {
  /** The statement's `?` in order. Their numbers go on through all statements of the text. */
  readonly parameters: readonly Parameter[]
  /** The optimizer hints of the statement, comments of the form `/*+ … *\/`, in order. */
  readonly hints: readonly Range[]
}

/** What the parser understands in full. */
export type DmlStatement = InsertStatement | UpdateStatement | DeleteStatement | SelectStatement

export type MysqlStatement =
  | DmlStatement
  | TransactionStatement
  | XaStatement
  | SetStatement
  | UseStatement
  | DdlStatement
  | CallStatement
  | LockTablesStatement
  | PreparedStatement
  | ShowStatement
  | OpaqueStatement

/** `INSERT` and `REPLACE` in all their forms. */
export interface InsertStatement extends StatementBase {
  readonly kind: 'insert' | 'replace'
  readonly priority: 'low' | 'high' | 'delayed' | undefined
  readonly isIgnore: boolean
  readonly table: TableName
  /** `PARTITION (p0, p1)`. */
  readonly partitions: PartitionList | undefined
  /** The columns named before the source, or `undefined` when there is no list. */
  readonly columns: InsertColumns | undefined
  readonly source: InsertSource
  /** MySQL 8: `AS new (m, n)` behind the rows. */
  readonly rowAlias: RowAlias | undefined
  /** `ON DUPLICATE KEY UPDATE …`, the range from `ON`. */
  readonly onDuplicate: AssignmentList | undefined
  /** MariaDB: `RETURNING …`, the range from the keyword. */
  readonly returning: Returning | undefined
}

/** `(a, t.b)`: the range includes the parentheses. The list may be empty. */
export interface InsertColumns extends Range {
  readonly items: readonly ColumnReference[]
}

export type InsertSource = InsertValues | InsertSet | InsertQuery

/** `VALUES (…), (…)`, `VALUE (…)` or `VALUES ROW(…)`, the range from the keyword. */
export interface InsertValues extends Range {
  readonly kind: 'values'
  readonly rows: readonly ValuesRow[]
}

/** `SET a = 1, b = DEFAULT`, the range from the keyword. */
export interface InsertSet extends Range {
  readonly kind: 'set'
  readonly assignments: readonly Assignment[]
}

/** `SELECT …`, `WITH … SELECT …`, `TABLE t`, or one of these in parentheses. */
export interface InsertQuery extends Range {
  readonly kind: 'query'
  readonly query: Query
}

export interface RowAlias extends Range {
  readonly name: Identifier
  readonly columns: readonly Identifier[] | undefined
}

/** `RETURNING a, b + 1 AS c`. */
export interface Returning extends Range {
  readonly items: readonly SelectItem[]
}

/** `UPDATE` of one or several tables. */
export interface UpdateStatement extends StatementBase {
  readonly kind: 'update'
  readonly with: WithClause | undefined
  readonly isLowPriority: boolean
  readonly isIgnore: boolean
  /** Everything between `UPDATE [modifiers]` and `SET`. */
  readonly tables: TableReferences
  /** False when {@link tables} is one plain table: only then are order and limit allowed. */
  readonly isMultiTable: boolean
  /** `SET …`, the range from the keyword. */
  readonly assignments: AssignmentList
  readonly where: Where | undefined
  readonly orderBy: OrderBy | undefined
  readonly limit: Limit | undefined
}

export interface AssignmentList extends Range {
  readonly items: readonly Assignment[]
}

/** `a = 1`, `t.a = DEFAULT`. */
export interface Assignment extends Range {
  readonly column: ColumnReference
  readonly value: Expression
}

/** `DELETE` from one table, or from several in either of the two spellings. */
export interface DeleteStatement extends StatementBase {
  readonly kind: 'delete'
  readonly with: WithClause | undefined
  readonly isLowPriority: boolean
  readonly isQuick: boolean
  readonly isIgnore: boolean
  /**
   * - `single`: `DELETE FROM t [AS a] WHERE …`; `targets` is that one table.
   * - `from`: `DELETE a, b FROM t AS a JOIN t2 AS b …`.
   * - `using`: `DELETE FROM a, b USING t AS a JOIN t2 AS b …`.
   */
  readonly form: 'single' | 'from' | 'using'
  /** The tables whose rows go, by alias or name; `.*` behind a name is part of its range. */
  readonly targets: readonly TableName[]
  /** The tables the condition sees. */
  readonly tables: TableReferences
  readonly where: Where | undefined
  readonly orderBy: OrderBy | undefined
  readonly limit: Limit | undefined
  /** MariaDB. */
  readonly returning: Returning | undefined
}

/** `SELECT`, `WITH … SELECT`, `TABLE t`, `VALUES ROW(…)`, or one in parentheses. */
export interface SelectStatement extends StatementBase {
  readonly kind: 'select'
  readonly query: Query
}

export interface TransactionStatement extends StatementBase {
  readonly kind: 'transaction'
  readonly action:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'savepoint'
    | 'rollbackToSavepoint'
    | 'releaseSavepoint'
  /** Of the three savepoint actions. */
  readonly savepoint: Identifier | undefined
  /** `START TRANSACTION READ ONLY` or `READ WRITE`. */
  readonly access: 'readOnly' | 'readWrite' | undefined
  readonly hasConsistentSnapshot: boolean
  /**
   * `AND CHAIN` is true, `AND NO CHAIN` false, neither: the session decides (`completion_type`).
   */
  readonly chain: boolean | undefined
  /** `RELEASE` is true, `NO RELEASE` false, neither: the session decides (`completion_type`). */
  readonly release: boolean | undefined
}

export interface XaStatement extends StatementBase {
  readonly kind: 'xa'
  readonly action: 'start' | 'end' | 'prepare' | 'commit' | 'rollback' | 'recover'
  /** The xid as it is written, `'gtrid','bqual',1`; `undefined` for `RECOVER`. */
  readonly xid: Range | undefined
}

/** `SET` of variables, names, character set, transaction characteristics and the rest. */
export interface SetStatement extends StatementBase {
  readonly kind: 'set'
  readonly items: readonly SetItem[]
}

export type SetItem = SetVariable | SetUserVariable | SetNames | SetTransaction | SetOther

/** `autocommit = 0`, `SESSION sql_mode = ''`, `@@global.x := 1`. */
export interface SetVariable extends Range {
  readonly kind: 'variable'
  readonly scope: VariableScope
  /** In lower case; `cache.size` for a variable with a prefix. */
  readonly name: string
  /** A bare word (`ON`, `utf8mb4`) is a column reference; `DEFAULT` is the default node. */
  readonly value: Expression
}

export interface SetUserVariable extends Range {
  readonly kind: 'userVariable'
  readonly name: string
  readonly value: Expression
}

/** `NAMES x [COLLATE y]` and `CHARACTER SET x`; `undefined` stands for `DEFAULT`. */
export interface SetNames extends Range {
  readonly kind: 'names' | 'characterSet'
  readonly charset: string | undefined
  readonly collation: string | undefined
}

/** `[SESSION] TRANSACTION ISOLATION LEVEL …, READ ONLY`. */
export interface SetTransaction extends Range {
  readonly kind: 'transaction'
  /** `implicit` means: the next transaction only. */
  readonly scope: VariableScope
}

/** `ROLE`, `PASSWORD`, `RESOURCE GROUP`, `STATEMENT … FOR` and such: recognised, not understood. */
export interface SetOther extends Range {
  readonly kind: 'other'
  /** The word behind `SET`, in upper case. */
  readonly word: string
}

export interface UseStatement extends StatementBase {
  readonly kind: 'use'
  readonly schema: Identifier
}

/**
 * A statement that changes the schema; recognised only. `CREATE` of a routine, trigger or event
 * takes the whole rest of the text, because its body holds semicolons of its own.
 */
export interface DdlStatement extends StatementBase {
  readonly kind: 'ddl'
  readonly verb: 'create' | 'alter' | 'drop' | 'truncate' | 'rename'
  /** The kind of object in upper case, such as `TABLE`, `INDEX`, `VIEW`, `DATABASE`. */
  readonly object: string
  readonly isTemporary: boolean
  /** The tables the statement names, as far as its head says. */
  readonly tables: readonly TableName[]
}

export interface CallStatement extends StatementBase {
  readonly kind: 'call'
  readonly procedure: TableName
  readonly args: readonly Expression[]
}

/** `LOCK TABLES …` and `UNLOCK TABLES` (no tables). */
export interface LockTablesStatement extends StatementBase {
  readonly kind: 'lockTables'
  readonly isUnlock: boolean
  readonly tables: readonly TableName[]
}

/** `PREPARE`, `EXECUTE`, `EXECUTE IMMEDIATE` and `DEALLOCATE PREPARE`. */
export interface PreparedStatement extends StatementBase {
  readonly kind: 'prepared'
  readonly action: 'prepare' | 'execute' | 'executeImmediate' | 'deallocate'
  readonly name: Identifier | undefined
}

/** A statement that only reports: `SHOW`, `DESCRIBE`, `EXPLAIN` (without `ANALYZE`), `HELP`. */
export interface ShowStatement extends StatementBase {
  readonly kind: 'show'
  readonly keyword: string
}

/** Anything else. It was cut at its semicolon and nothing more is known about it. */
export interface OpaqueStatement extends StatementBase {
  readonly kind: 'opaque'
  /** The first word in upper case, such as `LOAD`, `KILL` or `ANALYZE`. */
  readonly keyword: string
}
