/** An expression with every operator in parentheses, to see how it was understood. For tests. */
import type { Expression } from './index.ts'

/** SQL of the operators the tests of precedence use; leaves are slices of `text`. */
export function printTree(text: string, expression: Expression): string {
  const print = (operand: Expression): string => printTree(text, operand)
  switch (expression.kind) {
    case 'binary': {
      const operator = expression.operator === 'concat' ? '||' : expression.operator.toUpperCase()
      return `(${print(expression.left)} ${operator} ${print(expression.right)})`
    }
    case 'logical':
      return `(${expression.operands.map(print).join(` ${expression.operator.toUpperCase()} `)})`
    case 'unary': {
      // The keyword binds loosely and the sign tightly; in parentheses both mean the same.
      const { operator } = expression
      return `(${operator === 'not' ? 'NOT' : operator.toUpperCase()} ${print(expression.operand)})`
    }
    case 'is': {
      const not = expression.isNegated ? 'NOT ' : ''
      return `(${print(expression.operand)} IS ${not}${expression.test.toUpperCase()})`
    }
    case 'in':
      return (
        `(${print(expression.operand)}${expression.isNegated ? ' NOT' : ''} ` +
        `IN (${expression.items.map(print).join(', ')}))`
      )
    case 'between': {
      const { operand, isNegated, low, high } = expression
      return (
        `(${print(operand)}${isNegated ? ' NOT' : ''} ` +
        `BETWEEN ${print(low)} AND ${print(high)})`
      )
    }
    case 'like': {
      const not = expression.isNegated ? ' NOT' : ''
      return `(${print(expression.operand)}${not} LIKE ${print(expression.pattern)})`
    }
    case 'interval':
      return `INTERVAL ${print(expression.value)} ${expression.unit}`
    case 'collate':
      return `(${print(expression.operand)} COLLATE ${expression.collation})`
    case 'assign':
      return `(${expression.variable.name} := ${print(expression.value)})`
    case 'parenthesizedExpression':
      return print(expression.expression)
    default:
      return text.slice(expression.start, expression.end)
  }
}
