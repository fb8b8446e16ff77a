import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createMemoryJournal } from '@settee/journal'
import {
  BranchStatus,
  BranchType,
  MessageType,
  type BranchType as Type,
} from '../protocol/index.ts'
import {
  cleanUpAll,
  startCoordinator,
  stockResource,
  type CleanUps,
  type TestClient,
  type TestCoordinator,
} from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

interface Scene extends TestCoordinator {
  readonly manager: TestClient
  readonly resources: TestClient
}

async function start(): Promise<Scene> {
  const coordinator = await startCoordinator(cleanUps)
  const manager = await coordinator.connect()
  const resources = await coordinator.connect({ resourceIds: stockResource })
  return { ...coordinator, manager, resources }
}

async function disconnect({ server, manager }: Scene, client: TestClient): Promise<void> {
  const connectionCount = server.connectionCount
  client.close()
  while (server.connectionCount === connectionCount) await manager.statusOf('alive')
}

/** Resolves when the coordinator has recorded `count` failed attempts of the only branch. */
async function untilFailed({ server, manager }: Scene, xid: string, count: number): Promise<void> {
  const failureCount = (): number =>
    server.state.transactions.get(xid)?.branches[0]?.failureCount ?? 0
  while (failureCount() < count) await manager.statusOf(xid)
}

describe('the order of phase two goes', () => {
  const cases: readonly { who: string; apps: string[]; type?: Type; isOwnerGone?: boolean }[] = [
    { who: 'to the process that registered the branch', apps: ['stock', 'stock', 'other'] },
    {
      who: 'to another process of its application',
      apps: ['stock', 'other', 'stock'],
      isOwnerGone: true,
    },
    {
      who: 'for AT to any application with the resource',
      apps: ['stock', 'other'],
      isOwnerGone: true,
    },
  ]
  const receivers = [0, 2, 1]
  for (const [i, { who, apps, isOwnerGone }] of cases.entries()) {
    test(who, async () => {
      const scene = await start()
      await disconnect(scene, scene.resources)
      const clients: TestClient[] = []
      for (const applicationId of apps) {
        clients.push(await scene.connect({ applicationId, resourceIds: stockResource }))
      }
      const xid = await scene.manager.begin()
      const branchId = await clients[0]!.branch(xid, 'stock:1')
      if (isOwnerGone === true) await disconnect(scene, clients[0]!)
      assert.equal(await scene.manager.rollback(xid), 'Rollbacked')
      for (const [at, client] of clients.entries()) {
        assert.deepEqual(client.orders, at === receivers[i] ? [`rollback ${branchId}`] : [])
      }
    })
  }

  test('of TCC to no other application', async () => {
    const scene = await start()
    const owner = await scene.connect({ applicationId: 'owner', resourceIds: 'reserve' })
    const other = await scene.connect({ applicationId: 'other', resourceIds: 'reserve' })
    const xid = await scene.manager.begin()
    await owner.branch(xid, '', { resourceId: 'reserve', branchType: BranchType.TCC })
    await disconnect(scene, owner)
    assert.equal(await scene.manager.rollback(xid), 'RollbackRetrying')
    assert.deepEqual(other.orders, [])
    const [branch] = scene.server.state.transactions.get(xid)!.branches
    assert.match(
      branch!.lastError!,
      /^rm client is not connected\. dbkey:reserve,clientId:owner:127\.0\.0\.1:\d+$/,
    )
  })

  test('of a saga to the application that began it', async () => {
    const scene = await start()
    const engine = await scene.connect({ resourceIds: 'shop#default' })
    const xid = await scene.manager.begin()
    const step = await engine.branch(xid, '', {
      resourceId: 'shop#default',
      branchType: BranchType.SAGA,
    })
    assert.ok(step > 0)
    assert.equal(await scene.manager.rollback(xid), 'Rollbacked')
    assert.deepEqual(engine.orders, ['rollback -1'])
  })
})

describe('a resource manager that cannot be reached', () => {
  test('is tried again after growing delays', async () => {
    const scene = await start()
    const { server, clock, manager, resources } = scene
    const xid = await manager.begin()
    const branchId = await resources.branch(xid, 'stock:1')
    await disconnect(scene, resources)
    assert.equal(await manager.rollback(xid), 'RollbackRetrying')
    const delays: number[] = []
    for (let attempt = 1; attempt <= 4; attempt++) {
      await untilFailed(scene, xid, attempt)
      const delayMs = server.schedule.nextAttemptAt(xid, branchId)! - clock.now()
      delays.push(delayMs)
      await scene.pass(Math.ceil(delayMs))
    }
    for (const [i, delayMs] of delays.entries()) {
      assert.ok(delayMs > 0 && delayMs <= 1000 * 2 ** i, `${delayMs} ms before attempt ${i + 2}`)
    }
    assert.ok(delays[3]! > delays[0]!)
  })

  test('is tried at once when it connects again', async () => {
    const scene = await start()
    const { manager, resources } = scene
    const xid = await manager.begin()
    const branchId = await resources.branch(xid, 'stock:1')
    await disconnect(scene, resources)
    assert.equal(await manager.rollback(xid), 'RollbackRetrying')
    const again = await scene.connect({ resourceIds: stockResource })
    await again.until(() => again.orders.length === 1)
    assert.deepEqual(again.orders, [`rollback ${branchId}`])
    while ((await manager.statusOf(xid)) !== 'Rollbacked');
    assert.equal(scene.server.state.locks.size, 0)
  })
})

test('a resource manager that connects while a failure is flushed is called at once', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const coordinator = await startCoordinator(cleanUps, { journal })
  const client = await coordinator.connect()
  const flushUntil = async <Value>(answer: Promise<Value>): Promise<Value> => {
    let isAnswered = false
    void answer.finally(() => (isAnswered = true))
    while (!isAnswered) {
      journal.flush()
      await client.statusOf('alive')
    }
    return answer
  }
  const xid = await flushUntil(client.begin())
  const branchId = await flushUntil(client.branch(xid, 'stock:1'))
  const answer = client.rollback(xid)
  await client.statusOf(xid)
  journal.flush()
  // The attempt has failed for want of a channel, and that is not durable yet.
  const resources = await coordinator.connect({ resourceIds: stockResource })
  assert.deepEqual(resources.orders, [])
  await flushUntil(resources.until(() => resources.orders.length === 1))
  assert.deepEqual(resources.orders, [`rollback ${branchId}`])
  assert.equal(await flushUntil(answer), 'RollbackRetrying')
})

describe('an attempt that fails', () => {
  test('because the resource manager says so is repeated until it works', async () => {
    const scene = await start()
    const { manager, resources, server } = scene
    let attempts = 0
    resources.react = () =>
      ++attempts < 3 ? { failure: 'the database is away' } : BranchStatus.PhaseTwo_Rollbacked
    const xid = await manager.begin()
    await resources.branch(xid, 'stock:1')
    assert.equal(await manager.rollback(xid), 'RollbackRetrying')
    assert.equal(server.state.transactions.get(xid)!.branches[0]!.lastError, 'the database is away')
    await scene.pass(1000)
    await untilFailed(scene, xid, 2)
    assert.equal(server.state.locks.size, 1)
    await scene.pass(2000)
    while ((await manager.statusOf(xid)) !== 'Rollbacked');
    assert.equal(attempts, 3)
  })

  test('because nobody answers for 15 s is repeated, and the manager need not wait', async () => {
    const scene = await start()
    const { manager, resources } = scene
    resources.react = () => 'silence'
    const xid = await manager.begin()
    await resources.branch(xid, 'stock:1')
    const answer = manager.rollback(xid)
    await resources.until(() => resources.orders.length === 1)
    // Still under way: the manager is told so after its limit of 10 s.
    await scene.pass(9999)
    await scene.pass(1)
    assert.equal(await answer, 'Rollbacking')
    await scene.pass(5010)
    await untilFailed(scene, xid, 1)
    assert.equal(await manager.statusOf(xid), 'RollbackRetrying')
    resources.react = undefined
    await scene.pass(1000)
    await resources.until(() => resources.orders.length === 2)
    while ((await manager.statusOf(xid)) !== 'Rollbacked');
  })

  test('of a commit leaves the transaction committed', async () => {
    const scene = await start()
    const { manager, resources } = scene
    resources.react = () => ({ failure: 'the database is away' })
    const xid = await manager.begin()
    await resources.branch(xid, 'stock:1')
    assert.equal(await manager.commit(xid), 'Committed')
    await untilFailed(scene, xid, 1)
    assert.equal(await manager.statusOf(xid), 'CommitRetrying')
    assert.equal(await manager.commit(xid), 'Committed')
    resources.react = undefined
    await scene.pass(1000)
    while ((await manager.statusOf(xid)) !== 'Committed');
  })

  test('for good keeps the rows locked and waits for a person', async () => {
    const scene = await start()
    const { manager, resources, server } = scene
    resources.react = () => BranchStatus.PhaseTwo_RollbackFailed_Unretryable
    const xid = await manager.begin()
    await resources.branch(xid, 'stock:1')
    assert.equal(await manager.rollback(xid), 'RollbackFailed')
    await scene.pass(120_000)
    assert.equal(resources.orders.length, 1)
    assert.equal(server.state.locks.size, 1)
    assert.equal(await manager.rollback(xid), 'RollbackFailed')
  })
})

test('a commit goes to TCC branches in order, and the manager waits for all', async () => {
  const scene = await start()
  const owner = await scene.connect({ resourceIds: 'reserve' })
  const xid = await scene.manager.begin()
  const branchIds: number[] = []
  for (let i = 0; i < 3; i++) {
    branchIds.push(
      await owner.branch(xid, '', { resourceId: 'reserve', branchType: BranchType.TCC }),
    )
  }
  assert.equal(await scene.manager.commit(xid), 'Committed')
  assert.deepEqual(
    owner.orders,
    branchIds.map((id) => `commit ${id}`),
  )
})

test('old undo logs are deleted three minutes after the start and every day after', async () => {
  const scene = await start()
  const reminders = (): unknown[] =>
    scene.resources.requests.filter(({ type }) => type === MessageType.UndoLogDelete)
  await scene.pass(180_000)
  await scene.resources.until(() => reminders().length === 1)
  const [reminder] = reminders()
  assert.deepEqual(reminder, {
    type: MessageType.UndoLogDelete,
    branchType: BranchType.AT,
    resourceId: stockResource,
    saveDays: 7,
  })
})

describe('after a restart', () => {
  test('what was ending is driven on, and what was running times out', async () => {
    const journal = createMemoryJournal()
    const first = await startCoordinator(cleanUps, { journal })
    const manager = await first.connect()
    const resources = await first.connect({ resourceIds: stockResource })
    resources.react = () => 'silence'
    const [ending, running, unknown] = [
      await manager.begin(),
      await manager.begin(5000),
      await manager.begin(),
    ]
    await resources.branch(ending, 'stock:1')
    await resources.branch(running, 'stock:2')
    void manager.rollback(ending).catch(() => {})
    await resources.until(() => resources.orders.length === 1)
    assert.equal(await manager.commit(unknown), 'Committed')
    await first.server.stop()

    const { port } = new URL(`tcp://${first.server.address}`)
    const second = await startCoordinator(cleanUps, { journal, port: Number(port) })
    const back = await second.connect({ resourceIds: stockResource })
    await back.until(() => back.orders.length === 1)
    while ((await back.statusOf(ending)) !== 'Rollbacked');
    assert.equal(await back.statusOf(running), 'Begin')
    assert.match((await back.askBranch(await back.begin(), 'stock:2')).msg, /is held by/)
    await second.pass(5001)
    while ((await back.statusOf(running)) !== 'TimeoutRollbacked');
    assert.equal(await back.commit(unknown), 'Committed')
    assert.equal(second.server.state.locks.size, 0)
  })

  test('ids go on above those that were given before', async () => {
    const journal = createMemoryJournal()
    const first = await startCoordinator(cleanUps, { journal })
    const client = await first.connect()
    const before = Number((await client.begin()).split(':')[2])
    await first.server.stop()
    const second = await startCoordinator(cleanUps, { journal })
    const after_ = Number((await (await second.connect()).begin()).split(':')[2])
    assert.ok(after_ > before)
  })
})
