import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { openTestDatabase, type TestDatabase } from './test-database.ts'

const schema = `CREATE TABLE stock (id INTEGER PRIMARY KEY, n INT CHECK (n >= 0));
  INSERT INTO stock VALUES (1, 10), (2, 10)`

const take = `UPDATE stock SET n = n - $1 WHERE id = 1 RETURNING n`

/** Resolves when somebody has found the rows locked and asks again. */
function nextLockQuery({ coordinator }: TestDatabase): Promise<unknown> {
  const target = new EventTarget()
  coordinator.onLockQuery = () => target.dispatchEvent(new Event('asked'))
  return once(target, 'asked')
}

test('a statement waits for the other transaction, without holding the writer', async (t) => {
  const opened = openTestDatabase(t, schema)
  const { coordinator, pool } = opened
  const [first, second] = [coordinator.begin(), coordinator.begin()]
  await coordinator.within(first, () => pool.query(take, [3]))
  const asked = nextLockQuery(opened)
  const waiting = coordinator.within(second, () => pool.query(take, [4]))
  await asked
  // Others can write meanwhile, and so can the rollback that the waiter waits for.
  assert.equal((await pool.query(`UPDATE stock SET n = 5 WHERE id = 2`)).rowCount, 1)
  assert.deepEqual(await coordinator.rollback(first), [BranchStatus.PhaseTwo_Rollbacked])
  assert.deepEqual((await waiting).rows, [{ n: 6 }])
  await coordinator.rollback(second)
  assert.deepEqual((await pool.query('SELECT n FROM stock')).rows, [{ n: 10 }, { n: 5 }])
})

test('a transaction function runs again as a whole, on what the other left', async (t) => {
  const opened = openTestDatabase(t, schema)
  const { coordinator, pool } = opened
  const [first, second] = [coordinator.begin(), coordinator.begin()]
  await coordinator.within(first, () => pool.query(take, [3]))
  const seen: unknown[] = []
  const asked = nextLockQuery(opened)
  const waiting = coordinator.within(second, () =>
    pool.transaction(async (client) => {
      const { rows } = await client.query<{ n: number }>('SELECT n FROM stock WHERE id = 1')
      seen.push(rows[0]!.n)
      await client.query('UPDATE stock SET n = $1 WHERE id = 1', [rows[0]!.n * 2])
    }),
  )
  await asked
  await coordinator.rollback(first)
  await waiting
  assert.equal(seen[0], 7)
  assert.equal(seen.at(-1), 10)
  assert.deepEqual((await pool.query('SELECT n FROM stock')).rows, [{ n: 20 }, { n: 10 }])
})

test('a client that commits by hand gets the conflict and is rolled back', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const [first, second] = [coordinator.begin(), coordinator.begin()]
  await coordinator.within(first, () => pool.query(take, [3]))
  await coordinator.within(second, async () => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(take, [1])
    await assert.rejects(client.query('COMMIT'), { code: 'SETTEE_TX_LOCK_CONFLICT' })
    assert.equal(database.isTransaction, false)
    await client.query('ROLLBACK')
    client.release()
  })
  await coordinator.commit(first)
  assert.deepEqual((await pool.query('SELECT n FROM stock WHERE id = 1')).rows, [{ n: 7 }])
})

test('the wait for rows has a limit', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema, { lockWaitMs: 60 })
  const [first, second] = [coordinator.begin(), coordinator.begin()]
  await coordinator.within(first, () => pool.query(take, [3]))
  await assert.rejects(
    coordinator.within(second, () => pool.query(take, [1])),
    { code: 'SETTEE_TX_LOCK_CONFLICT', message: /stock:1 for longer than 60 ms/ },
  )
  assert.equal(database.isTransaction, false)
  assert.deepEqual(await coordinator.rollback(second), [])
})

test('conflicts that the function passes on from elsewhere are not repeated here', async (t) => {
  const { coordinator, pool } = openTestDatabase(t, schema)
  const elsewhere = Object.assign(new Error('x'), { code: 'SETTEE_TX_LOCK_CONFLICT' })
  let runs = 0
  const failing = coordinator.within(coordinator.begin(), () =>
    pool.transaction(async () => {
      runs++
      throw elsewhere
    }),
  )
  await assert.rejects(failing, elsewhere)
  assert.equal(runs, 1)
})

test('many transactions on one row: no update is lost, whoever rolls back', async (t) => {
  const { coordinator, pool, resource } = openTestDatabase(t, schema)
  await pool.query('UPDATE stock SET n = 1000 WHERE id = 1')
  let committed = 0
  async function buy(i: number): Promise<void> {
    const xid = coordinator.begin()
    await coordinator.within(xid, () => pool.query(take, [1]))
    await new Promise(setImmediate)
    if (i % 3 === 0) assert.deepEqual(await coordinator.rollback(xid), [8])
    else {
      committed++
      await coordinator.commit(xid)
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, i) => buy(i)))
  await resource.close()
  const { rows } = await pool.query('SELECT n FROM stock WHERE id = 1')
  assert.deepEqual(rows, [{ n: 1000 - committed }])
  assert.deepEqual((await pool.query('SELECT count(*) AS n FROM undo_log')).rows, [{ n: 0 }])
  assert.equal(coordinator.lockCount, 0)
})

test('a local transaction belongs to one global transaction from begin to end', async (t) => {
  const { database, coordinator, pool } = openTestDatabase(t, schema)
  const [first, second] = [coordinator.begin(), coordinator.begin()]
  const refused = { code: 'SETTEE_TX_UNSUPPORTED_SQL', message: /began/ }
  const client = await coordinator.within(first, () => pool.connect())
  await coordinator.within(first, () => client.query('BEGIN'))
  await assert.rejects(
    coordinator.within(second, () => client.query(take, [1])),
    refused,
  )
  await assert.rejects(client.query(take, [1]), refused)
  await assert.rejects(client.query('COMMIT'), refused)
  assert.equal(database.isTransaction, false)
  client.release()
  await pool.transaction(async (inner) => {
    const inside = coordinator.within(first, () => inner.query(take, [1]))
    await assert.rejects(inside, refused)
  })
})

test('a rollback goes ahead of the work that waits', async (t) => {
  const { coordinator, pool } = openTestDatabase(t, schema)
  const xid = coordinator.begin()
  await coordinator.within(xid, () => pool.query(take, [1]))
  const order: string[] = []
  const client = await pool.connect()
  await client.query('BEGIN')
  const waiting = [
    pool.query('UPDATE stock SET n = 1 WHERE id = 2').then(() => order.push('work')),
    coordinator.rollback(xid).then(() => order.push('rollback')),
  ]
  await client.query('COMMIT')
  client.release()
  await Promise.all(waiting)
  assert.deepEqual(order, ['rollback', 'work'])
})
