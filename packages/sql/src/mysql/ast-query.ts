/** Queries and table references: what stands in a `SELECT`, a subquery, a `FROM`. See ast.ts. */
import type { Expression, Identifier, Range, TableName } from './ast-expression.ts'

/** A query expression: a body with what may stand around it. */
export interface Query extends Range {
  readonly kind: 'query'
  readonly with: WithClause | undefined
  readonly body: QueryBody
  readonly orderBy: OrderBy | undefined
  readonly limit: Limit | undefined
  readonly locking: readonly LockingClause[]
  /** `INTO @a`, `INTO OUTFILE …`, `INTO DUMPFILE …`, wherever it stands. */
  readonly into: Into | undefined
}

export type QueryBody = SelectBlock | SetOperation | TableBlock | ValuesBlock | ParenthesizedQuery

/** `SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW …`. */
export interface SelectBlock extends Range {
  readonly kind: 'select'
  readonly isDistinct: boolean
  /** Modifiers other than `ALL` and `DISTINCT` in upper case, such as `SQL_CALC_FOUND_ROWS`. */
  readonly modifiers: readonly string[]
  readonly items: readonly SelectItem[]
  /** The table references behind `FROM`, without the keyword; `FROM DUAL` has none. */
  readonly from: TableReferences | undefined
  readonly where: Where | undefined
  readonly groupBy: GroupBy | undefined
  readonly having: Having | undefined
  /** The named windows, the range from `WINDOW`. */
  readonly windows: WindowList | undefined
}

export interface SelectItem extends Range {
  /** An expression, or `*` and `t.*`. */
  readonly expression: Expression | Star
  readonly alias: Identifier | undefined
}

/** `*`, `t.*`, `db.t.*`. */
export interface Star extends Range {
  readonly kind: 'star'
  readonly schema: Identifier | undefined
  readonly table: Identifier | undefined
}

export interface SetOperation extends Range {
  readonly kind: 'setOperation'
  readonly operator: 'union' | 'except' | 'intersect'
  readonly isAll: boolean
  readonly left: QueryBody
  readonly right: QueryBody
}

/** `TABLE t`. */
export interface TableBlock extends Range {
  readonly kind: 'table'
  readonly table: NamedTable
}

/** `VALUES ROW(1, 2), ROW(3, 4)`; MariaDB writes `VALUES (1, 2), (3, 4)`. */
export interface ValuesBlock extends Range {
  readonly kind: 'values'
  readonly rows: readonly ValuesRow[]
}

/** One `(…)` or `ROW(…)`; `()` means that every column takes its default. */
export interface ValuesRow extends Range {
  readonly values: readonly Expression[]
}

export interface ParenthesizedQuery extends Range {
  readonly kind: 'parenthesized'
  readonly query: Query
}

export interface WithClause extends Range {
  readonly isRecursive: boolean
  readonly tables: readonly WithTable[]
}

export interface WithTable extends Range {
  readonly name: Identifier
  readonly columns: readonly Identifier[] | undefined
  readonly query: Query
}

/** `WHERE condition`. */
export interface Where extends Range {
  readonly condition: Expression
}

/** `HAVING condition`. */
export interface Having extends Range {
  readonly condition: Expression
}

/** `GROUP BY a, b DESC WITH ROLLUP`. */
export interface GroupBy extends Range {
  readonly items: readonly OrderItem[]
  readonly hasRollup: boolean
}

/** `ORDER BY a, b DESC`. */
export interface OrderBy extends Range {
  readonly items: readonly OrderItem[]
}

export interface OrderItem extends Range {
  readonly expression: Expression
  readonly direction: 'asc' | 'desc' | undefined
}

/**
 * `LIMIT 10`, `LIMIT 5, 10`, `LIMIT 10 OFFSET 5`; MariaDB: `LIMIT ROWS EXAMINED 9`,
 * `OFFSET 5 ROWS FETCH FIRST 10 ROWS ONLY`.
 */
export interface Limit extends Range {
  readonly count: Expression | undefined
  readonly offset: Expression | undefined
  readonly rowsExamined: Expression | undefined
}

/** One locking clause behind a query; MySQL 8 allows several with different tables. */
export interface LockingClause extends Range {
  readonly strength: 'update' | 'share'
  /** True for the older spelling `LOCK IN SHARE MODE`. */
  readonly isLockInShareMode: boolean
  /** `OF t1, t2`: the aliases or names the lock is restricted to. */
  readonly tables: readonly TableName[] | undefined
  readonly wait: 'nowait' | 'skipLocked' | 'wait' | undefined
  /** MariaDB: the seconds of `WAIT n`. */
  readonly waitSeconds: Expression | undefined
}

export interface Into extends Range {
  readonly kind: 'variables' | 'outfile' | 'dumpfile'
}

export interface WindowList extends Range {
  readonly items: readonly NamedWindow[]
}

export interface NamedWindow extends Range {
  readonly name: Identifier
  readonly window: WindowSpecification
}

/** `(base PARTITION BY … ORDER BY … ROWS …)`, or the name alone in `OVER w`. */
export interface WindowSpecification extends Range {
  readonly kind: 'window'
  readonly base: Identifier | undefined
  readonly partitionBy: readonly Expression[]
  readonly orderBy: OrderBy | undefined
  /** The bounds' expressions of the frame, as `INTERVAL ? DAY PRECEDING`. */
  readonly frameBounds: readonly Expression[]
}

// ------------------------------------------------------------------------------ table references

/** A comma list of table references. */
export interface TableReferences extends Range {
  readonly items: readonly TableReference[]
}

export type TableReference =
  | NamedTable
  | DerivedTable
  | TableFunction
  | ParenthesizedTables
  | JoinedTable

/** `t`, `db.t PARTITION (p0) AS a USE INDEX (i)`. */
export interface NamedTable extends Range {
  readonly kind: 'namedTable'
  readonly name: TableName
  readonly partitions: PartitionList | undefined
  readonly alias: Identifier | undefined
  /** `USE INDEX (…)` and such, one range for all of them together. */
  readonly indexHints: Range | undefined
  /** MariaDB: `FOR SYSTEM_TIME …`. */
  readonly systemTime: Range | undefined
}

/** `PARTITION (p0, p1)`, the range from the keyword. */
export interface PartitionList extends Range {
  readonly names: readonly Identifier[]
}

/** `(SELECT …) AS d (a, b)`, with or without `LATERAL`. */
export interface DerivedTable extends Range {
  readonly kind: 'derivedTable'
  readonly isLateral: boolean
  readonly query: Query
  readonly alias: Identifier | undefined
  readonly columns: readonly Identifier[] | undefined
}

/** `JSON_TABLE(document, path COLUMNS (…)) AS j`. */
export interface TableFunction extends Range {
  readonly kind: 'tableFunction'
  readonly name: Identifier
  readonly args: readonly Expression[]
  readonly alias: Identifier | undefined
}

/** `(a, b)` or `(a JOIN b ON …)`, also `{OJ …}`. */
export interface ParenthesizedTables extends Range {
  readonly kind: 'parenthesizedTables'
  readonly references: TableReferences
}

export interface JoinedTable extends Range {
  readonly kind: 'join'
  readonly join: 'inner' | 'cross' | 'left' | 'right' | 'straight'
  readonly isNatural: boolean
  readonly left: TableReference
  readonly right: TableReference
  readonly on: Expression | undefined
  readonly using: readonly Identifier[] | undefined
}
