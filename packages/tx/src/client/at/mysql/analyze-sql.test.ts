/** Plans without a server: the texts that are spliced, and the parameters that go with them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultMysqlMode } from '@settee/sql/mysql'
import { isRefused } from '../postgres/test-fixture.ts'
import { analyzeMysql } from './analyze-sql.ts'
import type { InsertPlan, LockPlan, UpdatePlan } from './plan.ts'
import { bindOwn, bindText, join } from './sql-fragment.ts'

function planOf(sql: string) {
  const plans = analyzeMysql(sql, defaultMysqlMode)
  assert.equal(plans.length, 1)
  return plans[0]!
}

test('the image of an UPDATE has its condition, order and limit with their parameters', () => {
  const plan = planOf(
    "UPDATE /* x */ db.t AS a SET a = ?, b = '?' WHERE c = ? ORDER BY d LIMIT ? -- end",
  ) as UpdatePlan
  const values = ['new', 5, '10']
  assert.deepEqual(bindOwn(join(plan.rows.from, plan.rows.tail), values), {
    sql: 'db.t AS a WHERE c = ? ORDER BY d LIMIT ?',
    values: [5, 10n],
  })
  assert.deepEqual(bindText(join(plan.head, 'WHERE TRUE', plan.order), values), {
    sql: "UPDATE /* x */ db.t AS a SET a = ?, b = '?' WHERE TRUE ORDER BY d",
    values: ['new'],
  })
})

test('subqueries of a condition lock what they read', () => {
  const plan = planOf('DELETE FROM t WHERE a IN (SELECT b FROM u WHERE c = ?) AND d') as UpdatePlan
  assert.equal(
    bindOwn(plan.rows.tail, [1]).sql,
    'WHERE a IN (SELECT b FROM u WHERE c = ? LOCK IN SHARE MODE) AND d',
  )
})

test('values of an INSERT are replaced where they stand', () => {
  const plan = planOf('INSERT INTO t (id, a) VALUES (UUID(), ?), (?, UUID())') as InsertPlan
  assert.ok(plan.source.kind === 'rows')
  const text = plan.rewrite(new Map([[plan.source.rows[0]![0]!, ['@key']]]))
  assert.deepEqual(bindText(text, [1, 2]), {
    sql: 'INSERT INTO t (id, a) VALUES (@key, ?), (?, UUID())',
    values: [1, 2],
  })
})

test('a SELECT FOR UPDATE is looked at again with the keys behind its columns', () => {
  const plan = planOf('SELECT a + ? AS x FROM t JOIN u USING (i) ORDER BY x FOR UPDATE') as LockPlan
  assert.deepEqual(
    plan.tables.map(({ alias }) => alias),
    ['t', 'u'],
  )
  assert.equal(
    bindOwn(plan.rewrite('`t`.`id`'), [1]).sql.replaceAll(/ +/g, ' ').trim(),
    'SELECT a + ? AS x, `t`.`id` FROM t JOIN u USING (i) ORDER BY x FOR UPDATE',
  )
})

test('groups lock all of their rows', () => {
  const plan = planOf('SELECT COUNT(*) FROM t WHERE a = 1 LIMIT 1 FOR UPDATE') as LockPlan
  assert.equal(
    bindOwn(plan.rewrite('`t`.`id`'), []).sql.replaceAll(/ +/g, ' ').trim(),
    'SELECT `t`.`id` FROM t WHERE a = 1 FOR UPDATE',
  )
})

test('what only reads passes, and what is not known is refused', () => {
  for (const sql of [
    'SELECT 1',
    'SHOW TABLES',
    'USE x',
    'SET @a = 1',
    'SELECT 1 LOCK IN SHARE MODE',
  ]) {
    assert.equal(planOf(sql).kind, 'PASS', sql)
  }
  for (const sql of ['HANDLER t OPEN', 'DO f()', 'ANALYZE TABLE t', 'FLUSH TABLES', 'KILL 5']) {
    assert.throws(() => planOf(sql), isRefused(/was refused inside a global transaction/), sql)
  }
})
