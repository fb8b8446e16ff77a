/** What AT mode and routing ask of a tree: its parameters, functions and queries. */
import type { Expression, FunctionCall, MysqlStatement, Parameter, Query, Range } from './ast.ts'

/** Any object of the tree. Those with a `kind` are told apart by it. */
export interface AstNode extends Range {
  readonly kind?: string
}

/** Lists beside the tree: their members are in the tree already, or are names of what is. */
const beside = new Set(['parameters', 'hints', 'targets', 'modifiers'])

/**
 * Calls `visit` for `root` and every node below it, parents first, mostly in the order of the text.
 * Returning `false` leaves out what is below the node. Needs no stack, however deep the tree is.
 */
export function walkMysql(root: AstNode, visit: (node: AstNode) => boolean | void): void {
  const waiting: AstNode[] = [root]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (visit(node) === false) continue
    const first = waiting.length
    for (const [key, value] of Object.entries(node) as [string, unknown][]) {
      if (typeof value !== 'object' || value === null || beside.has(key)) continue
      if (Array.isArray(value)) for (const member of value) waiting.push(member as AstNode)
      else waiting.push(value as AstNode)
    }
    reverseFrom(waiting, first)
  }
}

/** The first child must be the first to be popped. */
function reverseFrom(nodes: AstNode[], first: number): void {
  for (let low = first, high = nodes.length - 1; low < high; low++, high--) {
    const node = nodes[low]!
    nodes[low] = nodes[high]!
    nodes[high] = node
  }
}

/** The statement's parameters that lie within `range`, in order. */
export function parametersIn(statement: MysqlStatement, range: Range): readonly Parameter[] {
  return statement.parameters.filter((p) => p.start >= range.start && p.end <= range.end)
}

/** Every call of a function at or below `node`, subqueries included. */
export function functionCallsIn(node: AstNode): readonly FunctionCall[] {
  return nodesOfKind(node, 'call') as readonly FunctionCall[]
}

/** Every query at or below `node`: subqueries, derived tables, common tables. */
export function queriesIn(node: AstNode): readonly Query[] {
  return nodesOfKind(node, 'query').filter((found): found is Query => 'body' in found)
}

function nodesOfKind(root: AstNode, kind: string): readonly AstNode[] {
  const found: AstNode[] = []
  walkMysql(root, (node) => {
    if (node.kind === kind) found.push(node)
  })
  return found
}

/** The expression within any number of parentheses. */
export function withoutParentheses(expression: Expression): Expression {
  let inner = expression
  while (inner.kind === 'parenthesizedExpression') inner = inner.expression
  return inner
}
