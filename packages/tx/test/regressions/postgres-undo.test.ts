/** A statement that ran in a global transaction can be undone; what cannot be is refused before. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createFixture, isRefused, type Fixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

const schema = `
CREATE TABLE computed (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);
CREATE TABLE numbered (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE seats (id int PRIMARY KEY, place int UNIQUE DEFERRABLE);
CREATE TABLE spans (span tstzrange PRIMARY KEY, v int);
CREATE TABLE amounts (amount numeric PRIMARY KEY);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE SCHEMA tenant;
CREATE TABLE tenant.undo_log (LIKE public.undo_log INCLUDING ALL);
CREATE TABLE tenant.account (id int PRIMARY KEY, money int);
`

describe('AT mode of PostgreSQL', () => {
  let server: TestPostgres
  let fixture: Fixture
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())
  beforeEach(() => fixture.coordinator.clear())

  /** Fills `table`, changes it in a global transaction, rolls back; the rows must be the same. */
  async function checkUndone(table: string, filling: string, change: string): Promise<void> {
    const { coordinator, dump, plain, pool } = fixture
    await plain.query(`INSERT INTO ${table} ${filling}`)
    const rows = await dump(table)
    const { xid } = await coordinator.run(() => pool.query(change))
    assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
    assert.deepEqual(await dump(table), rows)
  }

  test('refuses to change a primary key through the column that it is computed from', async () => {
    const { coordinator, plain, pool } = fixture
    await plain.query('INSERT INTO computed (a) VALUES (1), (2)')
    const running = coordinator.run(() => pool.query('UPDATE computed SET a = a + 10'))
    await assert.rejects(running, isRefused(/primary key/))
  })

  test('restores an identity column that was set to its default', () =>
    checkUndone('numbered', '(id) VALUES (1)', 'UPDATE numbered SET n = DEFAULT'))

  test('restores unique values that two rows have swapped in one statement', () =>
    checkUndone('seats', 'VALUES (1, 1), (2, 2)', 'UPDATE seats SET place = 3 - place'))

  test('finds rows again whose key the session prints in its own time zone', async () => {
    const { coordinator, dump, plain, pool } = fixture
    await plain.query("INSERT INTO spans VALUES ('[2024-01-01 00:00+00,2024-01-02 00:00+00)', 1)")
    const rows = await dump('spans')
    const client = await pool.connect()
    await client.query("SET TimeZone = 'Asia/Shanghai'")
    const { xid } = await coordinator.run(() => client.query('UPDATE spans SET v = 2'))
    client.release(true)
    assert.deepEqual(await coordinator.rollback(xid), [BranchStatus.PhaseTwo_Rollbacked])
    assert.deepEqual(await dump('spans'), rows)
  })

  test('gives equal keys one lock, however they are written', async () => {
    const { coordinator, plain, pool } = fixture
    await plain.query('INSERT INTO amounts VALUES (1.0)')
    await coordinator.run(() => pool.query('DELETE FROM amounts'))
    await coordinator.run(() => pool.query('INSERT INTO amounts VALUES (1)').catch(() => {}))
    const keys = new Set(coordinator.registrations.slice(-2).map(({ lockKeys }) => lockKeys))
    assert.equal(keys.size, 1, [...keys].join(' and '))
  })

  test('says that a row is dirty when others refer to it by now', async () => {
    const { coordinator, dirty, pool } = fixture
    const { xid } = await coordinator.run(() => pool.query('INSERT INTO parent VALUES (1)'))
    const other = await coordinator.run(() => pool.query('INSERT INTO child VALUES (1, 1)'))
    await coordinator.commit(other.xid)
    assert.deepEqual(await coordinator.rollback(xid), [
      BranchStatus.PhaseTwo_RollbackFailed_Unretryable,
    ])
    assert.equal(dirty.at(-1)?.error.code, 'SETTEE_TX_DIRTY_DATA')
  })

  test('finds the undo log of a transaction that had another search_path', async () => {
    const { coordinator, dump, plain, pool } = fixture
    await plain.query('INSERT INTO tenant.account VALUES (1, 100)')
    const { xid } = await coordinator.run(() =>
      pool.transaction(async (client) => {
        await client.query('SET LOCAL search_path = tenant, public')
        await client.query('UPDATE account SET money = 0')
      }),
    )
    await coordinator.rollback(xid)
    assert.deepEqual(await dump('tenant.account'), [{ row: '(1,100)' }])
  })
})
