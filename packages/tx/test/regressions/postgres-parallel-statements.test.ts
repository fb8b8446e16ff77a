/** Statements of one transaction run in parallel, as Promise.all does, and the first fails. */
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

const untouched = [{ row: '(1,100)' }, { row: '(2,100)' }, { row: '(3,100)' }]

function takeMoney(id: number): string {
  return `UPDATE account SET money = money - 10 WHERE id = ${id}`
}

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('no statement runs after the rollback of its transaction', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain, pool } = fixture
  const duplicate = 'INSERT INTO audit VALUES (1)'
  const statements = [duplicate, takeMoney(2), takeMoney(3)]
  // With their analysis known, the statements reach the server before the rollback does.
  for (const statement of statements) {
    const warmUp = coordinator.begin()
    await coordinator.within(warmUp, () => pool.query(statement)).catch(() => {})
    await coordinator.rollback(warmUp)
  }
  assert.deepEqual(await fixture.dump('account'), untouched)
  await plain.query('TRUNCATE undo_log')
  const xid = coordinator.begin()
  const running = coordinator.within(xid, () =>
    pool.transaction(async (client) => {
      await Promise.all(statements.map((statement) => client.query(statement)))
    }),
  )
  await assert.rejects(running, /duplicate key/)
  const afterFailure = await fixture.dump('account')
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.dump('account'), untouched, 'nothing changed without an undo log')
  assert.deepEqual(afterFailure, untouched, 'nothing changed behind the rollback')
})

test('statements that were sent before the work failed do not run', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const failure = new Error('changed my mind')
  const late: Promise<unknown>[] = []
  for (const run of [() => buy(), async () => (await coordinator.run(buy)).result]) {
    await assert.rejects(run, failure)
  }
  const outcomes = await Promise.allSettled(late)
  assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  assert.deepEqual(await fixture.dump('account'), untouched)

  function buy(): Promise<unknown> {
    return pool.transaction(async (client) => {
      await client.query(takeMoney(1))
      setImmediate(() => {
        const statement = client.query(takeMoney(2))
        statement.catch(() => {})
        late.push(statement)
      })
      late.push(client.query(takeMoney(3)).finally(() => client.query(takeMoney(3))))
      late.at(-1)!.catch(() => {})
      throw failure
    })
  }
})

test('a statement that comes after the end of its transaction is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  for (const run of [(work: () => Promise<void>) => work(), coordinator.run.bind(coordinator)]) {
    await run(async () => {
      const client = await pool.transaction((one) => Promise.resolve(one))
      await assert.rejects(client.query(takeMoney(1)), hasCode('SETTEE_TX_BAD_QUERY'))
    })
  }
  assert.deepEqual(await fixture.dump('account'), untouched)
})

test('a statement that comes behind the COMMIT of its transaction is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const late: Promise<unknown>[] = []
  const isRefused = hasCode('SETTEE_TX_BAD_QUERY')
  await coordinator.run(() =>
    pool.transaction(async (client) => {
      await client.query(takeMoney(1))
      coordinator.beforeRegister = () => {
        late.push(assert.rejects(client.query(takeMoney(2)), isRefused))
      }
      // The work ends and COMMIT waits for this one.
      void client.query('SELECT pg_sleep(0.05)')
      setImmediate(() => late.push(assert.rejects(client.query(takeMoney(3)), isRefused)))
    }),
  )
  assert.equal(late.length, 2)
  await Promise.all(late)
  assert.deepEqual(await fixture.dump('account'), [{ row: '(1,90)' }, ...untouched.slice(1)])
})
