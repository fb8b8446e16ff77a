/** AT mode of one release on one database: outcomes, timeout, locks and reports. */
import assert from 'node:assert/strict'
import { BranchStatus, MessageType } from '@settee/tx/protocol'
import type { TestDatabase } from '../harness-databases.ts'
import { JavaError, textIn } from '../harness-java.ts'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { keyOf } from './java-client.ts'
import { messagesSince } from '../harness-tap.ts'
import { accountsOf, moneyOf, resetAccounts, undoLogsGone, type Scene } from './scene.ts'

const changes = [
  `INSERT INTO account (id, owner, money) VALUES (10, 'new é 中', 5), (11, NULL, NULL)`,
  `UPDATE account SET money = money - 10, owner = 'changed' WHERE id < 4`,
  'DELETE FROM account WHERE id = 9',
]

export async function checkAt(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  await resetAccounts(database)
  await checkOutcomes(group, scene, database)
  await checkTimeout(group, scene, database)
  await checkLocks(group, scene, database)
  await checkReports(group, scene, database)
}

async function checkOutcomes(
  group: CheckGroup,
  { client }: Scene,
  database: TestDatabase,
): Promise<void> {
  const session = client.session('main')

  await group.check('rollback restores every row and leaves no undo log', async () => {
    const before = await accountsOf(database)
    const xid = await session.begin()
    await session.sql(database, changes)
    assert.notDeepEqual(await accountsOf(database), before)
    assert.equal(await session.status(xid), 'Begin')
    assert.equal(await session.rollback(), 'Rollbacked')
    assert.deepEqual(await accountsOf(database), before)
    await undoLogsGone(database, xid)
  })
  await group.check('two branches on the same rows roll back in reverse order', async () => {
    const before = await accountsOf(database)
    const xid = await session.begin()
    await session.sql(database, ['UPDATE account SET money = money * 2 WHERE id = 1'])
    await session.sql(database, ['UPDATE account SET money = money + 7 WHERE id = 1'], {
      autoCommit: true,
    })
    assert.equal(await moneyOf(database, 1), 207)
    assert.equal(await session.rollback(), 'Rollbacked')
    assert.deepEqual(await accountsOf(database), before)
    await undoLogsGone(database, xid)
  })
  await group.check('commit keeps the changes and deletes the undo logs', async () => {
    const xid = await session.begin()
    await session.sql(database, changes)
    assert.equal(await session.commit(), 'Committed')
    await undoLogsGone(database, xid)
    assert.equal((await accountsOf(database)).length, 10)
    await resetAccounts(database)
  })
  await group.check('the template of @GlobalTransactional commits and rolls back', async () => {
    const db = keyOf(database)
    const statements = ['UPDATE account SET money = 1 WHERE id = 2']
    const failed = await session.request('template', { db, statements, fail: true })
    assert.equal(failed.outcome, 'RollbackDone')
    await undoLogsGone(database, textIn(failed, 'xid'))
    assert.equal(await moneyOf(database, 2), 100)
    const done = await session.request('template', { db, statements, fail: false })
    assert.equal(done.outcome, 'Committed')
    await undoLogsGone(database, textIn(done, 'xid'))
    assert.equal(await moneyOf(database, 2), 1)
    await resetAccounts(database)
  })
}

async function checkTimeout(
  group: CheckGroup,
  { client }: Scene,
  database: TestDatabase,
): Promise<void> {
  await group.check(
    'a timeout rolls back, and a late branch and a late commit learn it',
    async () => {
      const session = client.session('main')
      const before = await accountsOf(database)
      const xid = await session.begin(1500)
      await session.sql(database, ['UPDATE account SET money = 0 WHERE id = 1'])
      await eventually('rows restored', async () => (await moneyOf(database, 1)) === 100)
      await eventually('its status', async () => {
        return (await session.status(xid)) === 'TimeoutRollbacked'
      })
      const late = await failureOf(
        session.sql(database, ['UPDATE account SET money = 0 WHERE id = 2']),
      )
      assert.match(
        late.chain,
        /GlobalTransactionNotExist|NotActive|StatusInvalid|may be has finished/,
      )
      const { status } = await session.request('commitOnce', { xid })
      assert.equal(status, 'TimeoutRollbacked')
      await session.request('unbind')
      assert.deepEqual(await accountsOf(database), before)
      await undoLogsGone(database, xid)
      return late.chain.slice(0, 160)
    },
  )
}

async function checkLocks(group: CheckGroup, scene: Scene, database: TestDatabase): Promise<void> {
  const holder = scene.client.session('main')
  const waiter = scene.client.session('waiter')
  const add = (amount: number): string[] => [
    `UPDATE account SET money = money + ${amount} WHERE id = 5`,
  ]

  for (const autoCommit of [true, false]) {
    const how = autoCommit ? 'auto-commit' : 'local transaction'
    await group.check(`a second transaction waits for the lock and gets it (${how})`, async () => {
      const from = scene.tap.frames.length
      const before = await moneyOf(database, 5)
      const first = await holder.begin()
      await holder.sql(database, add(10))
      const second = await waiter.begin()
      const waiting = waiter.sql(database, add(5), { autoCommit })
      waiting.catch(() => {})
      await eventually('a refused registration', () => refusals(scene, from) > 0)
      assert.equal(await holder.commit(), 'Committed')
      await waiting
      assert.equal(await waiter.rollback(), 'Rollbacked')
      assert.equal(await moneyOf(database, 5), before + 10)
      await undoLogsGone(database, first)
      await undoLogsGone(database, second)
      return `${refusals(scene, from)} refusals`
    })
    await group.check(`a lock that is not given up ends in LockWaitTimeout (${how})`, async () => {
      const before = await moneyOf(database, 5)
      await holder.begin()
      await holder.sql(database, add(10))
      const second = await waiter.begin()
      const failure = await failureOf(waiter.sql(database, add(5), { autoCommit }))
      assert.match(failure.chain, /LockWaitTimeout/)
      assert.equal(await waiter.rollback(), 'Rollbacked')
      assert.equal(await holder.rollback(), 'Rollbacked')
      assert.equal(await moneyOf(database, 5), before)
      await undoLogsGone(database, second)
      return failure.chain.slice(0, 160)
    })
  }
  await group.check('a @GlobalLock write outside waits until the lock is free', async () => {
    const from = scene.tap.frames.length
    const before = await moneyOf(database, 5)
    await holder.begin()
    await holder.sql(database, add(10))
    const db = keyOf(database)
    const parameters = { db, statements: add(1), retryIntervalMs: 50, retryTimes: 100 }
    const waiting = waiter.request('globalLock', parameters)
    waiting.catch(() => {})
    await eventually('a lock query that is refused', () => lockedQueries(scene, from) > 0)
    assert.equal(await holder.commit(), 'Committed')
    await waiting
    assert.equal(await moneyOf(database, 5), before + 11)
  })
  await checkFailFast(group, scene, database)
}

/** While the holder rolls back, who holds row locks in the database must not wait. */
async function checkFailFast(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const holder = scene.client.session('main')
  const waiter = scene.client.session('waiter')
  await group.check('a lock whose holder rolls back is refused as fail-fast', async () => {
    const xid = await holder.begin()
    await holder.sql(database, ['UPDATE account SET money = 1 WHERE id = 6'])
    let rollingBack: Promise<unknown> = Promise.resolve()
    const other = await waiter.begin()
    // The row is locked in the database, so the rollback cannot go on.
    await database.hold(async (query) => {
      await query('SELECT id FROM account WHERE id = 6 FOR UPDATE')
      rollingBack = holder.request('rollback')
      rollingBack.catch(() => {})
      await eventually('the rollback has begun', async () => {
        return /Rollback/.test(await waiter.status(xid))
      })
      const failure = await failureOf(
        waiter.request('branchRegister', {
          branchType: 'AT',
          resourceId: database.jdbcUrl,
          xid: other,
          lockKeys: 'account:6',
          applicationData: '{"autoCommit":false}',
        }),
      )
      assert.equal(failure.code, 'LockKeyConflictFailFast')
    })
    await rollingBack
    await undoLogsGone(database, xid)
    assert.equal(await waiter.rollback(), 'Rollbacked')
    assert.equal(await moneyOf(database, 6), 100)
  })
}

async function checkReports(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const session = scene.client.session('main')

  await group.check('a local commit is reported as PhaseOne_Done', async () => {
    const from = scene.tap.frames.length
    const xid = await session.begin()
    await session.sql(database, ['UPDATE account SET money = money WHERE id = 7'])
    await session.sql(database, ['UPDATE account SET money = 3 WHERE id = 7'])
    assert.ok(reports(scene, from, xid).includes(BranchStatus.PhaseOne_Done))
    assert.equal(await session.rollback(), 'Rollbacked')
    assert.equal(await moneyOf(database, 7), 100)
  })
  await group.check('a failed local commit is reported and the branch is left alone', async () => {
    const from = scene.tap.frames.length
    const xid = await session.begin()
    await session.sql(database, ['UPDATE account SET money = 4 WHERE id = 7'])
    // Without the table, the undo log cannot be written after the branch has been registered.
    await database.query('ALTER TABLE undo_log RENAME TO undo_log_away')
    const update = ['UPDATE account SET money = 5 WHERE id = 8']
    const failure = await failureOf(session.sql(database, update))
    await database.query('ALTER TABLE undo_log_away RENAME TO undo_log')
    assert.ok(reports(scene, from, xid).includes(BranchStatus.PhaseOne_Failed), failure.chain)
    assert.equal(await session.commit(), 'Committed')
    await undoLogsGone(database, xid)
    const commits = messagesSince(scene.tap, from).filter(
      ({ type }) => type === MessageType.BranchCommit,
    )
    assert.equal(commits.length, 1)
    assert.deepEqual([await moneyOf(database, 7), await moneyOf(database, 8)], [4, 100])
    await resetAccounts(database)
  })
}

/** Registrations that were refused since the frame `from`. */
function refusals(scene: Scene, from: number): number {
  return messagesSince(scene.tap, from).filter(
    (message) => message.type === MessageType.BranchRegisterResult && message.resultCode === 0,
  ).length
}

function lockedQueries(scene: Scene, from: number): number {
  return messagesSince(scene.tap, from).filter(
    (message) => message.type === MessageType.GlobalLockQueryResult && !message.lockable,
  ).length
}

function reports(scene: Scene, from: number, xid: string): number[] {
  return messagesSince(scene.tap, from).flatMap((message) =>
    message.type === MessageType.BranchReport && message.xid === xid ? [message.branchStatus] : [],
  )
}

/** The error of a request that must fail. */
export async function failureOf(work: Promise<unknown>): Promise<JavaError> {
  try {
    await work
  } catch (error) {
    if (error instanceof JavaError) return error
    throw error
  }
  throw new Error('the request should have failed')
}
