/**
 * Which kinds of statements may run inside a global transaction, and what is said of the others.
 */
import type { ParseResult, TransactionStmt } from 'libpg-query'
import { messageOf } from '@settee/kit'
import { txError } from '../../../errors.ts'

export type ParseSql = (text: string) => ParseResult

/** Statements that begin, end or divide a local transaction. */
export type TransactionPlan =
  | { readonly kind: 'BEGIN' | 'COMMIT' | 'ROLLBACK' }
  | { readonly kind: 'SAVEPOINT' | 'ROLLBACK TO' | 'RELEASE'; readonly savepoint: string }

type Statement = NonNullable<NonNullable<ParseResult['stmts']>[number]['stmt']>
type KindOf<Union> = Union extends unknown ? keyof Union : never
type NodeOf<Union, Kind extends PropertyKey> =
  Union extends Record<Kind, infer Node> ? { kind: Kind; node: Node } : never
type Tagged = { [Kind in KindOf<Statement>]: NodeOf<Statement, Kind> }[KindOf<Statement>]

/** The statement's kind beside its node, so that the one tells the type of the other. */
export function nodeOf(statement: Statement): Tagged {
  const [kind, node] = Object.entries(statement)[0]!
  return { kind, node } as Tagged
}

/** Kinds that change no rows, or rows of no table. */
const passing: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'SelectStmt',
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
  MergeStmt: ['MERGE', 'it mixes kinds of changes', 'use INSERT, UPDATE and DELETE'],
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

/** The one statement of a text, of a kind that may run. */
export function expectStatement(parse: ParseSql, text: string): Statement {
  let statements: ParseResult['stmts']
  try {
    statements = parse(text).stmts
  } catch (error) {
    throw refuse('a statement', `it cannot be parsed (${messageOf(error)})`, 'correct it')
  }
  const statement = statements?.[0]?.stmt
  if (statement === undefined || statements!.length !== 1) {
    throw refuse(
      'several statements in one string',
      'they are handled one by one',
      'send each alone',
    )
  }
  const { kind } = nodeOf(statement)
  if (passing.has(kind)) return statement
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

/** Refuses what hides below a statement: writing CTEs, row locks of subqueries, SELECT INTO. */
export function refuseNested(node: object, isTop = true): void {
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    if (typeof value !== 'object' || value === null) continue
    if (key === 'intoClause') {
      throw refuse('SELECT INTO', 'it creates a table', 'create it before and use INSERT … SELECT')
    }
    if (key === 'lockingClause' && !isTop) {
      throw refuse(
        'FOR UPDATE in a subquery',
        'the rows that it locks are not known',
        'send it as a statement of its own',
      )
    }
    if (/^(Insert|Update|Delete|Merge)Stmt$/.test(key)) {
      throw refuse(
        'a WITH clause that writes',
        'its changes cannot be told from those of the statement',
        'send the statements one by one',
      )
    }
    refuseNested(value, false)
  }
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

/** The error that says what was refused, why, and what to do. */
export function refuse(what: string, why: string, fix: string): Error {
  return txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `${what} was refused inside a global transaction: ${why}; ${fix}`,
  )
}
