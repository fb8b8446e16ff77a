/** `pool.transaction` on PostgreSQL is all or nothing, and says which, whatever the work does. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture, type Fixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE account (id int PRIMARY KEY, money int NOT NULL);
CREATE TABLE audit (id int PRIMARY KEY);
INSERT INTO audit VALUES (1);
`
const duplicate = 'INSERT INTO audit VALUES (1)'
const untouched = [{ row: '(1,100)' }, { row: '(2,100)' }, { row: '(3,100)' }]

function takeMoney(id: number): string {
  return `UPDATE account SET money = money - 10 WHERE id = ${id}`
}

describe('pool.transaction', () => {
  let server: TestPostgres
  let fixture: Fixture
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())
  beforeEach(async () => {
    fixture.coordinator.clear()
    await fixture.plain.query(
      'TRUNCATE account, undo_log; INSERT INTO account VALUES (1, 100), (2, 100), (3, 100)',
    )
  })

  test('does not resolve in a global transaction when a swallowed error undid its work', async () => {
    const { coordinator, pool, dump } = fixture
    const outcome = await coordinator
      .run(() =>
        pool.transaction(async (client) => {
          await client.query(takeMoney(1))
          await client.query(duplicate).catch(() => {})
        }),
      )
      .then(
        () => 'resolved',
        () => 'rejected',
      )
    assert.deepEqual(await dump('account'), untouched)
    assert.equal(outcome, 'rejected')
  })

  test('does not resolve outside of one when a swallowed error undid its work', async () => {
    const outcome = await fixture.pool
      .transaction(async (client) => {
        await client.query(takeMoney(1))
        await client.query(duplicate).catch(() => {})
      })
      .then(
        () => 'resolved',
        () => 'rejected',
      )
    assert.equal(outcome, 'rejected')
  })

  test('runs none of its parallel statements after its rollback', async () => {
    const { coordinator, pool, dump } = fixture
    // With their analysis known, the statements reach the server before the rollback does.
    for (const statement of [duplicate, takeMoney(2), takeMoney(3)]) {
      const warmUp = coordinator.begin()
      await coordinator.within(warmUp, () => pool.query(statement)).catch(() => {})
      await coordinator.rollback(warmUp)
    }
    const xid = coordinator.begin()
    const running = coordinator.within(xid, () =>
      pool.transaction(async (client) => {
        await Promise.all([
          client.query(duplicate),
          client.query(takeMoney(2)),
          client.query(takeMoney(3)),
        ])
      }),
    )
    await assert.rejects(running, /duplicate key/)
    assert.deepEqual(await dump('account'), untouched, 'what was rolled back stays so')
    await coordinator.rollback(xid)
    assert.deepEqual(await dump('account'), untouched, 'nothing was changed without an undo log')
  })

  test('leaves no open transaction behind on a driver that cannot tell its status', async () => {
    const old = server.openPool('at_1', { max: 1 })
    old.on('connect', (client) => {
      Object.defineProperty(client, 'getTransactionStatus', { value: undefined })
    })
    const port = fixture.coordinator
    const { pool } = createPostgresResource({ pool: old, port, resourceId: 'old' })
    const failure = new Error('changed my mind')
    const running = pool.transaction(async (client) => {
      await client.query(takeMoney(1))
      throw failure
    })
    await assert.rejects(running, failure)
    await pool.query(takeMoney(3))
    assert.deepEqual(await fixture.dump('account'), [
      { row: '(1,100)' },
      { row: '(2,100)' },
      { row: '(3,90)' },
    ])
  })
})
