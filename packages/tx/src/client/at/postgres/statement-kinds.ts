/**
 * Which kinds of statements may run inside a global transaction, and what is said of the others.
 */
import { messageOf } from '@settee/kit'
import {
  nodeOf,
  type ParseResult,
  type PostgresGrammar,
  type RangeVar,
  type SqlText,
  type StatementNode,
  type TransactionStmt,
} from '@settee/sql/postgres'
import { refuse } from '../refuse.ts'

/** Statements that begin, end or divide a local transaction. */
export type TransactionPlan =
  | { readonly kind: 'BEGIN' | 'COMMIT' | 'ROLLBACK' }
  | { readonly kind: 'SAVEPOINT' | 'ROLLBACK TO' | 'RELEASE'; readonly savepoint: string }

/** Kinds that change no rows, or rows of no table. */
const passing: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'SelectStmt',
  'DeclareCursorStmt',
  'FetchStmt',
  'ClosePortalStmt',
  'TransactionStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'ConstraintsSetStmt',
  'ListenStmt',
  'UnlistenStmt',
  'NotifyStmt',
  'LockStmt',
  'DiscardStmt',
  'DeallocateStmt',
])

/** What is said of kinds that are refused; the rest are told by their names. */
const refusals: Readonly<Record<string, readonly [what: string, why: string, fix: string]>> = {
  TruncateStmt: ['TRUNCATE', 'the rows that it removes are not read', 'use DELETE'],
  CopyStmt: ['COPY', 'the rows that it writes are not known', 'use INSERT with many rows'],
  DoStmt: ['DO', 'what the block does is not known', 'send its statements one by one'],
  CallStmt: ['CALL', 'what the procedure does is not known', 'send its statements one by one'],
  ExecuteStmt: [
    'EXECUTE',
    'the statement behind the name is not known',
    "send its text; the driver's own {name, text, values} works",
  ],
  PrepareStmt: [
    'PREPARE',
    'EXECUTE of a name is not supported',
    "send the text; the driver's own {name, text, values} works",
  ],
  ExplainStmt: ['EXPLAIN', 'with ANALYZE it runs the statement', 'explain outside of it'],
}

function parseStatements(grammar: PostgresGrammar, text: string): ParseResult['stmts'] {
  try {
    return grammar.parse(text).stmts
  } catch (error) {
    throw refuse('a statement', `it cannot be parsed (${messageOf(error)})`, 'correct it')
  }
}

/** The texts of the statements of a string. */
export function splitStatements(grammar: PostgresGrammar, sql: SqlText): readonly string[] {
  const count = parseStatements(grammar, sql.text)?.length
  const parts = sql.split()
  if (parts.length === count) return parts
  throw refuse(
    'several statements in one string',
    'one of them has statements inside of it',
    'send each alone',
  )
}

/** The one statement of a text, of a kind that may run. */
export function expectAllowed(grammar: PostgresGrammar, text: string): StatementNode {
  const statements = parseStatements(grammar, text)
  const statement = statements?.length === 1 ? statements[0]?.stmt : undefined
  if (statement === undefined) {
    throw refuse('a statement', 'its clauses cannot be singled out', 'put odd names in quotes')
  }
  const node = nodeOf(statement)
  const { kind } = node
  if (passing.has(kind)) return node
  const refusal = refusals[kind]
  if (refusal !== undefined) throw refuse(...refusal)
  const isSchemaChange = /^(Create|Alter|Drop|Rename|Comment|Define|Index|View|Rule|Reindex|Grant)/
  const name = kind
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase()
  throw isSchemaChange.test(kind)
    ? refuse(name, 'a change of the schema cannot be undone', 'run it outside of the transaction')
    : refuse(name, 'it is not known to be safe', 'run it outside of the transaction')
}

/**
 * Refuses what hides below a statement: writing CTEs, SELECT INTO, and row locks of subqueries.
 * @param lockable the table whose rows a subquery may lock, because the statement changes them.
 */
export function refuseNested(node: object, lockable?: RangeVar, isTop = true): void {
  if (!isTop && 'lockingClause' in node && !locksOnly(node, lockable)) {
    throw refuse(
      'FOR UPDATE in a subquery',
      'the rows that it locks are not known',
      'send it as a statement of its own',
    )
  }
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    if (typeof value !== 'object' || value === null) continue
    if (key === 'intoClause') {
      throw refuse('SELECT INTO', 'it creates a table', 'create it before and use INSERT … SELECT')
    }
    if (/^(Insert|Update|Delete|Merge)Stmt$/.test(key)) {
      throw refuse(
        'a WITH clause that writes, inside of another statement',
        'its changes cannot be told from those of the statement',
        'put it in front of the whole statement',
      )
    }
    refuseNested(value, lockable, false)
  }
}

function locksOnly(select: object, lockable: RangeVar | undefined): boolean {
  const from: readonly unknown[] =
    'fromClause' in select && Array.isArray(select.fromClause) ? select.fromClause : []
  const tables = from as readonly { readonly RangeVar?: RangeVar }[]
  return (
    lockable !== undefined &&
    tables.length === 1 &&
    tables[0]!.RangeVar?.relname === lockable.relname &&
    tables[0]!.RangeVar?.schemaname === lockable.schemaname
  )
}

export function transactionPlan(node: TransactionStmt): TransactionPlan {
  if (node.chain === true) {
    throw refuse('AND CHAIN', 'a branch ends with its transaction', 'send BEGIN as a statement')
  }
  switch (node.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return { kind: 'BEGIN' }
    case 'TRANS_STMT_COMMIT':
      return { kind: 'COMMIT' }
    case 'TRANS_STMT_ROLLBACK':
      return { kind: 'ROLLBACK' }
    case 'TRANS_STMT_SAVEPOINT':
      return { kind: 'SAVEPOINT', savepoint: node.savepoint_name! }
    case 'TRANS_STMT_ROLLBACK_TO':
      return { kind: 'ROLLBACK TO', savepoint: node.savepoint_name! }
    case 'TRANS_STMT_RELEASE':
      return { kind: 'RELEASE', savepoint: node.savepoint_name! }
    default:
      throw refuse(
        'PREPARE TRANSACTION',
        'the branch would outlive its connection',
        'let the coordinator decide with COMMIT',
      )
  }
}
