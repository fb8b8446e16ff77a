import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { defaultMysqlMode, parseMysql, type Expression, type MysqlMode } from './index.ts'
import { tokenizeWithinLimits } from './parse.ts'
import { ansiNoEscapes, ansiQuotes, noEscapes, selectedExpression } from './test-modes.ts'
import { tokenKind } from './tokens.ts'

const kindNames = Object.keys(tokenKind)

function tokensOf(text: string, mode: MysqlMode = defaultMysqlMode): string[] {
  const tokens = tokenizeWithinLimits(text, mode, {})
  return Array.from({ length: tokens.count - 1 }, (_, at) => {
    const slice = text.slice(tokens.starts[at], tokens.ends[at])
    const kind = kindNames[tokens.kinds[at]!]!
    return kind === 'sign' ? slice : `${kind} ${slice}`
  })
}

describe('text is cut as the server cuts it', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['5--1', ['integer 5', '-', '-', 'integer 1']],
    ['5-- 1', ['integer 5']],
    ['5--\u00011', ['integer 5']],
    ['5--', ['integer 5']],
    ['5--\n1', ['integer 5', 'integer 1']],
    ['5#1\n2', ['integer 5', 'integer 2']],
    ['5#1\r2', ['integer 5']],
    ['1/*2*/3', ['integer 1', 'integer 3']],
    ['1/*/2*/3', ['integer 1', 'integer 3']],
    ['1/*/*2*/3', ['integer 1', 'integer 3']],
    ['1/2*3', ['integer 1', '/', 'integer 2', '*', 'integer 3']],
    ['1.5', ['decimal 1.5']],
    ['1.', ['decimal 1.']],
    ['.5', ['decimal .5']],
    ['1..5', ['decimal 1.', 'decimal .5']],
    ['1.5.5', ['decimal 1.5', 'decimal .5']],
    ['1e5', ['float 1e5']],
    ['1E+5', ['float 1E+5']],
    ['1.e-5', ['float 1.e-5']],
    ['1e5abc', ['float 1e5', 'word abc']],
    ['1e', ['word 1e']],
    ['1ea', ['word 1ea']],
    ['1e+', ['word 1e', '+']],
    ['1a', ['word 1a']],
    ['1$', ['word 1$']],
    ['1é', ['word 1é']],
    ['0x1F', ['hex 0x1F']],
    ['0X1F', ['word 0X1F']],
    ['0x', ['word 0x']],
    ['0x1g', ['word 0x1g']],
    ['0b01', ['bit 0b01']],
    ['0b2', ['word 0b2']],
    ["x'1f'", ["hexString x'1f'"]],
    ["B'01'", ["bitString B'01'"]],
    ["n'a'", ["nationalString n'a'"]],
    ["x 'a'", ['word x', "string 'a'"]],
    ["_utf8mb4'a'", ['introducer _utf8mb4', "string 'a'"]],
    ["_UTF8MB4'a'", ['introducer _UTF8MB4', "string 'a'"]],
    ["_nothing'a'", ['word _nothing', "string 'a'"]],
    ['a.b', ['word a', '.', 'word b']],
    ['a.select.from', ['word a', '.', 'word select', '.', 'word from']],
    ['select.a', ['word select', '.', 'word a']],
    ['select .a', ['reserved select', '.', 'word a']],
    ['a. select', ['word a', '.', 'reserved select']],
    ['a.5', ['word a', '.', 'word 5']],
    ['a.5e3.1', ['word a', '.', 'word 5e3', '.', 'word 1']],
    ['`a`.5', ['quotedIdentifier `a`', 'decimal .5']],
    ['`a`.b', ['quotedIdentifier `a`', '.', 'word b']],
    ['a .5', ['word a', 'decimal .5']],
    ['`a``b`', ['quotedIdentifier `a``b`']],
    ['@a', ['userVariable @a']],
    ['@a.b$c', ['userVariable @a.b$c']],
    ["@'a b'", ["userVariable @'a b'"]],
    ['@`a``b`', ['userVariable @`a``b`']],
    ['@@a.b', ['@@', 'word a', '.', 'word b']],
    ["'a'@'b'", ["string 'a'", "userVariable @'b'"]],
    ['a:=1', ['word a', ':=', 'integer 1']],
    ['a<=>b', ['word a', '<=>', 'word b']],
    ['a<>-b', ['word a', '<>', '-', 'word b']],
    ['a->b', ['word a', '->', 'word b']],
    ['a->>b', ['word a', '->>', 'word b']],
    ['a- >b', ['word a', '-', '>', 'word b']],
    ['a||b&&c|d&e', ['word a', '||', 'word b', '&&', 'word c', '|', 'word d', '&', 'word e']],
    ['\\N', ['nullEscape \\N']],
    ['a\u00a0b', ['word a\u00a0b']],
    ['a\u000bb', ['word a', 'word b']],
    ['?', ['parameter ?']],
  ]
  for (const [text, expected] of table) {
    test(JSON.stringify(text), () => assert.deepEqual(tokensOf(text), expected))
  }
})

describe('quotes and backslashes mean what the mode says', () => {
  const modes = [
    ['', defaultMysqlMode],
    ['ANSI_QUOTES', ansiQuotes],
    ['NO_BACKSLASH_ESCAPES', noEscapes],
    ['both', ansiNoEscapes],
  ] as const
  /** The value in each of the four modes: text is a string, [name] a column, null is refused. */
  const table: readonly (readonly [string, ...(string | readonly [string] | null)[]])[] = [
    [String.raw`'a\'b'`, "a'b", "a'b", null, null],
    [String.raw`'a\\'`, 'a\\', 'a\\', 'a\\\\', 'a\\\\'],
    [String.raw`'a\'`, null, null, 'a\\', 'a\\'],
    [
      String.raw`'a\n\t\0\Z\b\r\x\%\_'`,
      'a\n\t\0\u001a\b\rx\\%\\_',
      'a\n\t\0\u001a\b\rx\\%\\_',
      String.raw`a\n\t\0\Z\b\r\x\%\_`,
      String.raw`a\n\t\0\Z\b\r\x\%\_`,
    ],
    [`'it''s'`, "it's", "it's", "it's", "it's"],
    [`"a""b"`, 'a"b', ['a"b'], 'a"b', ['a"b']],
    [`"a\\"b"`, 'a"b', null, null, null],
    [`"a\\"`, null, ['a\\'], 'a\\', ['a\\']],
    [`'a' "b"`, 'ab', 'a', 'ab', 'a'],
    [`"a" 'b'`, 'ab', ['a'], 'ab', ['a']],
    [`'a\0b'`, 'a\0b', 'a\0b', 'a\0b', 'a\0b'],
    ['`a\\`', ['a\\'], ['a\\'], ['a\\'], ['a\\']],
  ]
  for (const [text, ...expected] of table) {
    for (const [at, [name, mode]] of modes.entries()) {
      test(`${text} with sql_mode '${name}'`, () => {
        const value = expected[at]!
        if (value === null) {
          assert.throws(
            () => parseMysql(`SELECT ${text}`, mode),
            (error) => isSetteeError(error, 'SETTEE_SQL_SYNTAX'),
          )
          return
        }
        const expression = selectedExpression(text, mode)
        assert.deepEqual(meaningOf(expression), value)
      })
    }
  }

  function meaningOf(expression: Expression): unknown {
    if (expression.kind === 'string') return expression.value
    return expression.kind === 'column' ? [expression.column.name] : expression.kind
  }
})

describe('what servers could read in another way is refused, with its place', () => {
  const table: readonly (readonly [string, string, number])[] = [
    ['SELECT 1 /*! + 1 */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 9],
    ['SELECT 1 /*!50000 + 1 */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 9],
    ['SELECT 1 /*M! + 1 */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 9],
    ['SELECT 1 /*m!100000 + 1 */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 9],
    ['DROP TABLE t /*! ; DELETE FROM u */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 13],
    ['/*!40101 SET NAMES utf8 */', 'SETTEE_SQL_EXECUTABLE_COMMENT', 0],
    ['SELECT !!1', 'SETTEE_SQL_AMBIGUOUS', 7],
    ['SELECT 1=!0', 'SETTEE_SQL_AMBIGUOUS', 8],
    ['SELECT 1 -- a\0\n', 'SETTEE_SQL_AMBIGUOUS', 13],
    ['SELECT 1 # a\0\n', 'SETTEE_SQL_AMBIGUOUS', 12],
    ['SELECT $a$ 1 $a$', 'SETTEE_SQL_AMBIGUOUS', 7],
    ['SELECT /*+ QB_NAME(`*/ `) */ 1', 'SETTEE_SQL_AMBIGUOUS', 7],
    ['SELECT \0', 'SETTEE_SQL_SYNTAX', 7],
    ['SELECT `a\0`', 'SETTEE_SQL_SYNTAX', 9],
    ['SELECT 1\n  /* open', 'SETTEE_SQL_SYNTAX', 11],
    ['SELECT \\a', 'SETTEE_SQL_SYNTAX', 7],
    ['SELECT 1.5e', 'SETTEE_SQL_SYNTAX', 10],
  ]
  for (const [text, code, offset] of table) {
    test(JSON.stringify(text), () => {
      assert.throws(
        () => parseMysql(text, defaultMysqlMode),
        (error) => isSetteeError(error, code) && error.details.offset === offset,
      )
    })
  }
})

test('numbers keep their digits', () => {
  for (const text of [
    '9007199254740993',
    '1.10',
    '0001',
    '12345678901234567890.1234567890',
    '1e400',
  ]) {
    const expression = selectedExpression(text)
    assert.equal(expression.kind, 'number')
    assert.equal(expression.text, text)
  }
})
