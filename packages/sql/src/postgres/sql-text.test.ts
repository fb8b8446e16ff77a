import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { loadPostgresGrammar, type PostgresGrammar } from './grammar.ts'

describe('text of PostgreSQL', () => {
  let grammar: PostgresGrammar
  before(async () => {
    grammar = await loadPostgresGrammar()
  })

  test('offsets count UTF-16 units, also behind characters of several bytes', () => {
    const sql = grammar.scan("SELECT 'é😀' /* 😀 */ FROM t WHERE a = 1; -- end")
    const where = sql.find('WHERE')!
    assert.equal(sql.text.slice(where.start, where.end), 'WHERE')
    assert.equal(sql.slice(where.end, sql.end), 'a = 1')
    assert.equal(sql.text.slice(sql.end - 1, sql.end), '1')
  })

  test('a keyword inside of parentheses, quotes or comments is none of the statement', () => {
    const sql = grammar.scan(`SELECT (SELECT 1 FROM a), 'FROM', "FROM" /* FROM */ FROM b`)
    assert.equal(sql.slice(sql.find('FROM')!.end, sql.end), 'b')
    assert.equal(sql.find('WHERE'), undefined)
  })

  test('the last keyword in front of a place that the parser names', () => {
    const text = 'SELECT a IS DISTINCT FROM b FROM "é" x'
    const { stmts } = grammar.parse(text)
    const select = (stmts![0]!.stmt as { SelectStmt: { fromClause: unknown[] } }).SelectStmt
    const { location } = (select.fromClause[0] as { RangeVar: { location: number } }).RangeVar
    const from = grammar.scan(text).findLast('FROM', location)!
    assert.equal(text.slice(from.end), ' "é" x')
  })

  test('a part gets its parameters numbered from 1 on', () => {
    const sql = grammar.scan("UPDATE t SET a = $1 WHERE b = $3 OR c = '$2' OR d = $2 OR e = $3")
    assert.equal(sql.parameterCount, 3)
    assert.deepEqual(sql.renumber("b = $3 OR c = '$2' OR d = $2 OR e = $3"), {
      text: "b = $1 OR c = '$2' OR d = $2 OR e = $1",
      parameters: [3, 2],
    })
  })

  test('statements end at semicolons outside of everything', () => {
    const split = (text: string): readonly string[] => grammar.scan(text).split()
    assert.deepEqual(split("SELECT ';' ; ;; /* ; */ SELECT (1) -- ;\n;"), [
      "SELECT ';'",
      'SELECT (1)',
    ])
    assert.deepEqual(split(' -- nothing'), [])
    assert.deepEqual(split(''), [])
  })

  test('a text that is no SQL is told by the server in its own words', () => {
    assert.throws(() => grammar.parse('DELETE FORM t'), /syntax error at or near "FORM"/)
  })
})
