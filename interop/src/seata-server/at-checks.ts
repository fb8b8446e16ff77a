/** AT mode of our client with the original server: outcomes, timeout, locks and reports. */
import assert from 'node:assert/strict'
import { isSetteeError, type SetteeError } from '@settee/kit'
import { GlobalStatus } from '@settee/tx'
import {
  BranchStatus,
  ExceptionCode,
  fromWireOrdinal,
  MessageType,
  ResultCode,
} from '@settee/tx/protocol'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { accountsOf, moneyOf, resetAccounts, undoLogsGone } from '../java-clients/scene.ts'
import {
  framesOf,
  holdTransaction,
  rollBackAfter,
  WantedFailure,
  type AtDatabase,
  type ServerScene,
} from './scene.ts'
import { seataServerVersion } from './seata-server.ts'

const changes = [
  `INSERT INTO account (id, owner, money) VALUES (10, 'new é 中', 5), (11, NULL, NULL)`,
  `UPDATE account SET money = money - 10, owner = 'changed' WHERE id < 4`,
  'DELETE FROM account WHERE id = 9',
]

export async function checkAtClient(
  group: CheckGroup,
  scene: ServerScene,
  at: AtDatabase,
  otherAt: AtDatabase,
): Promise<void> {
  await checkOutcomes(group, scene, at)
  await checkTimeout(group, scene, at)
  await checkLocks(group, scene, at, otherAt)
  await checkFailFast(group, scene, at, otherAt)
  await checkReports(group, scene, at)
}

async function checkOutcomes(
  group: CheckGroup,
  scene: ServerScene,
  { database, run, runLocal }: AtDatabase,
): Promise<void> {
  const { tx } = scene
  await group.check('rollback restores every row and leaves no undo log', async () => {
    const before = await accountsOf(database)
    const xid = await rollBackAfter(tx, async () => {
      await run(...changes)
      assert.notDeepEqual(await accountsOf(database), before)
    })
    assert.deepEqual(await accountsOf(database), before)
    await undoLogsGone(database, xid)
    assert.equal(await tx.getStatus(xid), GlobalStatus.Finished)
  })
  await group.check('a local transaction is one branch and rolls back as one', async () => {
    const from = scene.tap.frames.length
    const before = await accountsOf(database)
    const xid = await rollBackAfter(tx, async () => runLocal(...changes))
    assert.equal(framesOf(scene, from, MessageType.BranchRegister).length, 1)
    assert.deepEqual(await accountsOf(database), before)
    await undoLogsGone(database, xid)
  })
  await group.check('commit keeps the changes and deletes the undo logs', async () => {
    let xid = ''
    await tx.run({ name: 'commits' }, async () => {
      xid = tx.currentXid()!
      await run(...changes)
      assert.equal(await tx.getStatus(xid), GlobalStatus.Begin)
    })
    await undoLogsGone(database, xid)
    assert.equal((await accountsOf(database)).length, 10)
    await eventually('the server has forgotten it', async () => {
      return (await tx.getStatus(xid)) === GlobalStatus.Finished
    })
    await resetAccounts(database)
  })
}

async function checkTimeout(
  group: CheckGroup,
  { tx }: ServerScene,
  { database, run }: AtDatabase,
): Promise<void> {
  await group.check('a timeout rolls back, and a late branch learns it', async () => {
    const before = await accountsOf(database)
    let xid = ''
    let late: SetteeError | undefined
    const ended = tx.run({ name: 'too slow', timeoutMs: 1500 }, async () => {
      xid = tx.currentXid()!
      await run('UPDATE account SET money = 0 WHERE id = 1')
      await eventually('rows restored', async () => (await moneyOf(database, 1)) === 100)
      late = await failureOf(run('UPDATE account SET money = 0 WHERE id = 2'))
    })
    assert.equal((await failureOf(ended)).code, 'SETTEE_TX_ROLLED_BACK')
    assert.deepEqual(await accountsOf(database), before)
    await undoLogsGone(database, xid)
    return `the late branch: ${late?.code}, ${late?.message}`
  })
  await group.check('a commit that comes after the timeout says ROLLED_BACK', async () => {
    const before = await accountsOf(database)
    const ended = tx.run({ name: 'too late', timeoutMs: 1000 }, async () => {
      await run('UPDATE account SET money = 0 WHERE id = 1')
      await eventually('rows restored', async () => (await moneyOf(database, 1)) === 100)
    })
    assert.equal((await failureOf(ended)).code, 'SETTEE_TX_ROLLED_BACK')
    assert.deepEqual(await accountsOf(database), before)
  })
}

async function checkLocks(
  group: CheckGroup,
  scene: ServerScene,
  { database, run }: AtDatabase,
  otherAt: AtDatabase,
): Promise<void> {
  const { tx, other } = scene
  const add = (amount: number): string =>
    `UPDATE account SET money = money + ${amount} WHERE id = 5`

  for (const how of ['run', 'runLocal'] as const) {
    const what = how === 'run' ? 'a statement' : 'a local transaction'
    await group.check(`${what} waits for a lock and gets it`, async () => {
      const from = scene.tap.frames.length
      const before = await moneyOf(database, 5)
      const holder = await holdTransaction(tx, () => run(add(10)))
      const waiting = rollBackAfter(other, () => otherAt[how](add(5)))
      waiting.catch(() => {})
      await eventually('three refusals', () => refusals(scene, from) >= 3)
      await holder.commit()
      const xid = await waiting
      assert.equal(await moneyOf(database, 5), before + 10)
      await undoLogsGone(database, xid)
      await undoLogsGone(database, holder.xid)
      return `${refusals(scene, from)} refusals`
    })
  }
  await group.check(
    'a lock that is not given up ends in LOCK_CONFLICT after lockWaitMs',
    async () => {
      const before = await moneyOf(database, 5)
      const holder = await holdTransaction(tx, () => run(add(10)))
      const startMs = performance.now()
      const failure = await failureOf(other.run({ name: 'waits' }, () => otherAt.run(add(5))))
      const waitedMs = performance.now() - startMs
      assert.equal(failure.code, 'SETTEE_TX_LOCK_CONFLICT')
      assert.ok(waitedMs > 2500 && waitedMs < 6000, `${waitedMs} ms of 3000`)
      await holder.rollBack()
      assert.equal(await moneyOf(database, 5), before)
      return failure.message
    },
  )
  await group.check('SELECT … FOR UPDATE waits for the lock as well', async () => {
    const from = scene.tap.frames.length
    const holder = await holdTransaction(tx, () => run(add(10)))
    const reading = other.run({ name: 'reads' }, () =>
      otherAt.run('SELECT money FROM account WHERE id = 5 FOR UPDATE'),
    )
    reading.catch(() => {})
    await eventually('a lock query that is refused', () => {
      return framesOf(scene, from, MessageType.GlobalLockQueryResult).length > 1
    })
    await holder.commit()
    await reading
  })
}

/** While the holder rolls back, who holds row locks in the database must not wait. */
async function checkFailFast(
  group: CheckGroup,
  scene: ServerScene,
  { database, run, runLocal }: AtDatabase,
  otherAt: AtDatabase,
): Promise<void> {
  const { tx, other } = scene
  await group.check('a lock whose holder rolls back is refused as fail-fast', async () => {
    const from = scene.tap.frames.length
    const take = (id: number): string => `UPDATE account SET money = 1 WHERE id = ${id}`
    const holder = await holdTransaction(tx, () => runLocal(take(7), take(6)))
    let rollingBack = Promise.resolve()
    let waiter = Promise.resolve()
    // Row 6, which is undone first, is locked in the database, so the rollback cannot go on.
    await database.hold(async (query) => {
      await query('SELECT id FROM account WHERE id = 6 FOR UPDATE')
      rollingBack = holder.rollBack()
      rollingBack.catch(() => {})
      await eventually('the rollback has begun', () => {
        return framesOf(scene, from, MessageType.BranchRollback).length > 0
      })
      const failed = other.run({ name: 'must not wait' }, () => otherAt.runLocal(take(7)))
      failed.catch(() => {})
      await eventually('a refusal as fail-fast', () => {
        return framesOf(scene, from, MessageType.BranchRegisterResult).some(
          ({ message }) => exceptionOf(message) === ExceptionCode.LockKeyConflictFailFast,
        )
      })
      waiter = failed
    })
    await rollingBack
    // It waits without row locks then, and gets the row once it is restored.
    await waiter
    await eventually('the row is restored', async () => (await moneyOf(database, 6)) === 100)
    await undoLogsGone(database, holder.xid)
  })
  await group.check(
    'who waits without row locks gets through when the rollback is done',
    async () => {
      const holder = await holdTransaction(tx, () =>
        run('UPDATE account SET money = 1 WHERE id = 6'),
      )
      const waiting = rollBackAfter(other, () =>
        otherAt.run('UPDATE account SET money = money + 1 WHERE id = 6'),
      )
      await holder.rollBack()
      await undoLogsGone(database, await waiting)
      assert.equal(await moneyOf(database, 6), 100)
      await resetAccounts(database)
    },
  )
}

async function checkReports(
  group: CheckGroup,
  scene: ServerScene,
  { database, run }: AtDatabase,
): Promise<void> {
  const { tx } = scene
  await group.check('a failed local commit is reported and the branch is left alone', async () => {
    const from = scene.tap.frames.length
    let xid = ''
    await tx.run({ name: 'reports' }, async () => {
      xid = tx.currentXid()!
      await run('UPDATE account SET money = 4 WHERE id = 7')
      // Without the table, the undo log cannot be written after the branch has been registered.
      await database.query('ALTER TABLE undo_log RENAME TO undo_log_away')
      const failed = run('UPDATE account SET money = 5 WHERE id = 8')
      await assert
        .rejects(failed)
        .finally(() => database.query('ALTER TABLE undo_log_away RENAME TO undo_log'))
    })
    const reports = framesOf(scene, from, MessageType.BranchReport)
    assert.deepEqual(
      reports.map(({ message }) => (message as { branchStatus: number }).branchStatus),
      [BranchStatus.PhaseOne_Failed],
    )
    await undoLogsGone(database, xid)
    const commits = framesOf(scene, from, MessageType.BranchCommit).filter(
      ({ message }) => (message as { xid: string }).xid === xid,
    )
    assert.equal(commits.length, 1)
    assert.deepEqual([await moneyOf(database, 7), await moneyOf(database, 8)], [4, 100])
    await resetAccounts(database)
  })
}

/**
 * Release 2.0.0 rolls branches back in the order of their registration
 * (https://github.com/apache/incubator-seata/issues/6120), so this cannot succeed there.
 */
export async function checkWrongOrder(
  group: CheckGroup,
  scene: ServerScene,
  { database, run }: AtDatabase,
): Promise<void> {
  await group.check('branches that come in the wrong order are found dirty and kept', async () => {
    const from = scene.tap.frames.length
    let xid = ''
    const ended = scene.tx.run({ name: 'same row twice' }, async () => {
      xid = scene.tx.currentXid()!
      await run(
        'UPDATE account SET money = money * 2 WHERE id = 8',
        'UPDATE account SET money = money + 7 WHERE id = 8',
      )
      throw new WantedFailure('wanted')
    })
    const { rollbackFailure } = (await ended.catch((error: unknown) => error)) as {
      rollbackFailure?: SetteeError
    }
    assert.equal(rollbackFailure?.code, 'SETTEE_TX_ROLLBACK_FAILED')
    const statuses = framesOf(scene, from, MessageType.BranchRollbackResult).map(
      ({ message }) => (message as { branchStatus: number }).branchStatus,
    )
    assert.deepEqual(statuses, [BranchStatus.PhaseTwo_RollbackFailed_Unretryable])
    assert.equal(await moneyOf(database, 8), 207)
    const undoLogs = await database.query('SELECT xid FROM undo_log WHERE xid = ?', [xid])
    assert.equal(undoLogs.length, 2)
  })
}

/** Registrations that were refused since the frame `from`. */
function refusals(scene: ServerScene, from: number): number {
  return framesOf(scene, from, MessageType.BranchRegisterResult).filter(
    ({ message }) => (message as { resultCode: number }).resultCode === ResultCode.Failed,
  ).length
}

function exceptionOf(message: unknown): number {
  const { exceptionCode } = message as { exceptionCode: number }
  return fromWireOrdinal(exceptionCode, seataServerVersion)
}

/** The error of Settee with which `work` must fail. */
async function failureOf(work: Promise<unknown>): Promise<SetteeError> {
  try {
    await work
  } catch (error) {
    if (isSetteeError(error)) return error
    throw error
  }
  throw new Error('it should have failed')
}
