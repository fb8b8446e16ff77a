/** A swallowed error has undone the whole transaction: PostgreSQL answers COMMIT with ROLLBACK. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture, hasCode } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE account (id int PRIMARY KEY, money int);
INSERT INTO account VALUES (1, 100), (2, 100), (3, 100);
CREATE TABLE audit (id int PRIMARY KEY);
INSERT INTO audit VALUES (1);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a transaction whose work was undone is not reported as done', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const buy = (): Promise<unknown> =>
    pool.transaction(async (client) => {
      await client.query('UPDATE account SET money = 0 WHERE id = 1')
      await client.query('INSERT INTO audit VALUES (1)').catch(() => {})
    })
  const outcomes = await Promise.allSettled([buy(), coordinator.run(buy)])
  assert.deepEqual((await fixture.dump('account'))[0], { row: '(1,100)' })
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('the error that was swallowed is the one that is told', async () => {
  const { coordinator, pool } = await createFixture(server, schema)
  const running = coordinator.run(() =>
    pool.transaction((client) => client.query('INSERT INTO audit VALUES (1)').catch(() => {})),
  )
  await assert.rejects(running, hasCode('23505'))
})

test('a transaction that a savepoint brought back is done', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const { xid } = await coordinator.run(() =>
    pool.transaction(async (client) => {
      await client.query('UPDATE account SET money = 0 WHERE id = 1')
      await client.query('SAVEPOINT a')
      await client.query('INSERT INTO audit VALUES (1)').catch(() => {})
      await client.query('ROLLBACK TO a')
    }),
  )
  assert.deepEqual((await fixture.dump('account'))[0], { row: '(1,0)' })
  await coordinator.rollback(xid)
  assert.deepEqual((await fixture.dump('account'))[0], { row: '(1,100)' })
})
