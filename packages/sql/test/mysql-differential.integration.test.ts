/** The parser against a real server: what it takes, what strings mean, which operator binds. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import fc from 'fast-check'
import type { RowDataPacket } from 'mysql2'
import {
  defaultMysqlMode,
  parseMysql,
  parseSqlMode,
  type Expression,
  type MysqlMode,
} from '../src/mysql/index.ts'
import { printTree } from '../src/mysql/test-print-tree.ts'
import { mysqlCorpus } from '../src/mysql/test-mysql-corpus.ts'
import { refusedStatements } from '../src/mysql/test-mysql-refused.ts'
import { startTestMariadb, type TestMariadb } from './test-mariadb.ts'

let server: TestMariadb

before(async () => {
  server = await startTestMariadb()
  // The driver sets IGNORE_SPACE by a flag of its handshake.
  await setMode('')
})
after(() => server.stop())

/** What the server says to a text that is no SQL: the general error, and those of single rules. */
const refusals: ReadonlyMap<number, string> = new Map([
  [1064, 'syntax'],
  [1096, 'no tables used'],
  [1166, 'incorrect column name'],
  [1300, 'invalid character string'],
  [4161, 'unknown data type'],
])

async function isRefusedByServer(sql: string): Promise<boolean> {
  try {
    await server.connection.query('PREPARE st FROM ?', [sql])
    return false
  } catch (error) {
    return refusals.has((error as { errno: number }).errno)
  }
}

function isRefused(sql: string, mode: MysqlMode = defaultMysqlMode): boolean {
  try {
    parseMysql(sql, mode)
    return false
  } catch (error) {
    assert.ok(isSetteeError(error), String(error))
    return true
  }
}

/** Where parser and server differ on purpose. */
const refusedByUsOnly: readonly (readonly [sql: string, reason: string])[] = [
  ['SELECT 1 /*! + 1 */', 'executed or not, by server and version'],
  ['SELECT 1 /*M! + 1 */', 'executed by MariaDB, a comment to MySQL'],
  ['SELECT 1 /*!99999 + 1 */', 'executed or not, by server and version'],
  ['SELECT !!1', 'operators without space between are cut differently'],
  ['SELECT 1=!0', 'operators without space between are cut differently'],
  ['SELECT 2 IN (2) IN (1)', 'MySQL refuses tests in a chain'],
  ['SELECT @é := 1', 'the name of a variable beyond ASCII needs quotes'],
  ['SELECT ``', 'nothing has an empty name'],
  ['SELECT $$a$$', 'opens a dollar-quoted text on new MySQL'],
  ['SELECT a FROM .t', 'a name that begins with a point is gone from MySQL 8'],
]

test('every statement of the corpus that both know is taken by the server', async () => {
  for (const { sql, mysqlOnly } of mysqlCorpus) {
    const isKnownDifference = mysqlOnly !== undefined
    assert.equal(await isRefusedByServer(sql), isKnownDifference, sql)
    assert.equal(isRefused(sql), false, sql)
  }
})

test('what the parser refuses, the server refuses', async () => {
  for (const sql of refusedStatements) {
    assert.equal(await isRefusedByServer(sql), true, sql)
    assert.equal(isRefused(sql), true, sql)
  }
})

test('the differences between parser and server are the known ones', async () => {
  for (const [sql, reason] of refusedByUsOnly) {
    assert.equal(await isRefusedByServer(sql), false, `${sql}: ${reason}`)
    assert.equal(isRefused(sql), true, `${sql}: ${reason}`)
  }
})

// ------------------------------------------------------------------------------------------ values

async function setMode(names: string): Promise<MysqlMode> {
  await server.connection.query('SET sql_mode = ?', [names])
  return parseSqlMode(names)
}

async function selectOne(sql: string): Promise<unknown> {
  const [rows] = await server.connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true })
  return rows[0]![0]
}

function selected(text: string, mode: MysqlMode): Expression {
  const [statement] = parseMysql(text, mode)
  assert.equal(statement?.kind, 'select')
  assert.equal(statement.query.body.kind, 'select')
  return statement.query.body.items[0]!.expression as Expression
}

const literalPieces = [
  "'",
  "''",
  '"',
  '""',
  '\\',
  '\\\\',
  "\\'",
  '\\"',
  '\\n',
  '\\0',
  '\\Z',
  '\\%',
  '\\_',
  '\\x',
  'a',
  ' ',
  'é',
  '\u{1F600}',
  '--',
  '#',
  '/*',
  '*/',
  '\n',
  '\0',
  '`',
  '%',
  ';',
  '(',
  ')',
]

const literal = fc
  .tuple(fc.constantFrom("'", '"'), fc.array(fc.constantFrom(...literalPieces), { maxLength: 6 }))
  .map(([quote, pieces]) => quote + pieces.join('') + quote)

for (const names of [
  '',
  'ANSI_QUOTES',
  'NO_BACKSLASH_ESCAPES',
  'ANSI_QUOTES,NO_BACKSLASH_ESCAPES',
]) {
  test(`strings mean what the server says, with sql_mode '${names}'`, async () => {
    const mode = await setMode(names)
    let compared = 0
    await fc.assert(
      fc.asyncProperty(fc.array(literal, { minLength: 1, maxLength: 3 }), async (literals) => {
        const sql = `SELECT ${literals.join(' ')} AS x`
        // A quote that closes early may let a semicolon out.
        if (isRefused(sql, mode) || parseMysql(sql, mode)[0]!.end < sql.length) return
        let value: unknown
        try {
          value = await selectOne(sql)
        } catch (error) {
          // The server does not know such a column: a name in quotes, or worse.
          assert.notEqual((error as { errno: number }).errno, 1064, sql)
          assert.notEqual(selected(sql, mode).kind, 'string', sql)
          return
        }
        const expression = selected(sql, mode)
        if (expression.kind !== 'string') return
        assert.equal(expression.value, value, sql)
        compared++
      }),
      { seed: 1, numRuns: 1500 },
    )
    assert.ok(compared > 100, `only ${compared} strings were compared`)
  })
}

const separators = [';', ' ; ', ';-- ;\n', '/* ; */;', '; # ;\n', ';\n--\n', ';;', "; /* ' */"]
const severalTexts = fc
  .array(fc.tuple(literal, fc.constantFrom(...separators)), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map(([text, separator]) => `SELECT 1, ${text}${separator}`).join(''))

for (const names of ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES']) {
  test(`a text holds as many statements as the server runs, with sql_mode '${names}'`, async () => {
    const mode = await setMode(names)
    let compared = 0
    await fc.assert(
      fc.asyncProperty(severalTexts, async (sql) => {
        if (isRefused(sql, mode)) return
        const statements = parseMysql(sql, mode)
        let results: unknown[]
        try {
          ;[results] = await server.connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true })
        } catch {
          // A name in quotes is no column.
          return
        }
        // One statement gives its rows, several a list with the rows of each; the comment behind a
        // last semicolon is an empty statement, which gives no rows.
        const isOne = Array.isArray(results[0]) && !Array.isArray(results[0][0])
        const count = isOne ? 1 : results.filter((rows) => Array.isArray(rows)).length
        assert.equal(statements.length, count, sql)
        compared++
      }),
      { seed: 1, numRuns: 1000 },
    )
    assert.ok(compared > 50, `only ${compared} texts were compared`)
  })
}

test('a quote that a mode closes is closed for the parser too', async () => {
  // One text, four readings: what is a string in one mode is code in another.
  const sql = String.raw`SELECT '\' OR 1 = 1 -- ' AS x`
  for (const names of ['', 'NO_BACKSLASH_ESCAPES']) {
    const mode = await setMode(names)
    const expression = selected(sql, mode)
    const value = await selectOne(sql)
    if (names === '') assert.equal((expression as { value?: string }).value, value)
    else assert.equal(expression.kind, 'logical')
  }
})

// -------------------------------------------------------------------------------------- precedence

const operators = [
  'OR',
  'XOR',
  'AND',
  '&&',
  '||',
  '=',
  '<=>',
  '<>',
  '<',
  '>=',
  '|',
  '&',
  '<<',
  '>>',
  '+',
  '-',
  '*',
  '/',
  '%',
  'DIV',
  'MOD',
  '^',
  'LIKE',
  'REGEXP',
  'IN',
  'BETWEEN',
  'IS',
  'NOT IN',
]
const prefixes = fc.constantFrom('', '', '', '', '-', '~', '! ', 'NOT ', '- -', 'BINARY ')
const operand = fc.tuple(prefixes, fc.nat(3)).map(([prefix, value]) => `${prefix}${value}`)
const expressions = fc
  .tuple(
    operand,
    fc.array(fc.tuple(fc.constantFrom(...operators), operand, operand), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([first, rest]) => {
    let text = first
    for (const [operator, second, third] of rest) {
      if (operator.endsWith('IN')) text += ` ${operator} (${second}, ${third})`
      else if (operator === 'BETWEEN') text += ` BETWEEN ${second} AND ${third}`
      else if (operator === 'IS') text += ' IS TRUE'
      else text += ` ${operator} ${second}`
    }
    return text
  })

for (const names of ['', 'PIPES_AS_CONCAT', 'HIGH_NOT_PRECEDENCE']) {
  test(`operators bind as they do on the server, with sql_mode '${names}'`, async () => {
    const mode = await setMode(names)
    let compared = 0
    await fc.assert(
      fc.asyncProperty(expressions, async (text) => {
        const sql = `SELECT ${text}`
        if (isRefused(sql, mode)) return
        let value: unknown
        try {
          value = await selectOne(sql)
        } catch {
          // Out of range, or an operator the server does not chain: nothing to compare.
          return
        }
        const tree = printTree(sql, selected(sql, mode))
        assert.deepEqual(await selectOne(`SELECT ${tree}`), value, `${text} is not ${tree}`)
        compared++
      }),
      { seed: 1, numRuns: 2500 },
    )
    assert.ok(compared > 500, `only ${compared} expressions were compared`)
  })
}
