/**
 * Two statements of one global transaction wait for the same row. Both branches are registered when
 * it becomes free, before either has changed it, so the order of the changes may be another.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import type { AtPool } from '../../src/client/at/postgres/at-pool.ts'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture, until } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import type { BranchPort } from '../../src/client/resource.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('branches of one transaction that waited for one row are rolled back', async () => {
  const fixture = await createFixture(
    server,
    'CREATE TABLE stock (id int PRIMARY KEY, left_over int); INSERT INTO stock VALUES (1, 100)',
  )
  const { coordinator, plain, pool } = fixture
  // A second process on the same database, whose answer to the registration takes longer.
  const answered = Promise.withResolvers<void>()
  const slowPort: BranchPort = {
    async registerBranch(registration) {
      const branchId = await coordinator.registerBranch(registration)
      if (!registration.holdsRowLocks) await answered.promise
      return branchId
    },
    reportBranch: (xid, branch) => coordinator.reportBranch(xid, branch),
    isLockable: (...question) => coordinator.isLockable(...question),
  }
  const slowPool = createPostgresResource({ pool: plain, port: slowPort }).pool

  const holder = await coordinator.run(() => take(pool, 1))
  const xid = coordinator.begin()
  const first = coordinator.within(xid, () => take(slowPool, 10))
  await until(() => coordinator.waitingCount === 1)
  const second = coordinator.within(xid, () => take(pool, 20))
  await until(() => coordinator.waitingCount === 2)
  await coordinator.commit(holder.xid)
  await second
  answered.resolve()
  await first

  assert.deepEqual(await fixture.dump('stock'), [{ row: '(1,69)' }])
  const statuses = await coordinator.rollback(xid)
  assert.deepEqual(await fixture.dump('stock'), [{ row: '(1,99)' }])
  assert.deepEqual(statuses, [BranchStatus.PhaseTwo_Rollbacked, BranchStatus.PhaseTwo_Rollbacked])
})

function take(pool: AtPool<pg.Pool>, count: number): Promise<unknown> {
  return pool.query('UPDATE stock SET left_over = left_over - $1 WHERE id = 1', [count])
}
