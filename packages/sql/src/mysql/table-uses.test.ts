import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defaultMysqlMode, functionCallsIn, parseMysql, queriesIn, tablesOf } from './index.ts'

/** Each statement and its tables in order, the written ones with an exclamation mark. */
const table: readonly (readonly [string, string])[] = [
  ['SELECT 1', ''],
  ['SELECT * FROM a, db.b JOIN c ON 1', 'a db.b c'],
  [
    'SELECT (SELECT 1 FROM a) FROM b WHERE x IN (SELECT y FROM c) ORDER BY (SELECT 1 FROM d)',
    'a b c d',
  ],
  ['SELECT * FROM (SELECT * FROM a) x', 'a'],
  ['WITH x AS (SELECT * FROM a) SELECT * FROM x, X, db.x', 'a db.x'],
  ['WITH x AS (SELECT * FROM x) SELECT * FROM x', 'x'],
  ['WITH RECURSIVE x AS (SELECT 1 UNION SELECT * FROM x) SELECT * FROM x', ''],
  ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x', 'x'],
  ['TABLE a UNION SELECT * FROM b', 'a b'],
  ['INSERT INTO a SELECT * FROM a, b', 'a! a b'],
  ['REPLACE INTO db.a VALUES ((SELECT 1 FROM b))', 'db.a! b'],
  ['UPDATE a SET x = (SELECT 1 FROM b)', 'a! b'],
  ['UPDATE a JOIN b ON 1 SET a.x = 1', 'a! b'],
  ['UPDATE a AS x, b AS y SET y.c = 1', 'a b!'],
  ['UPDATE a, b SET c = 1', 'a! b!'],
  ['UPDATE a, b SET B.c = 1', 'a b!'],
  ['UPDATE a JOIN (SELECT * FROM b) d SET a.x = d.x', 'a! b'],
  ['UPDATE a JOIN (b, c) SET c.x = 1', 'a b c!'],
  ['WITH x AS (SELECT * FROM b) UPDATE a JOIN x SET a.c = x.c', 'b a!'],
  ['DELETE FROM a WHERE x IN (SELECT 1 FROM b)', 'a! b'],
  ['DELETE x FROM a AS x JOIN b ON 1', 'a! b'],
  ['DELETE FROM db.b USING a JOIN db.b', 'a db.b!'],
  ['SELECT NEXT VALUE FOR s FROM a', 's! a'],
  ['DROP TABLE a, b', 'a! b!'],
  ['RENAME TABLE a TO b', 'a! b!'],
  ['CREATE INDEX i ON a (x)', 'a!'],
  ['LOCK TABLES a READ, b AS c WRITE', 'a! b!'],
  ['COMMIT', ''],
]

describe('tables are named once for each use, and written where they may be', () => {
  for (const [text, expected] of table) {
    test(text, () => {
      const uses = tablesOf(parseMysql(text, defaultMysqlMode)[0]!)
      const names = uses.map(({ table: { schema, name }, access }) => {
        const full = schema === undefined ? name.name : `${schema.name}.${name.name}`
        return access === 'write' ? `${full}!` : full
      })
      assert.equal(names.join(' '), expected)
    })
  }
})

test('calls and queries are found wherever they stand', () => {
  const text = `UPDATE a SET b = UUID(), c = (SELECT MAX(d) OVER (ORDER BY RAND()) FROM e LIMIT 1)
    WHERE f > NOW() - INTERVAL HOUR(g) DAY ORDER BY CURRENT_DATE`
  const statement = parseMysql(text, defaultMysqlMode)[0]!
  assert.deepEqual(
    functionCallsIn(statement).map((it) => it.name),
    ['uuid', 'max', 'rand', 'now', 'hour', 'current_date'],
  )
  assert.equal(queriesIn(statement).length, 1)
})
