/**
 * What a statement would do: which statements AT mode can undo, which need nothing, and which it
 * refuses. The list is one of what is allowed: an unknown statement is refused, because a statement
 * that ran without an undo log cannot be taken back, and one that commits by itself (such as DDL)
 * would leave half a branch behind.
 *
 * The texts that collect the images are spliced from the user's text:
 *
 * ```
 * UPDATE t SET … WHERE c ORDER BY o LIMIT n
 *   SELECT <key, set columns> FROM t WHERE c ORDER BY o LIMIT n FOR UPDATE     before image
 *   UPDATE t SET … WHERE <key of the rows found> ORDER BY o                    runs
 *   SELECT <key, set columns> FROM t WHERE <key …> FOR UPDATE                  after image
 * DELETE                          the same, with all columns and without the last
 * UPDATE a JOIN b …, DELETE a …   the same for each table that is written; runs with
 *                                 WHERE (c) AND <key of the rows found in each>
 * INSERT                          see insert-rows.ts
 * SELECT … FOR UPDATE             runs; then <its columns>, <keys> of the same
 * ```
 */
import { messageOf } from '@settee/kit'
import {
  parseMysql,
  type Expression,
  type MysqlMode,
  type MysqlStatement,
  type OpaqueStatement,
  type Query,
  type SelectStatement,
  type SetStatement,
  type TransactionStatement,
} from '@settee/sql/mysql'
import { refuse } from '../refuse.ts'
import { planDelete, planUpdate } from './analyze-change.ts'
import { planInsert } from './analyze-insert.ts'
import { callsIn, refuseAssignments, refuseNested } from './expressions.ts'
import type { Plan } from './plan.ts'
import { slice, type Fragment } from './sql-fragment.ts'
import { isAlias, tablesOf } from './table-references.ts'

/**
 * Decides what to do with the statements of a text.
 * @throws SETTEE_TX_UNSUPPORTED_SQL when one of them cannot be undone, with the reason.
 */
export function analyzeMysql(text: string, mode: MysqlMode): readonly Plan[] {
  let statements: readonly MysqlStatement[]
  try {
    statements = parseMysql(text, mode)
  } catch (error) {
    throw refuse('a statement', `it cannot be parsed (${messageOf(error)})`, 'correct it')
  }
  if (statements.length > 1 && statements.some(({ kind }) => kind === 'use')) {
    throw refuse(
      'USE with other statements in one string',
      'which tables the others name is not known before it runs',
      'send it alone',
    )
  }
  return statements.map((statement) => planOf(text, statement))
}

function planOf(text: string, statement: MysqlStatement): Plan {
  const whole = slice(text, statement, statement)
  switch (statement.kind) {
    case 'insert':
    case 'replace':
      refuseNested(statement)
      return planInsert(text, statement)
    case 'update':
      refuseNested(statement)
      return planUpdate(text, statement)
    case 'delete':
      refuseNested(statement)
      return planDelete(text, statement)
    case 'select':
      refuseNested(statement, statement.query)
      return planSelect(text, statement, whole)
    case 'transaction':
      return planTransaction(statement, whole)
    case 'set':
      return planSet(statement, whole)
    case 'use':
    case 'show':
      return { kind: 'PASS', text: whole, calls: [] }
    default:
      throw refusalOf(statement)
  }
}

function planSelect(text: string, statement: SelectStatement, whole: Fragment): Plan {
  const { query } = statement
  const calls = callsIn(statement)
  const locking = query.locking.filter(({ strength }) => strength === 'update')
  if (locking.length === 0) return { kind: 'PASS', text: whole, calls }
  refuseAssignments(query)
  const { body } = query
  if (body.kind !== 'select') {
    throw refuse(
      'FOR UPDATE of a UNION or a query in parentheses',
      'the rows that it locks are not known',
      'lock the rows with a SELECT of their own',
    )
  }
  const all = (body.from?.items ?? []).flatMap(tablesOf)
  const names = locking.flatMap(({ tables }) => tables ?? [])
  const isAll = locking.some(({ tables }) => tables === undefined)
  const tables = isAll
    ? all
    : all.filter((use) => names.some(({ name }) => isAlias(use, name.name)))
  // Groups lock all of their rows.
  const isGrouped =
    body.isDistinct || body.groupBy !== undefined || body.having !== undefined || hasAggregate(body)
  return {
    kind: 'LOCK',
    text: whole,
    calls,
    tables,
    rewrite: (columns) => lockingText(text, statement, columns, isGrouped),
  }
}

function lockingText(
  text: string,
  statement: SelectStatement,
  columns: string,
  isGrouped: boolean,
): Fragment {
  const { query } = statement
  const body = query.body as Extract<Query['body'], { kind: 'select' }>
  const items = { start: body.items[0]!.start, end: body.items.at(-1)!.end }
  const locking = query.locking.map((one) => slice(text, statement, one))
  const head = slice(text, statement, query.with)
  const from = slice(text, statement, body.from)
  const where = slice(text, statement, body.where)
  const select = isGrouped ? [`SELECT ${columns}`] : ['SELECT ', ...slice(text, statement, items)]
  return [
    ...head,
    ' ',
    ...select,
    isGrouped ? '' : `, ${columns}`,
    ' FROM ',
    ...from,
    ' ',
    ...where,
    ' ',
    ...(isGrouped
      ? []
      : [
          ...slice(text, statement, body.windows),
          ' ',
          ...slice(text, statement, query.orderBy),
          ' ',
          ...slice(text, statement, query.limit, { isCount: true }),
        ]),
    ' ',
    ...locking.flatMap((one) => [...one, ' ']),
  ]
}

const aggregates: ReadonlySet<string> = new Set([
  'avg',
  'bit_and',
  'bit_or',
  'bit_xor',
  'count',
  'group_concat',
  'json_arrayagg',
  'json_objectagg',
  'max',
  'min',
  'std',
  'stddev',
  'stddev_pop',
  'stddev_samp',
  'sum',
  'var_pop',
  'var_samp',
  'variance',
])

function hasAggregate(body: Extract<Query['body'], { kind: 'select' }>): boolean {
  return body.items.some((item) => callsIn(item).some(({ name }) => aggregates.has(name)))
}

function planTransaction(statement: TransactionStatement, text: Fragment): Plan {
  if (statement.chain === true || statement.release === true) {
    throw refuse(
      statement.chain === true ? 'AND CHAIN' : 'RELEASE',
      'a branch ends with its transaction',
      'send COMMIT alone',
    )
  }
  const savepoint = statement.savepoint?.name ?? ''
  return { kind: 'TRANSACTION', text, calls: [], action: statement.action, savepoint }
}

function planSet(statement: SetStatement, text: Fragment): Plan {
  const calls = callsIn(statement)
  for (const item of statement.items) {
    if (item.kind === 'other') {
      throw refuse(
        `SET ${item.word}`,
        'what it does is not known',
        'run it outside of the transaction',
      )
    }
    if (item.kind !== 'variable') continue
    if (item.name === 'completion_type') {
      throw refuse(
        'SET completion_type',
        'a branch ends with its transaction',
        'leave it at NO_CHAIN',
      )
    }
    if (item.name !== 'autocommit' || item.scope === 'global') continue
    if (statement.items.length > 1) {
      throw refuse('SET of autocommit with others', 'it may commit', 'set autocommit alone')
    }
    return { kind: 'AUTOCOMMIT', text, calls, isOn: isOn(item.value) }
  }
  return { kind: 'PASS', text, calls }
}

function isOn(value: Expression): boolean {
  const word =
    value.kind === 'column'
      ? value.column.name
      : value.kind === 'string'
        ? value.value
        : value.kind === 'number'
          ? value.text
          : value.kind === 'boolean'
            ? String(value.value)
            : value.kind
  switch (word.toLowerCase()) {
    case '1':
    case 'on':
    case 'true':
    case 'default':
      return true
    case '0':
    case 'off':
    case 'false':
      return false
    default:
      throw refuse('SET autocommit', 'its value is not known before it runs', 'use 0 or 1')
  }
}

/** What is said of statements that are refused. */
const opaqueRefusals: Readonly<Record<string, readonly [why: string, fix: string] | undefined>> = {
  __proto__: null as never,
  LOAD: ['the rows that it writes are not known', 'use INSERT with many rows'],
  HANDLER: ['it reads past the locks', 'use SELECT'],
  DO: ['what its functions do is not known', 'use SELECT'],
}

function refusalOf(statement: MysqlStatement): Error {
  const outside = 'run it outside of the transaction'
  switch (statement.kind) {
    case 'ddl': {
      const what = `${statement.verb.toUpperCase()} ${statement.object}`
      if (statement.verb === 'truncate') {
        return refuse('TRUNCATE', 'the rows that it removes are not read', 'use DELETE')
      }
      return statement.isTemporary
        ? refuse(what, 'a temporary table is seen by one session only', outside)
        : refuse(what, 'a change of the schema commits and cannot be undone', outside)
    }
    case 'call':
      return refuse(
        'CALL',
        'what the procedure does is not known',
        'send its statements one by one',
      )
    case 'prepared':
      return refuse(
        statement.action === 'prepare' ? 'PREPARE' : 'EXECUTE',
        'the statement behind the name is not known',
        "send its text; the driver's own execute(sql, values) works",
      )
    case 'lockTables':
      return refuse(
        statement.isUnlock ? 'UNLOCK TABLES' : 'LOCK TABLES',
        'it commits the local transaction',
        'use SELECT … FOR UPDATE',
      )
    case 'xa':
      return refuse('XA', 'the branch would outlive its connection', 'let the coordinator decide')
    default: {
      const { keyword } = statement as OpaqueStatement
      const known = opaqueRefusals[keyword]
      return known === undefined
        ? refuse(keyword, 'it is not known to be safe', outside)
        : refuse(keyword, ...known)
    }
  }
}
