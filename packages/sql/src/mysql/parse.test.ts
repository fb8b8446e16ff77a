import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  defaultMysqlMode,
  parametersIn,
  parseMysql,
  parseSqlMode,
  withoutParentheses,
  type MysqlStatement,
  type Range,
  type TableReference,
} from './index.ts'
import { isKnownWord } from './keywords.ts'
import { mysqlCorpus } from './test-mysql-corpus.ts'
import { refusedStatements } from './test-mysql-refused.ts'
import { selectedExpression } from './test-modes.ts'

type StatementOf<Kind> = MysqlStatement extends infer Statement
  ? Statement extends { readonly kind: infer Own }
    ? Kind extends Own
      ? Statement
      : never
    : never
  : never

function parseOne<Kind extends MysqlStatement['kind']>(
  text: string,
  kind: Kind,
): StatementOf<Kind> {
  const statements = parseMysql(text, defaultMysqlMode)
  assert.equal(statements.length, 1)
  assert.equal(statements[0]!.kind, kind)
  return statements[0] as StatementOf<Kind>
}

test('the corpus holds more than 300 statements, each once', () => {
  const texts = new Set(mysqlCorpus.map((it) => it.sql))
  assert.equal(texts.size, mysqlCorpus.length)
  assert.ok(texts.size > 300)
})

describe('every statement of the corpus is of its kind', () => {
  for (const { sql, kind } of mysqlCorpus) {
    test(sql, () => {
      const statement = parseMysql(sql, defaultMysqlMode)
      assert.deepEqual(
        statement.map((it) => it.kind),
        [kind],
      )
      assert.equal(statement[0]!.parameters.length, sql.split('?').length - 1)
    })
  }
})

describe('what is no SQL is refused with its place', () => {
  for (const sql of refusedStatements) {
    test(sql, () => {
      assert.throws(
        () => parseMysql(sql, defaultMysqlMode),
        (error) => isSetteeError(error, 'SETTEE_SQL_SYNTAX'),
      )
    })
  }
})

test('a syntax error says where, what it found and what it expected', () => {
  assert.throws(
    () => parseMysql('SELECT a\nFROM t\n  WHERE )', defaultMysqlMode),
    (error) => {
      assert.ok(isSetteeError(error, 'SETTEE_SQL_SYNTAX'))
      assert.deepEqual(error.details, {
        offset: 24,
        line: 3,
        column: 9,
        expected: 'an expression',
      })
      assert.equal(
        error.message,
        'expected an expression, but found ")" at line 3, column 9 (offset 24)',
      )
      return true
    },
  )
})

test('words the parser asks for are words the lexer knows', () => {
  const files = readdirSync(import.meta.dirname).filter((it) => it.endsWith('-parser.ts'))
  const asked = files.flatMap((file) => {
    const source = readFileSync(join(import.meta.dirname, file), 'utf8')
    const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*|SETTEE_\w+|throw .*/g, '')
    return code.match(/\b[A-Z][A-Z_]+\b/g) ?? []
  })
  assert.ok(asked.length > 400)
  const unknown = [...new Set(asked)].filter((word) => !isKnownWord(word))
  assert.deepEqual(unknown, [])
})

// -------------------------------------------------------------------------------------- limits

const limitCases: readonly (readonly [string, string, string])[] = [
  ['parentheses', 'SELECT ' + '('.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  [
    'closed parentheses',
    'SELECT ' + '('.repeat(100_000) + '1' + ')'.repeat(100_000),
    'SETTEE_SQL_TOO_DEEP',
  ],
  ['negations', 'SELECT ' + 'NOT '.repeat(100_000) + '1', 'SETTEE_SQL_TOO_DEEP'],
  ['signs', 'SELECT ' + '- '.repeat(100_000) + '1', 'SETTEE_SQL_TOO_DEEP'],
  ['additions', 'SELECT 1' + ' + 1'.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['comparisons', 'SELECT 1' + ' = 1'.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['powers', 'SELECT 1' + ' ^ 1'.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['ranges', 'SELECT 1' + ' BETWEEN 1 AND 1'.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  ['unions', 'SELECT 1' + ' UNION SELECT 1'.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  ['subqueries', 'SELECT ' + '(SELECT '.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  [
    'closed subqueries',
    `SELECT ${'('.repeat(100_000)}SELECT 1${')'.repeat(100_000)}`,
    'SETTEE_SQL_TOO_DEEP',
  ],
  ['derived tables', 'SELECT a FROM ' + '(SELECT a FROM '.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  ['table parentheses', 'SELECT a FROM ' + '('.repeat(100_000) + 't', 'SETTEE_SQL_TOO_DEEP'],
  ['joins', 'SELECT a FROM t' + ' JOIN t'.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  ['outer joins', 'SELECT a FROM t' + ' LEFT JOIN t'.repeat(50_000), 'SETTEE_SQL_TOO_DEEP'],
  ['calls', 'SELECT ' + 'f('.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['cases', 'SELECT ' + 'CASE '.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['intervals', 'SELECT ' + 'INTERVAL '.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['assignments', 'SELECT ' + '@a := '.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['collations', 'SELECT a' + ' COLLATE b'.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['odbc escapes', 'SELECT ' + '{a '.repeat(100_000), 'SETTEE_SQL_TOO_DEEP'],
  ['points', 'SELECT ' + 'a.'.repeat(100_000) + 'a', 'SETTEE_SQL_SYNTAX'],
  ['statements', 'COMMIT;'.repeat(1001), 'SETTEE_SQL_TOO_MANY_STATEMENTS'],
]

describe('100,000 nested things are refused and no stack overflows', () => {
  for (const [name, text, code] of limitCases) {
    test(name, () => {
      assert.throws(
        () => parseMysql(text, defaultMysqlMode),
        (error) => isSetteeError(error, code),
      )
    })
  }
})

test('long flat chains are no nesting', () => {
  const text = `SELECT a FROM t WHERE a = 1${' OR a = 1'.repeat(20_000)}`
  assert.equal(parseMysql(text, defaultMysqlMode).length, 1)
  const rows = `INSERT INTO t VALUES (1)${', (1)'.repeat(20_000)}`
  assert.equal(parseMysql(rows, defaultMysqlMode).length, 1)
})

test('limits are options', () => {
  const parse = (text: string, limits: object) => () => parseMysql(text, defaultMysqlMode, limits)
  const isCode = (code: string) => (error: unknown) => isSetteeError(error, code)
  assert.throws(parse('SELECT 1', { maxTextLength: 7 }), isCode('SETTEE_SQL_TOO_LONG'))
  assert.throws(parse('SELECT ((1))', { maxDepth: 2 }), isCode('SETTEE_SQL_TOO_DEEP'))
  assert.throws(
    parse('COMMIT;COMMIT', { maxStatements: 1 }),
    isCode('SETTEE_SQL_TOO_MANY_STATEMENTS'),
  )
  assert.equal(parse('SELECT ((1))', { maxDepth: 3 })().length, 1)
})

// ------------------------------------------------------------------------------------- the trees

test('clauses are ranges that can be moved as they stand', () => {
  const text =
    'UPDATE t SET a = ?, b = DEFAULT WHERE c = ? AND d IN (?, 1) ORDER BY e DESC LIMIT ? ;'
  const update = parseOne(text, 'update')
  const slice = (range: Range | undefined) => text.slice(range?.start, range?.end)
  assert.equal(slice(update), text.slice(0, -2))
  assert.equal(slice(update.tables), 't')
  assert.equal(slice(update.assignments), 'SET a = ?, b = DEFAULT')
  assert.equal(slice(update.where), 'WHERE c = ? AND d IN (?, 1)')
  assert.equal(slice(update.where?.condition), 'c = ? AND d IN (?, 1)')
  assert.equal(slice(update.orderBy), 'ORDER BY e DESC')
  assert.equal(slice(update.limit), 'LIMIT ?')
  assert.deepEqual(
    parametersIn(update, update.where!).map((it) => it.index),
    [1, 2],
  )
})

test('parameters are numbered through the text, those of WITH first', () => {
  const texts = [
    'WITH x AS (SELECT ?) SELECT ?; SELECT ?',
    'WITH x AS (SELECT ?) UPDATE t SET a = ?; DELETE FROM t LIMIT ?',
    'INSERT INTO t WITH x AS (SELECT ?) SELECT ? FROM x; CALL p(?)',
    'SET @a = ?; SHOW TABLES LIKE ?; DROP TABLE t; SELECT ?',
  ]
  for (const text of texts) {
    const statements = parseMysql(text, defaultMysqlMode)
    const numbers = statements.flatMap((it) => it.parameters.map((parameter) => parameter.index))
    assert.deepEqual(numbers, [0, 1, 2], text)
  }
})

test('an insert names its table, columns, rows and what to do with duplicates', () => {
  const text =
    'INSERT IGNORE INTO db.t (a, `b`) VALUES (1, ?), (DEFAULT, NOW()) ON DUPLICATE KEY UPDATE ' +
    'a = VALUES(a)'
  const insert = parseOne(text, 'insert')
  assert.deepEqual(
    [insert.isIgnore, insert.table.schema?.name, insert.table.name.name],
    [true, 'db', 't'],
  )
  assert.deepEqual(
    insert.columns?.items.map((it) => [it.column.name, it.column.isQuoted]),
    [
      ['a', false],
      ['b', true],
    ],
  )
  assert.ok(insert.source.kind === 'values')
  assert.deepEqual(
    insert.source.rows.map((row) => row.values.map((it) => it.kind)),
    [
      ['number', 'parameter'],
      ['default', 'call'],
    ],
  )
  assert.equal(insert.onDuplicate?.items[0]?.value.kind, 'valuesReference')
})

test('the three spellings of DELETE name what goes and what is seen', () => {
  const forms = [
    ['DELETE FROM t AS x WHERE x.a = 1', 'single', ['t']],
    ['DELETE x, y.* FROM t AS x JOIN y', 'from', ['x', 'y']],
    ['DELETE FROM x USING t AS x JOIN y', 'using', ['x']],
  ] as const
  for (const [text, form, targets] of forms) {
    const statement = parseOne(text, 'delete')
    assert.equal(statement.form, form)
    assert.deepEqual(
      statement.targets.map((it) => it.name.name),
      targets,
    )
  }
})

test('a join groups from the left, and by its conditions', () => {
  const groups = [
    ['a JOIN b JOIN c', '((a b) c)'],
    ['a JOIN b ON 1 JOIN c ON 2', '((a b) c)'],
    ['a JOIN b JOIN c ON 1 ON 2', '(a (b c))'],
    ['a JOIN b JOIN c JOIN d ON 1 ON 2 ON 3', '(a (b (c d)))'],
    ['a LEFT JOIN b JOIN c ON 1 ON 2', '(a (b c))'],
    ['a LEFT JOIN b ON 1 JOIN c ON 2', '((a b) c)'],
    ['a JOIN b LEFT JOIN c ON 1', '((a b) c)'],
    ['a NATURAL JOIN b JOIN c ON 1', '((a b) c)'],
    ['a JOIN (b JOIN c)', '(a (b c))'],
  ] as const
  for (const [text, expected] of groups) {
    const { query } = parseOne(`SELECT 1 FROM ${text}`, 'select')
    assert.ok(query.body.kind === 'select')
    assert.equal(groupOf(query.body.from!.items[0]!), expected, text)
  }

  function groupOf(reference: TableReference): string {
    if (reference.kind === 'join') return `(${groupOf(reference.left)} ${groupOf(reference.right)})`
    if (reference.kind === 'parenthesizedTables') return groupOf(reference.references.items[0]!)
    return reference.kind === 'namedTable' ? reference.name.name.name : '?'
  }
})

test('intersections bind before unions, unions group from the left', () => {
  const { query } = parseOne(
    'SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4',
    'select',
  )
  assert.ok(query.body.kind === 'setOperation' && query.body.operator === 'except')
  const { left } = query.body
  assert.ok(left.kind === 'setOperation' && left.operator === 'union' && left.isAll)
  assert.ok(left.right.kind === 'setOperation' && left.right.operator === 'intersect')
})

test('locking clauses say how strong, of what, and how long', () => {
  const { query } = parseOne(
    'SELECT * FROM a, b FOR UPDATE OF a NOWAIT FOR SHARE OF b SKIP LOCKED',
    'select',
  )
  assert.deepEqual(
    query.locking.map((it) => [it.strength, it.tables?.[0]?.name.name, it.wait]),
    [
      ['update', 'a', 'nowait'],
      ['share', 'b', 'skipLocked'],
    ],
  )
})

test('transaction statements say what they do', () => {
  const table = [
    ['START TRANSACTION READ ONLY', { action: 'begin', access: 'readOnly' }],
    ['COMMIT AND CHAIN NO RELEASE', { action: 'commit', chain: true, release: false }],
    ['ROLLBACK', { action: 'rollback', chain: undefined, release: undefined }],
  ] as const
  for (const [text, expected] of table) {
    const statement = parseOne(text, 'transaction')
    assert.deepEqual({ ...statement, ...expected }, statement, text)
  }
  assert.equal(parseOne('ROLLBACK TO SAVEPOINT `a b`', 'transaction').savepoint?.name, 'a b')
})

test('SET says which variable of which scope', () => {
  const { items } = parseOne(
    "SET autocommit = 0, SESSION sql_mode = 'ANSI', @@global.a := ON, @x = 1, LOCAL b.c = DEFAULT",
    'set',
  )
  assert.deepEqual(
    items.map((it) => (it.kind === 'variable' ? [it.scope, it.name, it.value.kind] : it.kind)),
    [
      ['implicit', 'autocommit', 'number'],
      ['session', 'sql_mode', 'string'],
      ['global', 'a', 'column'],
      'userVariable',
      ['local', 'b.c', 'default'],
    ],
  )
})

test('a routine takes the rest of the text, another statement does not', () => {
  const routine = 'CREATE PROCEDURE p() BEGIN DELETE FROM t; END; DELETE FROM u'
  assert.equal(parseMysql(routine, defaultMysqlMode).length, 1)
  assert.equal(parseMysql('CREATE TABLE t (a INT); DELETE FROM u', defaultMysqlMode).length, 2)
})

test('nothing stands behind a statement that changes how text is read', () => {
  const follow = '; SELECT "a" FROM t'
  for (const text of [
    "SET sql_mode = ''",
    "SET a = 1, @@session.SQL_MODE = 'ANSI_QUOTES'",
    'SET NAMES gbk',
    'SET NAMES DEFAULT',
    'SET CHARACTER SET sjis',
    'SET character_set_client = big5',
    'EXECUTE s',
    "EXECUTE IMMEDIATE 'SET sql_mode = 1'",
  ]) {
    assert.equal(parseMysql(text, defaultMysqlMode).length, 1)
    assert.throws(
      () => parseMysql(text + follow, defaultMysqlMode),
      (error) =>
        isSetteeError(error, 'SETTEE_SQL_AMBIGUOUS') && error.details.offset === text.length + 2,
    )
  }
  for (const text of [
    'SET NAMES utf8mb4',
    "SET GLOBAL sql_mode = ''",
    'SET autocommit = 0',
    'COMMIT',
  ]) {
    assert.equal(parseMysql(text + follow, defaultMysqlMode).length, 2)
  }
})

test('what runs a statement under another name is not taken for a report', () => {
  for (const text of [
    'EXPLAIN ANALYZE UPDATE t SET a = 1',
    'EXPLAIN FORMAT = JSON ANALYZE DELETE FROM t',
    'ANALYZE FORMAT = JSON UPDATE t SET a = 1',
    'SET STATEMENT max_statement_time = 1 FOR DELETE FROM t',
  ]) {
    parseOne(text, 'opaque')
  }
})

test('calls know their arguments whatever stands between them', () => {
  const counts = [
    ["TRIM(BOTH 'a' FROM b)", 2],
    ['SUBSTRING(a FROM 1 FOR 2)', 3],
    ["POSITION('a' IN b)", 2],
    ['EXTRACT(DAY FROM a)', 1],
    ['TIMESTAMPDIFF(DAY, a, b)', 2],
    ['COUNT(*)', 1],
    ['NOW()', 0],
    ['CURRENT_DATE', 0],
  ] as const
  for (const [text, count] of counts) {
    const call = selectedExpression(text)
    assert.ok(call.kind === 'call')
    assert.equal(call.args.length, count, text)
  }
})

test('a built-in name with space before its parenthesis is built in only in IGNORE_SPACE', () => {
  assert.throws(() => parseMysql('SELECT COUNT (*)', defaultMysqlMode), /expected an expression/)
  assert.equal(parseMysql('SELECT COUNT (*)', parseSqlMode('IGNORE_SPACE')).length, 1)
})

test('parentheses can be taken off', () => {
  assert.equal(withoutParentheses(selectedExpression('((a))')).kind, 'column')
})

test('sql_mode is read from its text', () => {
  assert.deepEqual(parseSqlMode(' ansi_quotes , STRICT_TRANS_TABLES'), {
    ...defaultMysqlMode,
    ansiQuotes: true,
  })
  assert.deepEqual(parseSqlMode('ANSI'), {
    ...defaultMysqlMode,
    ansiQuotes: true,
    pipesAsConcat: true,
    ignoreSpace: true,
  })
  assert.deepEqual(parseSqlMode(''), defaultMysqlMode)
  assert.throws(
    () => parseSqlMode('PIPES_AS_CONCAT,ORACLE'),
    (error) => isSetteeError(error, 'SETTEE_SQL_UNSUPPORTED_MODE'),
  )
})
