import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createMemoryJournal } from '@settee/journal'
import type { TxServerOptions } from '../server.ts'
import { BranchStatus, ExceptionCode, MessageType, ResultCode } from '../protocol/index.ts'
import {
  accountResource,
  cleanUpAll,
  startCoordinator,
  stockResource,
  type CleanUps,
  type TestClient,
  type TestCoordinator,
} from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

const patient = { applicationData: '{"lockWaitMs":60000}' }
const patientHolder = { applicationData: '{"autoCommit":false,"lockWaitMs":60000}' }

async function start(
  options: Partial<TxServerOptions> = {},
): Promise<TestCoordinator & { client: TestClient }> {
  const coordinator = await startCoordinator(cleanUps, options)
  const resourceIds = `${stockResource},${accountResource}`
  return { ...coordinator, client: await coordinator.connect({ resourceIds }) }
}

/** Returns the answer when it comes, and resolves once the coordinator has let the request wait. */
async function park(
  { server }: TestCoordinator,
  client: TestClient,
  request: { xid: string; lockKey: string; options?: { applicationData: string } },
): Promise<{ answer: ReturnType<TestClient['askBranch']> }> {
  const { xid, lockKey, options = patient } = request
  const waiterCount = server.lockWaiterCount
  const answer = client.askBranch(xid, lockKey, options)
  answer.catch(() => {})
  await client.statusOf(xid)
  assert.equal(server.lockWaiterCount, waiterCount + 1)
  return { answer }
}

describe('a row that another transaction holds', () => {
  test('is refused in the words of the original, with who holds it and for how long', async () => {
    const { client, clock } = await start()
    const [holder, other] = [await client.begin(), await client.begin()]
    const branchId = await client.branch(holder, 'stock:1,2')
    clock.advance(120)
    const { resultCode, exceptionCode, msg } = await client.askBranch(other, 'stock:3,2')
    assert.equal(resultCode, ResultCode.Failed)
    assert.equal(exceptionCode, ExceptionCode.LockKeyConflict)
    const refused = /branchId = (\d+) /.exec(msg)![1]!
    assert.equal(
      msg,
      `TransactionException[Global lock acquire failed xid = ${other} branchId = ${refused} ` +
        `(row stock:2 of ${stockResource} is held by xid = ${holder} branchId = ${branchId} ` +
        '(transaction purchase of shop), locked by shop, for 120 ms)]',
    )
    // Nothing was taken of what was free.
    await client.branch(holder, 'stock:3')
  })

  test('may be locked again by its holder, and under another resource by anybody', async () => {
    const { client } = await start()
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    await client.branch(holder, 'stock:1')
    await client.branch(other, 'stock:1', { resourceId: accountResource })
  })

  test('is not lockable for others, but for its holder', async () => {
    const { client } = await start()
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    const query = async (xid: string, lockKey: string): Promise<unknown> => {
      const fields = { xid, branchType: 0, resourceId: stockResource, lockKey } as const
      return client.ask({ type: MessageType.GlobalLockQuery, ...fields, applicationData: '' })
    }
    const success = { type: MessageType.GlobalLockQueryResult, resultCode: 1, msg: '' }
    const result = { ...success, exceptionCode: 0 }
    assert.deepEqual(await query(other, 'stock:1'), { ...result, lockable: false })
    assert.deepEqual(await query(other, 'stock:2'), { ...result, lockable: true })
    assert.deepEqual(await query(holder, 'stock:1'), { ...result, lockable: true })
    const { msg, exceptionCode } = (await query(other, ':')) as never as typeof result
    assert.equal(exceptionCode, ExceptionCode.LockableCheckFailed)
    assert.match(msg, /without a table/)
  })

  test('is free as soon as the commit is answered', async () => {
    const { client } = await start()
    client.react = () => 'silence'
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    assert.equal(await client.commit(holder), 'Committed')
    await client.branch(other, 'stock:1')
  })
})

describe('who may wait for a row', () => {
  test('gets it in the order of arrival', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const holder = await client.begin()
    await client.branch(holder, 'stock:1')
    const order: number[] = []
    const xids: string[] = []
    const answers: Promise<void>[] = []
    for (let i = 0; i < 5; i++) {
      const xid = await client.begin()
      xids.push(xid)
      const { answer } = await park(coordinator, client, { xid, lockKey: 'stock:1' })
      answers.push(
        answer.then(async ({ resultCode }) => {
          assert.equal(resultCode, ResultCode.Success)
          order.push(i)
          await client.commit(xid)
        }),
      )
    }
    await client.commit(holder)
    await Promise.all(answers)
    assert.deepEqual(order, [0, 1, 2, 3, 4])
    assert.equal(coordinator.server.lockWaiterCount, 0)
  })

  test('is not overtaken by a newcomer who may wait too', async () => {
    const journal = createMemoryJournal({ flush: 'manual' })
    const coordinator = await start({ journal })
    const { client } = coordinator
    const flushed = async <Value>(answer: Promise<Value>): Promise<Value> => {
      await client.statusOf('alive')
      journal.flush()
      return answer
    }
    const holder = await flushed(client.begin())
    const [first, newcomer] = [await flushed(client.begin()), await flushed(client.begin())]
    await flushed(client.branch(holder, 'stock:1'))
    const waiting = await park(coordinator, client, { xid: first, lockKey: 'stock:1' })
    // The row is free, and the first is on its way to the disk with it.
    await flushed(client.commit(holder))
    const late = client.askBranch(newcomer, 'stock:2,1', patient)
    await client.statusOf('alive')
    assert.equal(coordinator.server.lockWaiterCount, 2)
    assert.equal((await flushed(waiting.answer)).resultCode, ResultCode.Success)
    await flushed(client.commit(first))
    assert.equal((await flushed(late)).resultCode, ResultCode.Success)
  })

  test('is refused when its time is up', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    const options = { applicationData: '{"lockWaitMs":300}' }
    const { answer } = await park(coordinator, client, { xid: other, lockKey: 'stock:1', options })
    await coordinator.pass(299)
    assert.equal(coordinator.server.lockWaiterCount, 1)
    await coordinator.pass(1)
    const { exceptionCode, msg } = await answer
    assert.equal(exceptionCode, ExceptionCode.LockKeyConflict)
    assert.match(msg, /is held by xid = .*, for 300 ms/)
    assert.equal(coordinator.server.lockWaiterCount, 0)
  })

  test('waits in the queue of a row for no longer than it said, even behind others', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const [holder, first, second] = [
      await client.begin(),
      await client.begin(),
      await client.begin(),
    ]
    await client.branch(holder, 'stock:1')
    const waiting = await park(coordinator, client, { xid: first, lockKey: 'stock:1' })
    const options = { applicationData: '{"lockWaitMs":100}' }
    const behind = await park(coordinator, client, { xid: second, lockKey: 'stock:1', options })
    await coordinator.pass(100)
    assert.equal((await behind.answer).exceptionCode, ExceptionCode.LockKeyConflict)
    await client.commit(holder)
    assert.equal((await waiting.answer).resultCode, ResultCode.Success)
  })

  test('does not wait anew when its time is up while the row changes hands', async () => {
    const journal = createMemoryJournal({ flush: 'manual' })
    const coordinator = await start({ journal })
    const { client } = coordinator
    const flushed = async <Value>(answer: Promise<Value>): Promise<Value> => {
      await client.statusOf('alive')
      journal.flush()
      return answer
    }
    const holder = await flushed(client.begin())
    const [first, second] = [await flushed(client.begin()), await flushed(client.begin())]
    await flushed(client.branch(holder, 'stock:1'))
    const waiting = await park(coordinator, client, { xid: first, lockKey: 'stock:1' })
    const options = { applicationData: '{"lockWaitMs":100}' }
    const behind = await park(coordinator, client, { xid: second, lockKey: 'stock:1', options })
    await flushed(client.commit(holder))
    await coordinator.pass(100)
    assert.equal((await flushed(waiting.answer)).resultCode, ResultCode.Success)
    assert.equal((await behind.answer).exceptionCode, ExceptionCode.LockKeyConflict)
  })

  test('is refused at once when the holder rolls back and needs the locked rows', async () => {
    const coordinator = await start()
    const { client } = coordinator
    client.react = () => 'silence'
    const [holder, hopeless, hopeful] = [
      await client.begin(),
      await client.begin(),
      await client.begin(),
    ]
    await client.branch(holder, 'stock:1')
    const first = await park(coordinator, client, {
      xid: hopeless,
      lockKey: 'stock:1',
      options: patientHolder,
    })
    await park(coordinator, client, { xid: hopeful, lockKey: 'stock:1' })
    void client.rollback(holder).catch(() => {})
    const { exceptionCode, msg } = await first.answer
    assert.equal(exceptionCode, ExceptionCode.LockKeyConflictFailFast)
    assert.match(
      msg,
      /\(transaction purchase of shop\), which is rolling back, locked by shop, for/,
    )
    // It holds nothing in the database, so it may go on waiting.
    assert.equal(coordinator.server.lockWaiterCount, 1)
    const late = await client.askBranch(hopeless, 'stock:1', patientHolder)
    assert.equal(late.exceptionCode, ExceptionCode.LockKeyConflictFailFast)
  })

  test('gets the row when the rollback of its holder is through', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    const { answer } = await park(coordinator, client, { xid: other, lockKey: 'stock:1' })
    assert.equal(await client.rollback(holder), 'Rollbacked')
    assert.equal((await answer).resultCode, ResultCode.Success)
  })

  test('is skipped when its connection is gone', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const gone = await coordinator.connect({ resourceIds: stockResource })
    const [holder, first, second] = [
      await client.begin(),
      await client.begin(),
      await client.begin(),
    ]
    await client.branch(holder, 'stock:1')
    await park(coordinator, gone, { xid: first, lockKey: 'stock:1' })
    const { answer } = await park(coordinator, client, { xid: second, lockKey: 'stock:1' })
    const connectionCount = coordinator.server.connectionCount
    gone.close()
    await gone.until(() => !gone.isOpen)
    while (coordinator.server.connectionCount === connectionCount) await client.statusOf(holder)
    await client.commit(holder)
    assert.equal((await answer).resultCode, ResultCode.Success)
    assert.equal(coordinator.server.state.transactions.get(first)!.branches.length, 0)
  })

  test('is told when its own transaction ends meanwhile', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const [holder, other] = [await client.begin(), await client.begin(1000)]
    await client.branch(holder, 'stock:1')
    const { answer } = await park(coordinator, client, { xid: other, lockKey: 'stock:1' })
    await coordinator.pass(1001)
    await client.commit(holder)
    const { exceptionCode, msg } = await answer
    assert.equal(exceptionCode, ExceptionCode.GlobalTransactionNotExist)
    assert.match(msg, /because of its timeout of 1000 ms/)
  })

  test('shares a long queue of connections that are gone with nobody', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const gone = await coordinator.connect({ resourceIds: stockResource })
    const [holder, last] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    const count = 9000
    const doomed = await Promise.all(Array.from({ length: 45 }, () => client.begin()))
    for (let i = 0; i < count; i++) {
      gone.askBranch(doomed[i % 45]!, 'stock:1', patient).catch(() => {})
    }
    await gone.statusOf(last)
    const { answer } = await park(coordinator, client, { xid: last, lockKey: 'stock:1' })
    assert.equal(coordinator.server.lockWaiterCount, count + 1)
    const connectionCount = coordinator.server.connectionCount
    gone.close()
    while (coordinator.server.connectionCount === connectionCount) await client.statusOf(holder)
    await client.commit(holder)
    assert.equal((await answer).resultCode, ResultCode.Success)
    assert.equal(coordinator.server.lockWaiterCount, 0)
  })

  test('moves on with a long queue to the next row that is held', async () => {
    const coordinator = await start()
    const { client } = coordinator
    const [holder, other, many] = [await client.begin(), await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    await client.branch(other, 'stock:2')
    const answers = Array.from({ length: 256 }, () => client.askBranch(many, 'stock:1,2', patient))
    await client.statusOf(many)
    await client.commit(holder)
    assert.equal(coordinator.server.lockWaiterCount, 256)
    await client.commit(other)
    const results = new Set((await Promise.all(answers)).map(({ resultCode }) => resultCode))
    assert.deepEqual([...results], [ResultCode.Success])
  })

  test('waits on while a rollback that cannot be carried out keeps the row', async () => {
    const coordinator = await start()
    const { client } = coordinator
    client.react = () => BranchStatus.PhaseTwo_RollbackFailed_Unretryable
    const [holder, other] = [await client.begin(), await client.begin()]
    await client.branch(holder, 'stock:1')
    assert.equal(await client.rollback(holder), 'RollbackFailed')
    const options = { applicationData: '{"lockWaitMs":50}' }
    const { answer } = await park(coordinator, client, { xid: other, lockKey: 'stock:1', options })
    await coordinator.pass(50)
    assert.equal((await answer).exceptionCode, ExceptionCode.LockKeyConflict)
    assert.equal(coordinator.server.state.locks.size, 1)
  })
})
