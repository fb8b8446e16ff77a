/**
 * Texts that other parsers took without an error and gave back as something else. Each is either
 * understood to the letter here, or refused.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { defaultMysqlMode, parseMysql, type MysqlStatement } from './index.ts'
import { noEscapes, selectedExpression } from './test-modes.ts'

function parseOne(text: string): MysqlStatement {
  const statements = parseMysql(text, defaultMysqlMode)
  assert.equal(statements.length, 1)
  return statements[0]!
}

function selectBlock(text: string) {
  const statement = parseOne(text)
  assert.ok(statement.kind === 'select' && statement.query.body.kind === 'select')
  return statement.query.body
}

test('an executable comment is never skipped', () => {
  for (const text of [
    'SELECT 1 /*!50000 , secret */ FROM t',
    'SELECT a FROM t /*! UNION SELECT pw FROM u */',
    'SELECT a FROM t WHERE id = 1 /*!OR 1 = 1*/',
    'UPDATE t SET a = 1 /*M! , b = 2 */ WHERE id = 1',
    'DELETE FROM t /*!99999 WHERE id = 1 */',
  ]) {
    assert.throws(
      () => parseMysql(text, defaultMysqlMode),
      (error) => isSetteeError(error, 'SETTEE_SQL_EXECUTABLE_COMMENT'),
    )
  }
})

test('hints are kept with their places', () => {
  const text =
    'SELECT /*+ MAX_EXECUTION_TIME(9) */ 1; INSERT /*+ SET_VAR(a = 1) */ INTO t VALUES (1)'
  const hints = parseMysql(text, defaultMysqlMode).map((statement) =>
    statement.hints.map(({ start, end }) => text.slice(start, end)),
  )
  assert.deepEqual(hints, [['/*+ MAX_EXECUTION_TIME(9) */'], ['/*+ SET_VAR(a = 1) */']])
})

test('adjacent strings are one string, and no alias', () => {
  const block = selectBlock("SELECT 'a' 'b'")
  assert.equal(block.items[0]!.alias, undefined)
  const { expression } = block.items[0]!
  assert.ok(expression.kind === 'string' && expression.value === 'ab')
})

test('5--1 subtracts minus one', () => {
  const expression = selectedExpression('5--1')
  assert.ok(expression.kind === 'binary' && expression.operator === '-')
  assert.ok(expression.right.kind === 'unary')
})

test('a string of one backslash does not swallow what follows', () => {
  const text = String.raw`SELECT '\\', secret FROM t WHERE a LIKE 'x' ESCAPE '\\' AND b = 1`
  const block = selectBlock(text)
  assert.equal(block.items.length, 2)
  assert.ok(block.where?.condition.kind === 'logical')
  const [like] = block.where.condition.operands
  assert.ok(like?.kind === 'like' && like.escape?.kind === 'string' && like.escape.value === '\\')
})

test('a pattern keeps its escapes', () => {
  const expression = selectedExpression(String.raw`a LIKE 'a\%b'`)
  assert.ok(expression.kind === 'like' && expression.pattern.kind === 'string')
  assert.equal(expression.pattern.value, String.raw`a\%b`)
})

test('a value cannot leave its string when the mode has no escapes', () => {
  // A client that escapes with backslashes sends this text for the value: \' OR 1 = 1 --
  const text = String.raw`SELECT * FROM t WHERE a = '\' OR 1 = 1 -- '`
  const escaped = parseMysql(text, defaultMysqlMode)[0]!
  assert.ok(escaped.kind === 'select' && escaped.query.body.kind === 'select')
  assert.equal(escaped.query.body.where?.condition.kind, 'binary')
  const broken = parseMysql(text, noEscapes)[0]!
  assert.ok(broken.kind === 'select' && broken.query.body.kind === 'select')
  assert.equal(broken.query.body.where?.condition.kind, 'logical', 'as the server understands it')
})

test('partitions, modifiers and scopes are kept', () => {
  const update = parseOne('UPDATE t PARTITION (p0, p1) SET a = 1')
  assert.ok(update.kind === 'update' && update.tables.items[0]?.kind === 'namedTable')
  assert.deepEqual(
    update.tables.items[0].partitions?.names.map((it) => it.name),
    ['p0', 'p1'],
  )
  const block = selectBlock('SELECT SQL_CALC_FOUND_ROWS DISTINCT a FROM t')
  assert.deepEqual([block.isDistinct, block.modifiers], [true, ['SQL_CALC_FOUND_ROWS']])
  const set = parseOne('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
  assert.ok(set.kind === 'set' && set.items[0]?.kind === 'transaction')
  assert.equal(set.items[0].scope, 'session')
})

test('DIV is an operator and no function', () => {
  const expression = selectedExpression('a DIV 2')
  assert.ok(expression.kind === 'binary' && expression.operator === 'div')
})

test('LOCK IN SHARE MODE and FOR SHARE are told apart', () => {
  for (const [text, isOld] of [
    ['SELECT a FROM t LOCK IN SHARE MODE', true],
    ['SELECT a FROM t FOR SHARE', false],
  ] as const) {
    const statement = parseOne(text)
    assert.ok(statement.kind === 'select')
    assert.equal(statement.query.locking[0]?.isLockInShareMode, isOld)
  }
})

test('parameters of a call are parameters', () => {
  const call = parseOne('CALL p(1, ?)')
  assert.ok(call.kind === 'call' && call.args[1]?.kind === 'parameter')
  assert.equal(call.args[1].index, 0)
})

test('every table that is dropped is named, and CASCADE is none', () => {
  const drop = parseOne('DROP TABLE a, db.b CASCADE')
  assert.ok(drop.kind === 'ddl')
  assert.deepEqual(
    drop.tables.map((it) => it.name.name),
    ['a', 'b'],
  )
})

test('a second statement is never part of the first', () => {
  const text = "SELECT ';' /* ; */ -- ;\n; DELETE FROM t; # ;\nDROP TABLE t"
  assert.deepEqual(
    parseMysql(text, defaultMysqlMode).map((it) => it.kind),
    ['select', 'delete', 'ddl'],
  )
})
