/**
 * What expressions of a statement may do: which functions they call, whether they are the same when
 * they are looked at twice, and whether they name columns.
 */
import {
  queriesIn,
  walkMysql,
  type AstNode,
  type Expression,
  type MysqlStatement,
} from '@settee/sql/mysql'
import { refuse } from '../refuse.ts'

/** A call of a function that may be one of the database. */
export interface NamedCall {
  readonly schema: string | undefined
  readonly name: string
}

/** The functions below a node, each name once. */
export function callsIn(node: AstNode): readonly NamedCall[] {
  const calls = new Map<string, NamedCall>()
  walkMysql(node, (one) => {
    if (one.kind !== 'call') return
    const call = one as Extract<Expression, { kind: 'call' }>
    const schema = call.schema?.name
    calls.set(JSON.stringify([schema, call.name]), { schema, name: call.name })
  })
  return [...calls.values()]
}

/** Refuses what hides below a statement: row locks of subqueries, SELECT … INTO a file. */
export function refuseNested(statement: MysqlStatement, top?: AstNode): void {
  for (const query of queriesIn(statement)) {
    if (query !== top && query.locking.some(({ strength }) => strength === 'update')) {
      throw refuse(
        'FOR UPDATE in a subquery',
        'the rows that it locks are not known',
        'send it as a statement of its own',
      )
    }
    if (query.into !== undefined && query.into.kind !== 'variables') {
      throw refuse(
        `SELECT … INTO ${query.into.kind.toUpperCase()}`,
        'a file cannot be taken back',
        'write the file in the application',
      )
    }
  }
}

/** Refuses `@n := …` where it would be computed once for the image and once for the statement. */
export function refuseAssignments(...nodes: readonly (AstNode | undefined)[]): void {
  for (const node of nodes) {
    if (node === undefined) continue
    walkMysql(node, (one) => {
      if (one.kind !== 'assign') return
      throw refuse(
        'an assignment to a variable inside of a statement',
        'it would be made again when the rows are looked at',
        'set the variable with SET before, or compute the values in the application',
      )
    })
  }
}

/** Nodes that are what they are, however often they are looked at. */
const constants: ReadonlySet<string | undefined> = new Set([
  'string',
  'number',
  'hex',
  'bit',
  'temporal',
  'boolean',
  'null',
  'parameter',
])

/** A literal or a parameter, with a sign or without. */
export function isConstant(expression: Expression): boolean {
  if (expression.kind === 'parenthesizedExpression') return isConstant(expression.expression)
  if (expression.kind === 'unary' && (expression.operator === '-' || expression.operator === '+')) {
    return expression.operand.kind === 'number'
  }
  return constants.has(expression.kind)
}

const randomFunctions: ReadonlySet<string> = new Set([
  'nextval',
  'rand',
  'random_bytes',
  'sysdate',
  'sys_guid',
  'uuid',
  'uuid_short',
  'uuid_v4',
  'uuid_v7',
])

/** Whether a function of the server answers otherwise each time. */
export function isRandom({ name }: NamedCall): boolean {
  return randomFunctions.has(name.toLowerCase())
}

export function namesColumns(expression: Expression): boolean {
  let isFound = false
  walkMysql(expression, (node) => {
    if (node.kind === 'subquery') return false
    if (node.kind === 'column' || node.kind === 'valuesReference') isFound = true
    return undefined
  })
  return isFound
}
