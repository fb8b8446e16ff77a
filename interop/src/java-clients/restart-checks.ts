/**
 * The coordinator is killed in the middle of transactions and started again on the same journal.
 */
import assert from 'node:assert/strict'
import type { TestDatabase } from '../harness-databases.ts'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { failureOf } from './at-checks.ts'
import type { JavaSession } from './java-client.ts'
import { accountsOf, moneyOf, resetAccounts, undoLogsGone, type Scene } from './scene.ts'

/**
 * Java's resource manager looks for lost coordinators by a timer: first 60 s after its start, then
 * every 10 s.
 */
const reconnectTimeoutMs = 75_000

/** A request that was on its way at the kill waits for rpcTmRequestTimeout, which is 30 s. */
const firstAnswerTimeoutMs = 45_000

export async function checkRestart(group: CheckGroup, scene: Scene): Promise<void> {
  const database = scene.databases.mariadb
  await resetAccounts(database)
  await checkContinuation(group, scene, database)
  await checkLockAfterRestart(group, scene, database)
  await checkReconnectByTimer(group, scene, database)
  await checkKilledWhileEnding(group, scene, database)
}

/** Who tries to connect meanwhile is refused, as it would be without the tap. */
async function killAndRestart({ coordinator, tap }: Scene): Promise<void> {
  await tap.closeDoor()
  await coordinator.kill()
  await coordinator.restart()
  await tap.openDoor()
}

async function checkContinuation(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const session = scene.client.session('main')
  for (const end of ['commit', 'rollback'] as const) {
    const name = `a transaction continues over kill -9 and restart: ${end}`
    await group.check(name, async () => {
      const before = await accountsOf(database)
      const xid = await session.begin()
      await session.sql(database, ['UPDATE account SET money = 1 WHERE id = 1'])
      await killAndRestart(scene)
      const found = await firstStatus(session, xid)
      assert.equal(found.status, 'Begin')
      await session.sql(database, ['UPDATE account SET money = 2 WHERE id = 2'])
      assert.equal(await session[end](), end === 'commit' ? 'Committed' : 'Rollbacked')
      await undoLogsGone(database, xid)
      if (end === 'rollback') assert.deepEqual(await accountsOf(database), before)
      else assert.deepEqual([await moneyOf(database, 1), await moneyOf(database, 2)], [1, 2])
      await resetAccounts(database)
      return `${found.failures} failed requests until the client had connected again`
    })
  }
}

/** The first request over a dead connection may fail; the client connects for a later one. */
async function firstStatus(
  session: JavaSession,
  xid: string,
): Promise<{ status: string; failures: number }> {
  let failures = 0
  let status = ''
  await eventually(
    'an answer about the status',
    async () => {
      try {
        status = await session.status(xid)
        return true
      } catch {
        failures++
        return false
      }
    },
    firstAnswerTimeoutMs,
  )
  return { status, failures }
}

async function checkLockAfterRestart(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const holder = scene.client.session('main')
  const waiter = scene.client.session('waiter')
  await group.check('global locks are still held after the restart', async () => {
    const xid = await holder.begin()
    await holder.sql(database, ['UPDATE account SET money = 7 WHERE id = 7'])
    await killAndRestart(scene)
    await firstStatus(waiter, xid)
    await waiter.begin()
    const update = ['UPDATE account SET money = 8 WHERE id = 7']
    const failure = await failureOf(waiter.sql(database, update, { autoCommit: true }))
    assert.match(failure.chain, /LockWaitTimeout/)
    assert.equal(await waiter.rollback(), 'Rollbacked')
    assert.equal(await holder.rollback(), 'Rollbacked')
    assert.equal(await moneyOf(database, 7), 100)
  })
}

/**
 * The transaction manager asks by itself; the resource manager is needed by the coordinator alone.
 */
async function checkReconnectByTimer(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const session = scene.client.session('main')
  const name = 'a rollback waits for the resource manager, which connects again by its timer'
  await group.check(
    name,
    async () => {
      const xid = await session.begin()
      await session.sql(database, ['UPDATE account SET money = 3 WHERE id = 3'])
      await killAndRestart(scene)
      await firstStatus(session, xid)
      const start = performance.now()
      const answered = await session.rollback()
      await eventually('rows restored', () => isRestored(database), reconnectTimeoutMs)
      await eventually('its status', async () => (await session.status(xid)) === 'Rollbacked')
      await undoLogsGone(database, xid)
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      return `answered ${answered}, restored after ${seconds} s`
    },
    reconnectTimeoutMs + 15_000,
  )
}

/** What was decided before the kill is carried out after it, and the client is told so. */
async function checkKilledWhileEnding(
  group: CheckGroup,
  scene: Scene,
  database: TestDatabase,
): Promise<void> {
  const session = scene.client.session('main')
  const observer = scene.client.session('waiter')
  await group.check(
    'killed while it rolls back, the coordinator goes on after the restart',
    async () => {
      const xid = await session.begin()
      await session.sql(database, ['UPDATE account SET money = 3 WHERE id = 3'])
      let ending: Promise<string> = Promise.resolve('')
      // The row is locked in the database, so the rollback cannot go on.
      await database.hold(async (query) => {
        await query('SELECT id FROM account WHERE id = 3 FOR UPDATE')
        ending = session.rollback()
        ending.catch(() => {})
        await eventually('the rollback has begun', async () => {
          return /Rollback/.test(await observer.status(xid))
        })
        await killAndRestart(scene)
      })
      const found = await firstStatus(observer, xid)
      assert.match(found.status, /^Rollback/)
      await eventually('rows restored', () => isRestored(database), reconnectTimeoutMs)
      await eventually('its status', async () => (await observer.status(xid)) === 'Rollbacked')
      await undoLogsGone(database, xid, true)
      return `${found.status} after the restart; the client was told ${await ending}`
    },
    reconnectTimeoutMs + 60_000,
  )
}

async function isRestored(database: TestDatabase): Promise<boolean> {
  return (await moneyOf(database, 3)) === 100
}
