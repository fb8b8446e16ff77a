import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { loadPostgresGrammar } from '@settee/sql/postgres'
import { analyzeSql } from './analyze-sql.ts'
import type { Plan } from './plan.ts'
import type { Analysis } from './write-target.ts'

const mark = /\(CASE WHEN pg_catalog\.current_setting.*? AS "settee:image"/g

let older: Analysis
let newer: Analysis

/** The plan with the mark shortened, for reading. */
function planOf(analysis: Analysis, sql: string): Plan {
  const plan = analyzeSql(analysis, sql)
  const short = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replaceAll(mark, 'MARK').replaceAll(/\s+/g, ' ') : value
  return JSON.parse(JSON.stringify(plan, short)) as Plan
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
      pin: {
        imageText: 'SELECT MARK, "t".*, "t".ctid FROM t WHERE b = $1 OR c = $2 OR b = $1',
        imageParameters: [3, 2],
        parameter: 4,
        lock: 'FOR NO KEY UPDATE OF "t"',
      },
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
      pin: {
        imageText: `SELECT MARK, "x".*, "x".ctid FROM ONLY "a b"."T" AS "x"`,
        imageParameters: [],
        parameter: 1,
        lock: 'FOR NO KEY UPDATE OF "x"',
      },
      text:
        `UPDATE ONLY "a b"."T" AS "x" SET a = '$9 WHERE', (b, c) = (1, 2) ` +
        'WHERE "x".ctid = ANY ($1::pg_catalog.tid[]) RETURNING "x".a, MARK, "x".*',
    },
  ],
  [
    'SELECT a IS DISTINCT FROM b, extract(year FROM c) FROM ONLY t x JOIN u ON true ' +
      'FOR UPDATE OF x',
    {
      relations: [{ name: 't' }],
      text:
        'SELECT a IS DISTINCT FROM b, extract(year FROM c) , MARK, "x".* ' +
        'FROM ONLY t x JOIN u ON true FOR UPDATE OF x',
    },
  ],
]

/** From PostgreSQL 18 on. */
const newerCases: typeof cases = [
  [
    'UPDATE t SET a = b WHERE random() < 1 RETURNING a',
    { text: 'UPDATE t SET a = b WHERE random() < 1 RETURNING a, MARK, "old".*, "new".*' },
  ],
  [
    'UPDATE t SET a = old.b FROM old RETURNING old.b',
    {
      text:
        'UPDATE t SET a = old.b FROM old RETURNING WITH (OLD AS "settee:old", ' +
        'NEW AS "settee:new") old.b, MARK, "settee:old".*, "settee:new".*',
    },
  ],
  [
    'UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.b, new.b',
    {
      text: 'UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.b, new.b, MARK, "o".*, "new".*',
    },
  ],
  [
    'INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, b = t.b + 1',
    {
      verb: 'UPSERT',
      columns: ['a', 'b'],
      proposed: ['a'],
      text:
        'INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, b = t.b + 1 ' +
        'RETURNING MARK, "old".*, "new".*',
    },
  ],
]

const olderCases: typeof cases = [
  [
    'UPDATE t x SET a = u.b IS DISTINCT FROM c FROM u JOIN v ON true WHERE u.id = $2 AND x.a = $1',
    {
      text:
        'UPDATE t x SET a = u.b IS DISTINCT FROM c FROM u JOIN v ON true WHERE ' +
        '(u.id = $2 AND x.a = $1 ) AND "x".ctid = ANY ($3::pg_catalog.tid[]) RETURNING MARK, "x".*',
      pin: {
        imageText:
          'SELECT MARK, "x".*, "x".ctid FROM t x WHERE EXISTS ' +
          '(SELECT FROM u JOIN v ON true WHERE u.id = $1 AND x.a = $2 )',
        imageParameters: [2, 1],
        parameter: 3,
        lock: 'FOR NO KEY UPDATE OF "x"',
      },
    },
  ],
  [
    'INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET b = 1 RETURNING *',
    {
      image: 'touched',
      text:
        'INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET b = 1 ' +
        'RETURNING *, MARK, ("t".xmax <> 0), "t".*',
    },
  ],
]

describe('splicing of statements', () => {
  before(async () => {
    const grammar = await loadPostgresGrammar()
    older = { grammar, features: { hasReturningOld: false } }
    newer = { grammar, features: { hasReturningOld: true } }
  })

  function check(analysis: Analysis, [sql, expected]: (typeof cases)[number]): void {
    const plan = planOf(analysis, sql)
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(plan[key as keyof Plan], value)
    }
  }

  for (const one of [...cases, ...olderCases]) test(one[0], () => check(older, one))
  for (const one of newerCases) test(`${one[0]}, PostgreSQL 18`, () => check(newer, one))

  test('statements of one string are parted where they end', () => {
    const plan = planOf(newer, "SELECT ';' ;; -- ;\n DELETE FROM t; BEGIN;")
    assert.ok(plan.kind === 'MANY')
    assert.deepEqual(
      plan.statements.map(({ text }) => text),
      ["SELECT ';'", 'DELETE FROM t', 'BEGIN'],
    )
  })

  test('what keywords in odd places would spoil is refused, never mistaken', () => {
    for (const sql of [
      'UPDATE t AS set SET a = 1 WHERE b = 2',
      'WITH update AS (SELECT 1) UPDATE t SET a = 1 WHERE b = 2',
      'SELECT FROM t FOR UPDATE',
    ]) {
      assert.throws(() => planOf(older, sql), /was refused inside a global transaction/)
    }
  })
})
