import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defaultMysqlMode, type MysqlMode } from './index.ts'
import { selectedExpression } from './test-modes.ts'
import { printTree } from './test-print-tree.ts'

const pipes: MysqlMode = { ...defaultMysqlMode, pipesAsConcat: true }
const highNot: MysqlMode = { ...defaultMysqlMode, highNotPrecedence: true }

const table: readonly (readonly [string, string, MysqlMode?])[] = [
  ['a OR b AND c', '(a OR (b AND c))'],
  ['a OR b XOR c', '(a OR (b XOR c))'],
  ['a XOR b AND c', '(a XOR (b AND c))'],
  ['a AND b AND c', '(a AND b AND c)'],
  ['(a OR b) AND c', '((a OR b) AND c)'],
  ['a || b && c', '(a OR (b AND c))'],
  ['a || b', '(a || b)', pipes],
  ['a || b ^ c', '((a || b) ^ c)', pipes],
  ['-a || b', '((- a) || b)', pipes],
  ['a * b || c', '(a * (b || c))', pipes],
  ['NOT a = b', '(NOT (a = b))'],
  ['NOT a AND b', '((NOT a) AND b)'],
  ['NOT a BETWEEN 1 AND 2', '(NOT (a BETWEEN 1 AND 2))'],
  ['NOT NOT a', '(NOT (NOT a))'],
  ['NOT a = b', '((! a) = b)', highNot],
  ['NOT a BETWEEN 1 AND 2', '((! a) BETWEEN 1 AND 2)', highNot],
  ['1 + NOT a', '(1 + (! a))', highNot],
  ['! a = b', '((! a) = b)'],
  ['a = b = c', '((a = b) = c)'],
  ['a = b IS NULL', '((a = b) IS NULL)'],
  ['a IS NULL = b', '((a IS NULL) = b)'],
  ['a IS NOT TRUE AND b', '((a IS NOT TRUE) AND b)'],
  ['a = b IN (1)', '(a = (b IN (1)))'],
  ['a BETWEEN b AND c AND d', '((a BETWEEN b AND c) AND d)'],
  ['a BETWEEN 1 + 1 AND 2 | 3', '(a BETWEEN (1 + 1) AND (2 | 3))'],
  ['a BETWEEN 1 AND 2 BETWEEN 3 AND 4', '(a BETWEEN 1 AND (2 BETWEEN 3 AND 4))'],
  ['a LIKE b = c', '((a LIKE b) = c)'],
  ['a NOT LIKE b OR c', '((a NOT LIKE b) OR c)'],
  ['a NOT REGEXP b', '(a NOT REGEXP b)'],
  ['a | b & c', '(a | (b & c))'],
  ['a & b << c', '(a & (b << c))'],
  ['a << b + c', '(a << (b + c))'],
  ['a - b - c', '((a - b) - c)'],
  ['a + b * c', '(a + (b * c))'],
  ['a / b DIV c MOD d % e', '((((a / b) DIV c) % d) % e)'],
  ['a * b ^ c', '(a * (b ^ c))'],
  ['-a ^ b', '((- a) ^ b)'],
  ['- - a', '(- (- a))'],
  ['5--1', '(5 - (- 1))'],
  ['~a + b', '((~ a) + b)'],
  ['-a COLLATE utf8mb4_bin', '(- (a COLLATE utf8mb4_bin))'],
  ['BINARY a = b', '((BINARY a) = b)'],
  ['a + INTERVAL 1 DAY - INTERVAL b HOUR', '((a + INTERVAL 1 DAY) - INTERVAL b HOUR)'],
  ['a + INTERVAL (1) + 2 DAY', '(a + INTERVAL (1 + 2) DAY)'],
  ['@a := b OR c', '(a := (b OR c))'],
  ['1 + @a := b = c', '(1 + (a := (b = c)))'],
  ['a <=> b != c', '((a <=> b) <> c)'],
]

describe('operators bind as the manual says', () => {
  for (const [text, tree, mode] of table) {
    test(`${text}${mode === undefined ? '' : ' in another mode'}`, () => {
      const expression = selectedExpression(text, mode)
      assert.equal(printTree(`SELECT ${text}`, expression), tree)
    })
  }
})

test('a row of one is an expression, of several a row', () => {
  assert.equal(selectedExpression('(1)').kind, 'parenthesizedExpression')
  assert.equal(selectedExpression('(1, 2)').kind, 'row')
  assert.equal(selectedExpression('ROW(1, 2)').kind, 'row')
})

test('parentheses around a query are a subquery only when nothing else is in them', () => {
  assert.equal(selectedExpression('(SELECT 1)').kind, 'subquery')
  assert.equal(selectedExpression('((SELECT 1))').kind, 'subquery')
  assert.equal(selectedExpression('((SELECT 1) UNION SELECT 2)').kind, 'subquery')
  assert.equal(selectedExpression('((SELECT 1) + 1)').kind, 'parenthesizedExpression')
  assert.equal(selectedExpression('((SELECT 1), 2)').kind, 'row')
})
