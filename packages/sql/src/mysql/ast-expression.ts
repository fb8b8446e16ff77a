/** Ranges, names and expressions: the leaves of the tree. See ast.ts. */
import type { OrderBy, Query, Star, WindowSpecification } from './ast-query.ts'

/** A half-open range of the source text, in UTF-16 code units. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** A name as the server understands it: quotes taken off, doubled quotes made single. */
export interface Identifier extends Range {
  readonly name: string
  readonly isQuoted: boolean
}

/** `t` or `db.t`. */
export interface TableName extends Range {
  readonly schema: Identifier | undefined
  readonly name: Identifier
}

export type Expression =
  | StringLiteral
  | NumberLiteral
  | HexLiteral
  | BitLiteral
  | TemporalLiteral
  | NullLiteral
  | BooleanLiteral
  | Parameter
  | ColumnReference
  | FunctionCall
  | UnaryExpression
  | BinaryExpression
  | LogicalExpression
  | QuantifiedComparison
  | IsTest
  | InList
  | InQuery
  | Between
  | Like
  | MemberOf
  | Subquery
  | Exists
  | CaseExpression
  | Cast
  | ConvertUsing
  | Interval
  | Row
  | Parenthesized
  | Default
  | ValuesReference
  | UserVariable
  | SystemVariable
  | UserVariableAssignment
  | Collate
  | Match
  | JsonArrow
  | OdbcEscape
  | SequenceValue

/** One or several adjacent strings; {@link value} is what the server sees, joined. */
export interface StringLiteral extends Range {
  readonly kind: 'string'
  readonly value: string
  /**
   * The introducer's character set in lower case: `utf8mb4` for `_utf8mb4'x'`, `utf8` for `N'x'`.
   */
  readonly charset: string | undefined
}

/** A number without its sign, kept as text: no digit is ever lost. */
export interface NumberLiteral extends Range {
  readonly kind: 'number'
  readonly type: 'integer' | 'decimal' | 'float'
  readonly text: string
}

/** `0x1F` and `x'1F'`, the digits as written. */
export interface HexLiteral extends Range {
  readonly kind: 'hex'
  readonly digits: string
  readonly charset: string | undefined
}

/** `0b101` and `b'101'`, the digits as written. */
export interface BitLiteral extends Range {
  readonly kind: 'bit'
  readonly digits: string
  readonly charset: string | undefined
}

/** `DATE '2026-01-31'`, `TIME '…'`, `TIMESTAMP '…'`. */
export interface TemporalLiteral extends Range {
  readonly kind: 'temporal'
  readonly type: 'date' | 'time' | 'timestamp'
  readonly value: string
}

/** `NULL` and `\N`. */
export interface NullLiteral extends Range {
  readonly kind: 'null'
}

export interface BooleanLiteral extends Range {
  readonly kind: 'boolean'
  readonly value: boolean
}

/** A `?`. */
export interface Parameter extends Range {
  readonly kind: 'parameter'
  /** Its number in the text, counted from 0 through all statements. */
  readonly index: number
}

/** `a`, `t.a`, `db.t.a`. */
export interface ColumnReference extends Range {
  readonly kind: 'column'
  readonly schema: Identifier | undefined
  readonly table: Identifier | undefined
  readonly column: Identifier
}

/** A call of a built-in, loadable or stored function, aggregates and window functions included. */
export interface FunctionCall extends Range {
  readonly kind: 'call'
  readonly schema: Identifier | undefined
  /** In lower case and without quotes: `now`, `current_timestamp`, `count`. */
  readonly name: string
  /**
   * The expressions between the parentheses in their order of appearance, whatever words stand
   * between them: `EXTRACT(DAY FROM x)` has one, `TRIM(BOTH 'a' FROM b)` two. `COUNT(*)` has a
   * star.
   */
  readonly args: readonly (Expression | Star)[]
  readonly isDistinct: boolean
  /** False for the likes of `CURRENT_DATE` without parentheses. */
  readonly hasParentheses: boolean
  /** `GROUP_CONCAT(… ORDER BY …)`. */
  readonly orderBy: OrderBy | undefined
  readonly over: WindowSpecification | undefined
}

/** `not` is the keyword and `!` the sign: they bind differently. */
export interface UnaryExpression extends Range {
  readonly kind: 'unary'
  readonly operator: '-' | '+' | '~' | '!' | 'not' | 'binary'
  readonly operand: Expression
}

export type BinaryOperator =
  | '='
  | '<=>'
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | 'div'
  | '|'
  | '&'
  | '^'
  | '<<'
  | '>>'
  | 'concat'
  | 'xor'
  | 'regexp'
  | 'not regexp'
  | 'sounds like'

/** `!=` has the operator `<>`, `MOD` has `%`, `RLIKE` has `regexp`. */
export interface BinaryExpression extends Range {
  readonly kind: 'binary'
  readonly operator: BinaryOperator
  readonly left: Expression
  readonly right: Expression
}

/** A chain of one operator, flat however long it is: `a AND b AND c` has three operands. */
export interface LogicalExpression extends Range {
  readonly kind: 'logical'
  readonly operator: 'and' | 'or'
  readonly operands: readonly Expression[]
}

/** `a > ALL (SELECT …)`. */
export interface QuantifiedComparison extends Range {
  readonly kind: 'quantified'
  readonly operator: BinaryOperator
  readonly quantifier: 'all' | 'any'
  readonly left: Expression
  readonly query: Query
}

/** `a IS [NOT] NULL | TRUE | FALSE | UNKNOWN`. */
export interface IsTest extends Range {
  readonly kind: 'is'
  readonly operand: Expression
  readonly test: 'null' | 'true' | 'false' | 'unknown'
  readonly isNegated: boolean
}

export interface InList extends Range {
  readonly kind: 'in'
  readonly operand: Expression
  readonly isNegated: boolean
  /** Never empty. */
  readonly items: readonly Expression[]
}

export interface InQuery extends Range {
  readonly kind: 'inQuery'
  readonly operand: Expression
  readonly isNegated: boolean
  readonly query: Query
}

export interface Between extends Range {
  readonly kind: 'between'
  readonly operand: Expression
  readonly isNegated: boolean
  readonly low: Expression
  readonly high: Expression
}

export interface Like extends Range {
  readonly kind: 'like'
  readonly operand: Expression
  readonly isNegated: boolean
  readonly pattern: Expression
  readonly escape: Expression | undefined
}

/** MySQL 8: `a MEMBER OF (json)`. */
export interface MemberOf extends Range {
  readonly kind: 'memberOf'
  readonly operand: Expression
  readonly array: Expression
}

/** `(SELECT …)` as a value or a row. */
export interface Subquery extends Range {
  readonly kind: 'subquery'
  readonly query: Query
}

export interface Exists extends Range {
  readonly kind: 'exists'
  readonly query: Query
}

export interface CaseExpression extends Range {
  readonly kind: 'case'
  readonly operand: Expression | undefined
  readonly branches: readonly CaseBranch[]
  readonly otherwise: Expression | undefined
}

/** `WHEN condition THEN result`. */
export interface CaseBranch extends Range {
  readonly condition: Expression
  readonly result: Expression
}

/** `CAST(a AS type)` and `CONVERT(a, type)`. */
export interface Cast extends Range {
  readonly kind: 'cast'
  readonly operand: Expression
  /** The type's text as it is written, such as `DECIMAL(10,2)`. */
  readonly type: Range
}

/** `CONVERT(a USING utf8mb4)`. */
export interface ConvertUsing extends Range {
  readonly kind: 'convertUsing'
  readonly operand: Expression
  readonly charset: string
}

/** `INTERVAL value unit`, as an operand of `+` and `-` or an argument of a date function. */
export interface Interval extends Range {
  readonly kind: 'interval'
  readonly value: Expression
  /** In upper case, such as `DAY_MICROSECOND`. */
  readonly unit: string
}

/** `(a, b)` and `ROW(a, b)`. */
export interface Row extends Range {
  readonly kind: 'row'
  readonly values: readonly Expression[]
}

/** One expression in parentheses, kept so that ranges are exact. See {@link Row} for several. */
export interface Parenthesized extends Range {
  readonly kind: 'parenthesizedExpression'
  readonly expression: Expression
}

/** `DEFAULT` as a whole value, or `DEFAULT(a)`. MariaDB's `IGNORE` as a value is not accepted. */
export interface Default extends Range {
  readonly kind: 'default'
  readonly column: ColumnReference | undefined
}

/** `VALUES(a)` or MariaDB's `VALUE(a)` behind `ON DUPLICATE KEY UPDATE`. */
export interface ValuesReference extends Range {
  readonly kind: 'valuesReference'
  readonly column: ColumnReference
}

/** `@a`, `@'a b'`. Names are case-insensitive; this is as written, without quotes. */
export interface UserVariable extends Range {
  readonly kind: 'userVariable'
  readonly name: string
}

export type VariableScope = 'session' | 'global' | 'local' | 'persist' | 'persistOnly' | 'implicit'

/** `@@a`, `@@session.a`. */
export interface SystemVariable extends Range {
  readonly kind: 'systemVariable'
  readonly scope: VariableScope
  /** In lower case. */
  readonly name: string
}

/** `@a := 1` within an expression. */
export interface UserVariableAssignment extends Range {
  readonly kind: 'assign'
  readonly variable: UserVariable
  readonly value: Expression
}

export interface Collate extends Range {
  readonly kind: 'collate'
  readonly operand: Expression
  readonly collation: string
}

/** `MATCH (a, b) AGAINST ('x' IN BOOLEAN MODE)`. */
export interface Match extends Range {
  readonly kind: 'match'
  readonly columns: readonly ColumnReference[]
  readonly against: Expression
}

/** MySQL: `a -> '$.b'` and `a ->> '$.b'`. */
export interface JsonArrow extends Range {
  readonly kind: 'jsonArrow'
  readonly column: ColumnReference
  readonly isUnquoted: boolean
  readonly path: StringLiteral
}

/** `{d '2026-01-31'}`, `{fn now()}`: the server takes the expression within. */
export interface OdbcEscape extends Range {
  readonly kind: 'odbc'
  /** In lower case. */
  readonly name: string
  readonly expression: Expression
}

/** MariaDB: `NEXT VALUE FOR s` and `PREVIOUS VALUE FOR s`. */
export interface SequenceValue extends Range {
  readonly kind: 'sequenceValue'
  readonly which: 'next' | 'previous'
  readonly sequence: TableName
}
