import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { createPostgresResource } from './postgres-resource.ts'
import { createFixture, hasCode, until, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = 'CREATE TABLE account (id int PRIMARY KEY, money int NOT NULL, code text)'
const rows = "INSERT INTO account SELECT i, 100, 'c' || i FROM generate_series(1, 4) i"

let server: TestPostgres
let fixture: Fixture

async function moneyOf(id: number): Promise<unknown> {
  const { rows: found } = await fixture.plain.query('SELECT money FROM account WHERE id = $1', [id])
  return (found as { money: number }[])[0]?.money
}

describe('global locks in PostgreSQL', () => {
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema, { lockWaitMs: 300, lockWaitWithRowLocksMs: 20 })
  })
  after(() => server.stop())
  beforeEach(async () => {
    fixture.coordinator.clear()
    await fixture.plain.query(`TRUNCATE account, undo_log; ${rows}`)
  })

  const add = (id: number) => `UPDATE account SET money = money + 1 WHERE id = ${id}`

  test('a statement waits without row locks until the other transaction has ended', async () => {
    const { coordinator, pool, plain } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const waiting = coordinator.run(() => pool.query(add(1)))
    await until(() => coordinator.waitingCount === 1)
    assert.equal(plain.idleCount, plain.totalCount)
    await coordinator.rollback(holder.xid)
    const { xid } = await waiting
    // The image was taken again: it shows the row after the rollback of the first transaction.
    assert.equal(await moneyOf(1), 101)
    assert.equal(coordinator.branchesOf(xid).length, 1)
    await coordinator.rollback(xid)
    assert.equal(await moneyOf(1), 100)
  })

  test('a statement gives up after lockWaitMs', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const second = coordinator.begin()
    const late = coordinator.within(second, () => pool.query(add(1)))
    await assert.rejects(late, hasCode('SETTEE_TX_LOCK_CONFLICT'))
    assert.deepEqual(coordinator.branchesOf(second), [])
    assert.equal(await moneyOf(1), 101)
    await coordinator.rollback(holder.xid)
  })

  test('a COMMIT waits a little only, because it holds row locks', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const client = await pool.connect()
    await coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query(add(1))
      await assert.rejects(client.query('COMMIT'), hasCode('SETTEE_TX_LOCK_CONFLICT'))
      // The local transaction is over, so that the holder can roll back.
      assert.equal((await client.query('SELECT 1')).rowCount, 1)
    })
    client.release()
    assert.deepEqual(await coordinator.rollback(holder.xid), [8])
    assert.equal(await moneyOf(1), 100)
  })

  test('a holder of row locks gives way at once to a rollback that needs them', async () => {
    const { coordinator, plain } = fixture
    const { pool } = createPostgresResource({
      pool: plain,
      port: coordinator,
      lockWaitWithRowLocksMs: 60_000,
    })
    const holder = await coordinator.run(() => pool.query(add(1)))
    const client = await pool.connect()
    await coordinator.run(async () => {
      await client.query('BEGIN')
      await client.query(add(1))
      const rollback = coordinator.rollback(holder.xid)
      await assert.rejects(client.query('COMMIT'), hasCode('SETTEE_TX_LOCK_CONFLICT'))
      assert.deepEqual(await rollback, [8])
    })
    client.release()
    assert.equal(await moneyOf(1), 100)
  })

  test('the coordinator is told how long to wait and whether row locks are held', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const asked: [boolean, boolean][] = []
    coordinator.beforeRegister = ({ lockWaitMs, holdsRowLocks }) => {
      asked.push([lockWaitMs > 0, holdsRowLocks])
    }
    const waiting = coordinator.run(() => pool.query(add(1)))
    await until(() => coordinator.waitingCount === 1)
    await coordinator.commit(holder.xid)
    await waiting
    coordinator.beforeRegister = () => {}
    // At once with row locks, then for a while without, and again when the second run is done.
    assert.deepEqual(asked, [
      [false, true],
      [true, false],
      [false, true],
    ])
  })

  test('transaction() runs again as a whole, under the lock it waited for', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    let runs = 0
    const waiting = coordinator.run(() =>
      pool.transaction(async (client) => {
        runs++
        const { rows: found } = await client.query('SELECT money FROM account WHERE id = 1')
        await client.query('UPDATE account SET money = $1 WHERE id = 1', [found[0].money * 2])
        await client.query(add(2))
        return runs
      }),
    )
    await until(() => coordinator.waitingCount === 1)
    await coordinator.rollback(holder.xid)
    const { xid, result } = await waiting
    assert.equal(result, 2)
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [200, 101])
    assert.equal(coordinator.branchesOf(xid).length, 1)
    await coordinator.rollback(xid)
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [100, 100])
  })

  test('a branch that waited for other rows than it changed is reported as failed', async () => {
    const { coordinator, pool, plain } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const text = "UPDATE account SET money = money + 1 WHERE code = 'c1'"
    const waiting = coordinator.run(() => pool.query(text))
    await until(() => coordinator.waitingCount === 1)
    await plain.query(
      "UPDATE account SET code = CASE id WHEN 1 THEN 'c2' ELSE 'c1' END WHERE id < 3",
    )
    await coordinator.commit(holder.xid)
    const { xid } = await waiting
    assert.equal(coordinator.reports.at(-1)!.status, BranchStatus.PhaseOne_Failed)
    assert.equal(coordinator.branchesOf(xid).length, 1)
    await coordinator.rollback(xid)
    assert.deepEqual([await moneyOf(1), await moneyOf(2)], [101, 100])
  })

  test('SELECT … FOR UPDATE waits until nobody can take the row back', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    const select = 'SELECT money FROM account WHERE id = 1 FOR UPDATE'
    const late = coordinator.run(() => pool.query(select))
    await assert.rejects(late, hasCode('SETTEE_TX_LOCK_CONFLICT'))
    const waiting = coordinator.run(() => pool.query(select))
    await coordinator.rollback(holder.xid)
    assert.deepEqual((await waiting).result.rows, [{ money: 100 }])
    const { xid } = await coordinator.run(() => pool.transaction((client) => client.query(select)))
    assert.deepEqual(coordinator.branchesOf(xid), [])
  })

  test('transaction() runs again when a SELECT … FOR UPDATE met a lock', async () => {
    const { coordinator, pool, plain } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    let runs = 0
    const waiting = coordinator.run(() =>
      pool.transaction(async (client) => {
        runs++
        await client.query(add(2))
        return client.query('SELECT money FROM account WHERE id = 1 FOR UPDATE')
      }),
    )
    // The conflict was seen and the local transaction is over: its connection is back.
    await until(() => runs === 1 && plain.idleCount === plain.totalCount)
    await coordinator.rollback(holder.xid)
    assert.deepEqual((await waiting).result.rows, [{ money: 100 }])
    assert.equal(runs, 2)
  })

  test('transaction() that went back behind the lock it met runs once', async () => {
    const { coordinator, pool } = fixture
    const holder = await coordinator.run(() => pool.query(add(1)))
    let runs = 0
    await coordinator.run(() =>
      pool.transaction(async (client) => {
        runs++
        await client.query(add(2))
        await client.query('SAVEPOINT a')
        const locked = client.query('SELECT money FROM account WHERE id = 1 FOR UPDATE')
        await assert.rejects(locked, hasCode('SETTEE_TX_LOCK_CONFLICT'))
        await client.query('ROLLBACK TO a')
      }),
    )
    assert.deepEqual([runs, await moneyOf(2)], [1, 101])
    await coordinator.rollback(holder.xid)
  })

  test('twenty transactions on one row all pass, and nothing is lost', async () => {
    const { plain, coordinator } = fixture
    const { pool } = createPostgresResource({ pool: plain, port: coordinator })
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { xid } = await coordinator.run(() => pool.query(add(1)))
        await (i % 4 === 0 ? coordinator.rollback(xid) : coordinator.commit(xid))
      }),
    )
    assert.equal(await moneyOf(1), 115)
    assert.equal(coordinator.lockCount, 0)
  })
})
