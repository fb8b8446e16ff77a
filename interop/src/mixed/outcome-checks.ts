/** A Java and a TypeScript branch in one transaction, on the same table: outcomes and locks. */
import assert from 'node:assert/strict'
import { MessageType } from '@settee/tx/protocol'
import type { TestDatabase } from '../harness-databases.ts'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { accountsOf, moneyOf, undoLogsGone } from '../java-clients/scene.ts'
import type { MixedScene } from './scene.ts'

const add = (id: number, amount: number): string =>
  `UPDATE account SET money = money + ${amount} WHERE id = ${id}`

export async function checkOutcomes(
  group: CheckGroup,
  scene: MixedScene,
  database: TestDatabase,
): Promise<void> {
  await group.check('both register the same resource id', async () => {
    const ids = scene.tap.frames.flatMap(({ message }) =>
      message?.type === MessageType.RegisterRM && message.resourceIds !== ''
        ? message.resourceIds.split(',')
        : [],
    )
    assert.ok(ids.length >= 2)
    assert.deepEqual(new Set(ids), new Set(scene.databases.map(({ jdbcUrl }) => jdbcUrl)))
  })
  await group.check('rollback undoes both branches', async () => {
    const before = await accountsOf(database)
    const xid = await scene.begin()
    await scene.join(xid, database, [add(1, 1)])
    await scene.joinJava(xid, database, [add(2, 2), 'DELETE FROM account WHERE id = 9'])
    assert.notDeepEqual(await accountsOf(database), before)
    assert.equal(await scene.rollBack(xid), 'Rollbacked')
    await undoLogsGone(database, xid)
    assert.deepEqual(await accountsOf(database), before)
  })
  await group.check('commit keeps both branches', async () => {
    const xid = await scene.begin()
    await scene.join(xid, database, [add(1, 10)])
    await scene.joinJava(xid, database, [add(2, -10)])
    assert.equal(await scene.commit(xid), 'Committed')
    await undoLogsGone(database, xid)
    assert.deepEqual([await moneyOf(database, 1), await moneyOf(database, 2)], [110, 90])
  })
  await checkLocks(group, scene, database)
  await checkDeaths(group, scene, database)
}

async function checkLocks(
  group: CheckGroup,
  scene: MixedScene,
  database: TestDatabase,
): Promise<void> {
  await group.check('Java waits for a row that TypeScript has changed', async () => {
    const before = await moneyOf(database, 3)
    const holder = await scene.begin()
    await scene.join(holder, database, [add(3, 1)])
    const waiter = await scene.begin()
    await assert.rejects(scene.joinJava(waiter, database, [add(3, 1)]), /LockConflict|LockWait/)
    assert.equal(await scene.rollBack(holder), 'Rollbacked')
    await scene.joinJava(waiter, database, [add(3, 5)])
    assert.equal(await scene.commit(waiter), 'Committed')
    await undoLogsGone(database, waiter)
    assert.equal(await moneyOf(database, 3), before + 5)
  })
  await group.check('TypeScript waits for a row that Java has changed', async () => {
    const before = await moneyOf(database, 4)
    const holder = await scene.begin()
    await scene.joinJava(holder, database, [add(4, 1)])
    const waiter = await scene.begin()
    let isThrough = false
    const waiting = scene.join(waiter, database, [add(4, 5)]).then(() => {
      isThrough = true
    })
    waiting.catch(() => {})
    await eventually('a registration that waits or is refused', () => {
      return scene.tap.frames.some(
        ({ message }) => message?.type === MessageType.BranchRegister && message.xid === waiter,
      )
    })
    assert.equal(isThrough, false)
    assert.equal(await scene.rollBack(holder), 'Rollbacked')
    await waiting
    assert.equal(await scene.commit(waiter), 'Committed')
    await undoLogsGone(database, waiter)
    assert.equal(await moneyOf(database, 4), before + 5)
  })
}

/** The coordinator asks whoever else has the resource. */
async function checkDeaths(
  group: CheckGroup,
  scene: MixedScene,
  database: TestDatabase,
): Promise<void> {
  const statements = [
    add(5, 1),
    `INSERT INTO account (id, owner, money) VALUES (20, 'é 中', NULL)`,
    'DELETE FROM account WHERE id = 6',
  ]
  await group.check('Java dies, and TypeScript rolls its branch back', async () => {
    const before = await accountsOf(database)
    const xid = await scene.begin()
    await scene.joinJava(xid, database, statements)
    await scene.killJava()
    try {
      await scene.rollBack(xid)
      await undoLogsGone(database, xid)
      assert.deepEqual(await accountsOf(database), before)
    } finally {
      await scene.startJava()
    }
  })
  await group.check('TypeScript dies, and Java rolls its branch back', async () => {
    const before = await accountsOf(database)
    const xid = await scene.begin()
    await scene.join(xid, database, statements)
    await scene.killService()
    try {
      await scene.rollBack(xid)
      await undoLogsGone(database, xid)
      assert.deepEqual(await accountsOf(database), before)
    } finally {
      await scene.startService()
    }
  })
}
