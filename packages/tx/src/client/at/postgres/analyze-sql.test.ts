import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { loadModule, parseSync, scanSync } from 'libpg-query'
import { analyzeSql, type Plan } from './analyze-sql.ts'
import { readTokens } from './sql-text.ts'

const mark = /\((CASE WHEN pg_catalog|\(SELECT pg_catalog\.concat).*? AS "settee:image"/g

/** The plan with the mark shortened, for reading. */
function planOf(sql: string): Plan {
  const plan = analyzeSql(
    parseSync,
    readTokens((text) => scanSync(text).tokens, sql),
  )
  const short = (value: unknown): unknown =>
    typeof value === 'string' ? value.replaceAll(mark, 'MARK').replaceAll(/\s+/g, ' ') : value
  return Object.fromEntries(Object.entries(plan).map(([key, value]) => [key, short(value)])) as Plan
}

const cases: [sql: string, plan: Partial<Record<string, unknown>>][] = [
  [
    "INSERT INTO a.t VALUES ('é😀') ;",
    { text: `INSERT INTO a.t VALUES ('é😀') RETURNING MARK, "t".*` },
  ],
  [
    'INSERT INTO t AS x VALUES (1) RETURNING *',
    { text: `INSERT INTO t AS x VALUES (1) RETURNING *, MARK, "x".*` },
  ],
  ['DELETE FROM t -- all;', { text: 'DELETE FROM t RETURNING MARK, "t".*' }],
  [
    'UPDATE t SET a = $1 WHERE b = $3 OR c = $2 OR b = $3',
    {
      columns: ['a'],
      imageText: 'SELECT MARK, "t".*, "t".ctid FROM t WHERE b = $1 OR c = $2 OR b = $1',
      imageParameters: [3, 2],
      pinParameter: 4,
      text:
        'UPDATE t SET a = $1 WHERE (b = $3 OR c = $2 OR b = $3 ) ' +
        'AND "t".ctid = ANY ($4::pg_catalog.tid[]) RETURNING MARK, "t".*',
    },
  ],
  [
    `UPDATE ONLY "a b"."T" AS "x" SET a = '$9 WHERE', (b, c) = (1, 2) RETURNING "x".a`,
    {
      relation: { schema: 'a b', name: 'T' },
      columns: ['a', 'b', 'c'],
      imageText: `SELECT MARK, "x".*, "x".ctid FROM ONLY "a b"."T" AS "x"`,
      text:
        `UPDATE ONLY "a b"."T" AS "x" SET a = '$9 WHERE', (b, c) = (1, 2) ` +
        'WHERE "x".ctid = ANY ($1::pg_catalog.tid[]) RETURNING "x".a, MARK, "x".*',
    },
  ],
  [
    'SELECT a IS DISTINCT FROM b, extract(year FROM c) FROM ONLY t x JOIN u ON true ' +
      'FOR UPDATE OF x',
    {
      relation: { schema: undefined, name: 't' },
      text:
        'SELECT a IS DISTINCT FROM b, extract(year FROM c) , MARK, "x".* ' +
        'FROM ONLY t x JOIN u ON true FOR UPDATE OF x',
    },
  ],
]

describe('splicing of statements', () => {
  before(() => loadModule())

  for (const [sql, expected] of cases) {
    test(sql, () => {
      const plan = planOf(sql)
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(plan[key as keyof Plan], value)
      }
    })
  }

  test('what keywords in odd places would spoil is refused, never mistaken', () => {
    for (const sql of [
      'UPDATE t AS set SET a = 1 WHERE b = 2',
      'WITH update AS (SELECT 1) UPDATE t SET a = 1 WHERE b = 2',
      'SELECT FROM t FOR UPDATE',
    ]) {
      assert.throws(() => planOf(sql), /was refused inside a global transaction/)
    }
  })
})
