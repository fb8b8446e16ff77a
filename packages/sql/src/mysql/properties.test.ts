import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import fc from 'fast-check'
import {
  defaultMysqlMode,
  parseMysql,
  walkMysql,
  type AstNode,
  type MysqlMode,
  type MysqlStatement,
} from './index.ts'
import { tokenizeWithinLimits } from './parse.ts'
import { mysqlCorpus } from './test-mysql-corpus.ts'
import { refusedStatements } from './test-mysql-refused.ts'

const texts = mysqlCorpus.map((entry) => entry.sql)

const modes = fc.record({
  ansiQuotes: fc.boolean(),
  noBackslashEscapes: fc.boolean(),
  pipesAsConcat: fc.boolean(),
  ignoreSpace: fc.boolean(),
  highNotPrecedence: fc.boolean(),
})

/** Pieces that quotes, comments and operators hinge on. */
const pieceTexts = [
  "'",
  '"',
  '`',
  '\\',
  '\\\\',
  '--',
  '-- ',
  '#',
  '/*',
  '*/',
  '/*!',
  '/*+',
  '(',
  ')',
  ',',
  ';',
  '?',
  '.',
  '@',
  '@@',
  ':=',
  '||',
  '&&',
  '!',
  '=',
  '<',
  '>',
  '->',
  '{',
  '}',
  '\0',
  '\n',
  ' ',
  "x'",
  "b'",
  "N'",
  "_utf8mb4'",
  '0x',
  '1e',
  '1.',
  '$$',
  'é',
  '\u{1F600}',
  '\uD800',
  '\\N',
  'NOT',
  'IN',
  'SELECT',
  'UNION',
  'INTERVAL',
  'VALUES',
  'ON',
  'AS',
  'FOR',
  'JOIN',
  'LIMIT',
]
const pieces = fc.constantFrom(...pieceTexts)

const mutated = fc
  .tuple(
    fc.constantFrom(...texts, ...refusedStatements),
    fc.constantFrom(...texts),
    fc.array(fc.tuple(fc.nat(400), fc.nat(6), pieces), { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([text, other, edits, isJoined]) => {
    let changed = isJoined ? text.slice(0, text.length / 2) + other.slice(other.length / 2) : text
    for (const [place, removed, piece] of edits) {
      const at = place % (changed.length + 1)
      changed = changed.slice(0, at) + piece + changed.slice(at + removed)
    }
    return changed
  })

/** The statements, or undefined when the text is refused with one of the package's own errors. */
function parseOrRefuse(text: string, mode: MysqlMode): readonly MysqlStatement[] | undefined {
  try {
    return parseMysql(text, mode)
  } catch (error) {
    assert.ok(isSetteeError(error), `${JSON.stringify(text)} failed with ${String(error)}`)
    assert.match(error.code, /^SETTEE_SQL_/)
    const { offset, line, column } = error.details as Record<string, number>
    assert.ok(offset! >= 0 && offset! <= text.length)
    const lineStart = text.slice(0, offset).lastIndexOf('\n') + 1
    assert.equal(column, offset! - lineStart + 1)
    assert.equal(line, text.slice(0, offset).split('\n').length)
    return undefined
  }
}

/** Every node lies in its parent and begins and ends with a token; siblings do not overlap. */
function assertRangesNest(text: string, mode: MysqlMode, statements: readonly AstNode[]): void {
  const tokens = tokenizeWithinLimits(text, mode, {})
  const starts = new Set(tokens.starts.subarray(0, tokens.count))
  const ends = new Set(tokens.ends.subarray(0, tokens.count))
  for (const statement of statements) {
    walkMysql(statement, (node) => {
      const part = JSON.stringify(text.slice(node.start, node.end))
      const what = `${node.kind ?? ''} ${part} of ${text}`
      assert.ok(Number.isInteger(node.start) && Number.isInteger(node.end), what)
      assert.ok(starts.has(node.start) && ends.has(node.end) && node.start < node.end, what)
      for (const child of childrenOf(node)) {
        assert.ok(child.start >= node.start && child.end <= node.end, `child of ${what}`)
      }
    })
  }
}

function childrenOf(node: AstNode): readonly AstNode[] {
  const children: AstNode[] = []
  walkMysql(node, (child) => {
    if (child === node) return true
    children.push(child)
    return false
  })
  return children
}

test('every node of every statement lies in its parent and on the edges of tokens', () => {
  for (const text of texts) {
    assertRangesNest(text, defaultMysqlMode, parseMysql(text, defaultMysqlMode))
  }
})

test('splicing every node with its own text gives the same text', () => {
  for (const text of texts) {
    const ranges: AstNode[] = []
    for (const statement of parseMysql(text, defaultMysqlMode)) {
      walkMysql(statement, (node) => {
        ranges.push(node)
      })
    }
    for (const { start, end } of ranges) {
      assert.equal(text.slice(0, start) + text.slice(start, end) + text.slice(end), text)
    }
    // Leaves side by side, with the gaps between them, make up the whole text.
    const leaves = ranges.filter((node) => childrenOf(node).length === 0)
    let spliced = ''
    let at = 0
    for (const { start, end } of leaves.toSorted((a, b) => a.start - b.start)) {
      assert.ok(start >= at, `${text} has leaves that overlap at ${start}`)
      spliced += text.slice(at, start) + text.slice(start, end)
      at = end
    }
    assert.equal(spliced + text.slice(at), text)
  }
})

test('what lies between tokens is space and comments only', () => {
  const gap = /^(?:\s|\/\*[^]*?\*\/|#[^\n]*(?:\n|$)|--(?=[\s\p{Cc}]|$)[^\n]*(?:\n|$))*$/u
  fc.assert(
    fc.property(mutated, modes, (text, mode) => {
      let tokens
      try {
        tokens = tokenizeWithinLimits(text, mode, {})
      } catch {
        return
      }
      let at = 0
      for (let index = 0; index < tokens.count; index++) {
        assert.match(text.slice(at, tokens.starts[index]), gap)
        at = tokens.ends[index]!
      }
      assert.equal(at, text.length)
    }),
    { seed: 1, numRuns: 3000 },
  )
})

test('a mutated statement is parsed with nested ranges or refused with a typed error', () => {
  let parsed = 0
  fc.assert(
    fc.property(mutated, modes, (text, mode) => {
      const statements = parseOrRefuse(text, mode)
      if (statements === undefined) return
      parsed++
      assertRangesNest(text, mode, statements)
      const numbers = statements.flatMap((it) => it.parameters.map((p) => p.index))
      assert.deepEqual(numbers, [...numbers.keys()], 'parameters are numbered through the text')
    }),
    { seed: 1, numRuns: 20_000 },
  )
  assert.ok(parsed > 2000, `only ${parsed} mutations were parsed`)
})

test('any text at all is parsed or refused with a typed error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), modes, (text, mode) => {
      parseOrRefuse(text, mode)
    }),
    { seed: 1, numRuns: 2000 },
  )
})
