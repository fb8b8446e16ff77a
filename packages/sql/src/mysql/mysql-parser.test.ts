import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import fc from 'fast-check'
import { createMysqlParser, defaultMysqlMode, parseMysql, walkMysql, type Range } from './index.ts'
import { mysqlCorpus } from './test-mysql-corpus.ts'
import { ansiQuotes } from './test-modes.ts'

function digestOf(text: string, parser = createMysqlParser()) {
  const digest = parser.digest(text, defaultMysqlMode)
  assert.ok(digest !== undefined, `${text} has no digest`)
  return digest
}

test('a text gives the same trees again, in its mode only', () => {
  const parser = createMysqlParser()
  const text = 'SELECT "a" FROM t'
  const first = parser.parse(text, defaultMysqlMode)
  assert.equal(parser.parse(text, { ...defaultMysqlMode }), first)
  assert.notEqual(parser.parse(text, ansiQuotes), first)
  assert.deepEqual(first, parseMysql(text, defaultMysqlMode))
})

test('a text that is refused is refused again', () => {
  const parser = createMysqlParser()
  for (let attempt = 0; attempt < 2; attempt++) {
    for (const ask of ['parse', 'digest'] as const) {
      assert.throws(
        () => parser[ask]('SELECT FROM', defaultMysqlMode),
        (error) => isSetteeError(error, 'SETTEE_SQL_SYNTAX'),
      )
    }
  }
})

describe('texts share a shape', () => {
  const alike: readonly (readonly string[])[] = [
    ["SELECT a FROM t WHERE b = 1 AND c = 'x'", "SELECT a FROM t WHERE b = 22 AND c = 'it''s'"],
    ['SELECT a FROM t WHERE b = 1', 'SELECT a\n  FROM t /* c */ WHERE\tb = 1'],
    ['SELECT a FROM t WHERE b IN (1)', 'SELECT a FROM t WHERE b IN (1, 2,3)'],
    ['SELECT a FROM t WHERE b IN (?)', 'SELECT a FROM t WHERE b IN (?, ?, ?)'],
    ['INSERT INTO t VALUES (1, NOW())', 'INSERT INTO t VALUES (1, NOW()), (2, NOW()), (3, NOW())'],
    ["INSERT INTO t VALUES (?, 'a')", "INSERT INTO t VALUES (?, 'b'),(?, 'c')"],
    ['SELECT 1 LIMIT 5', 'SELECT 2 LIMIT 6'],
  ]
  for (const texts of alike) {
    test(texts.join(' | '), () => {
      const parser = createMysqlParser()
      const shapes = new Set(texts.map((text) => digestOf(text, parser).shape))
      assert.equal(shapes.size, 1)
    })
  }
})

describe('texts do not share a shape', () => {
  const unlike: readonly (readonly [string, string])[] = [
    ["SELECT a FROM t WHERE b = '1'", 'SELECT a FROM t WHERE b = 1'],
    ['SELECT a FROM t WHERE b = 1', 'SELECT a FROM t WHERE b = 1.0'],
    ['SELECT a FROM t WHERE b = ?', 'SELECT a FROM t WHERE b = 1'],
    ['SELECT a FROM t WHERE b = 1', 'SELECT a FROM T WHERE b = 1'],
    ['SELECT a FROM t WHERE b = 1', 'SELECT a FROM `t` WHERE b = 1'],
    ['SELECT a FROM t WHERE b = NULL', 'SELECT a FROM t WHERE b = 1'],
    ['SELECT a FROM t WHERE b IN (1)', "SELECT a FROM t WHERE b IN (1, 'a')"],
    ['SELECT f(1)', 'SELECT f(1, 2)'],
    ['SELECT now()', 'SELECT now ()'],
    ['INSERT INTO t VALUES (1, 2)', 'INSERT INTO t VALUES (1), (2)'],
    ['INSERT INTO t VALUES (1)', "INSERT INTO t VALUES (1), ('a')"],
    ['INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (1), (NULL)'],
    ['SELECT 5-1', 'SELECT 5--1'],
    ['SELECT /*+ NO_ICP(t) */ a FROM t', 'SELECT a FROM t'],
    ["SELECT 'a' 'b' 'c'", "SELECT 'a' 'b'"],
  ]
  for (const [left, right] of unlike) {
    test(`${left} | ${right}`, () => {
      const parser = createMysqlParser()
      assert.notEqual(digestOf(left, parser).shape, digestOf(right, parser).shape)
    })
  }
})

test('a shape leads back to the text: to its clauses, its literals and its parameters', () => {
  const parser = createMysqlParser()
  digestOf("UPDATE t SET a = 'first' WHERE b IN (0) AND c = ? LIMIT 9", parser)
  const text = "UPDATE t\nSET a =  'it''s' WHERE b IN (1, 22, 333) AND c = ? LIMIT 5"
  const digest = digestOf(text, parser)
  const [update] = digest.shape.statements
  assert.ok(update?.kind === 'update')
  const slice = (range: Range) => text.slice(range.start, range.end)
  assert.equal(slice(digest.sourceRange(update)), text)
  const where = digest.sourceRange(update.where!)
  assert.equal(slice(where), 'WHERE b IN (1, 22, 333) AND c = ?')
  assert.deepEqual(
    digest.values(where).map((it) => [slice(it), it.parameterIndex]),
    [
      ['1', undefined],
      ['22', undefined],
      ['333', undefined],
      ['?', 0],
    ],
  )
  assert.deepEqual(digest.values(digest.sourceRange(update.assignments)).map(slice), ["'it''s'"])
})

test('rows that were cut away belong to the rows of the shape', () => {
  const text = 'INSERT INTO t (a, b) VALUES (1, ?), (2, ?), (3, ?) ON DUPLICATE KEY UPDATE a = 4'
  const digest = digestOf(text)
  const [insert] = digest.shape.statements
  assert.ok(insert?.kind === 'insert' && insert.source.kind === 'values')
  assert.equal(insert.source.rows.length, 1)
  const rows = digest.sourceRange(insert.source)
  assert.equal(text.slice(rows.start, rows.end), 'VALUES (1, ?), (2, ?), (3, ?)')
  assert.deepEqual(
    digest.values(rows).map((it) => it.parameterIndex),
    [undefined, 0, undefined, 1, undefined, 2],
  )
})

test('a mistake within what the shape leaves out is still refused', () => {
  const parser = createMysqlParser()
  digestOf('INSERT INTO t VALUES (1), (2)', parser)
  assert.throws(() => parser.digest('INSERT INTO t VALUES (1), (2', defaultMysqlMode))
  assert.throws(() => parser.digest('INSERT INTO t VALUES (1), (2),', defaultMysqlMode))
})

test('what a shared tree could not say has no digest', () => {
  const parser = createMysqlParser()
  for (const text of [
    'COMMIT',
    'SET a = 1',
    "SELECT a 'alias' FROM t",
    'SELECT CAST(a AS DECIMAL(10, 2)) FROM t',
    "SELECT a -> '$.b' FROM t",
    "SELECT a COLLATE 'utf8mb4_bin' FROM t",
  ]) {
    assert.equal(parser.digest(text, defaultMysqlMode), undefined, text)
    assert.equal(parser.digest(text, defaultMysqlMode), undefined, `${text}, again`)
    assert.equal(parser.parse(text, defaultMysqlMode).length, 1)
  }
})

test('for every statement, each node of its shape leads to SQL of that node in the text', () => {
  const parser = createMysqlParser()
  for (const { sql } of mysqlCorpus) {
    const digest = parser.digest(sql, defaultMysqlMode)
    if (digest === undefined) continue
    const ranges = new Set<string>()
    for (const statement of parseMysql(sql, defaultMysqlMode)) {
      walkMysql(statement, ({ start, end }) => void ranges.add(`${start}-${end}`))
    }
    for (const statement of digest.shape.statements) {
      walkMysql(statement, (node) => {
        const { start, end } = digest.sourceRange(node)
        // A row of the shape stands for all the rows that are like it.
        const isRow = sql.charAt(start) === '(' && !('kind' in node)
        assert.ok(isRow || ranges.has(`${start}-${end}`), `${sql}: ${sql.slice(start, end)}`)
      })
    }
  }
})

test('any literals give the shape of the first', () => {
  const parser = createMysqlParser()
  const { shape } = digestOf("SELECT a FROM t WHERE b = 'x' AND c IN (1)", parser)
  const strings = fc.string().map((it) => `'${it.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`)
  fc.assert(
    fc.property(strings, fc.array(fc.nat(), { minLength: 1 }), (text, numbers) => {
      const sql = `SELECT a FROM t WHERE b = ${text} AND c IN (${numbers.join(', ')})`
      const digest = digestOf(sql, parser)
      assert.equal(digest.shape, shape)
      const [value, ...rest] = digest.values({ start: 0, end: sql.length })
      assert.equal(sql.slice(value!.start, value!.end), text)
      assert.equal(rest.length, numbers.length)
    }),
    { seed: 1 },
  )
})
