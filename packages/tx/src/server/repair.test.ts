import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { describeTransaction } from '../server.ts'
import { BranchStatus, BranchType, MessageType, ResultCode } from '../protocol/index.ts'
import { cleanUpAll, startCoordinator, stockResource, type CleanUps } from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

const unretryable = BranchStatus.PhaseTwo_RollbackFailed_Unretryable
const order = { choice: 'after', by: 'Kim', note: '' } as const

describe('a branch that a person repairs', () => {
  test('is reported over the wire, ordered by the management API, and ends', async () => {
    const { server, ...coordinator } = await startCoordinator(cleanUps)
    const client = await coordinator.connect({ resourceIds: stockResource })
    const xid = await client.begin()
    const branchId = await client.branch(xid, 'stock:1')
    client.react = () => unretryable
    assert.equal(await client.rollback(xid), 'RollbackFailed')
    const dirty = { code: 'SETTEE_TX_DIRTY_DATA', message: 'm', rows: [], omittedRows: 3 }
    const report = await client.ask({
      type: MessageType.BranchReport,
      xid,
      branchId,
      branchStatus: unretryable,
      resourceId: stockResource,
      applicationData: JSON.stringify({ dirty }),
      branchType: BranchType.AT,
    })
    assert.equal(report.resultCode, ResultCode.Success)
    const [branch] = describeTransaction(server.state, xid, server.schedule)!.branches
    assert.deepEqual([branch?.dirty, branch?.isRepairable], [dirty, true])

    client.react = undefined
    await server.repairBranch({ xid, branchId: branch!.branchId, ...order })
    await client.until(() => client.orders.length === 2)
    const last = client.requests.at(-1) as { applicationData: string }
    assert.equal(last.applicationData, '{"repair":{"choice":"after"}}')
    while ((await client.statusOf(xid)) !== 'Rollbacked');
    assert.equal(server.state.locks.size, 0)
  })

  test('is refused with a typed error when there is nothing to repair', async () => {
    const { server, ...coordinator } = await startCoordinator(cleanUps)
    const client = await coordinator.connect({ resourceIds: stockResource })
    const xid = await client.begin()
    const branchId = String(await client.branch(xid, 'stock:1'))
    await assert.rejects(server.repairBranch({ xid, branchId, ...order }), {
      code: 'SETTEE_TX_REPAIR_REFUSED',
      message: /status = Begin .*only a rollback that has failed may be repaired/,
    })
    await assert.rejects(server.repairBranch({ xid, branchId: 'x', ...order }), {
      code: 'SETTEE_TX_BAD_OPTION',
    })
  })
})

test('who waits for a row is shown with its holder, service and statement', async () => {
  const { server, clock, ...coordinator } = await startCoordinator(cleanUps)
  const client = await coordinator.connect({ resourceIds: stockResource, applicationId: 'stock' })
  const [holder, waiter] = [await client.begin(), await client.begin()]
  const applicationData = '{"statement":"UPDATE stock"}'
  await client.branch(holder, 'stock:1', { applicationData })
  const since = clock.now()
  client.askBranch(waiter, 'stock:1', { applicationData: '{"lockWaitMs":500}' }).catch(() => {})
  await client.statusOf(waiter)
  const named = { name: 'purchase', application: 'stock' }
  assert.deepEqual(server.lockWaits(), [
    {
      resourceId: stockResource,
      table: 'stock',
      key: '1',
      xid: waiter,
      ...named,
      since,
      deadline: since + 500,
      holder: { xid: holder, ...named, service: 'stock', statement: 'UPDATE stock', since },
    },
  ])
})

test('too many transactions at once are refused without a record', async () => {
  const { server, ...coordinator } = await startCoordinator(cleanUps, { maxBeginsPerSecond: 2 })
  const client = await coordinator.connect()
  await client.begin()
  await client.begin()
  const { appliedIndex } = server.stats()
  const { resultCode, msg } = await client.askBegin()
  assert.equal(resultCode, ResultCode.Failed)
  assert.match(msg, /^TransactionException\[begin global request failed.*maxBeginsPerSecond/)
  assert.equal(server.stats().appliedIndex, appliedIndex)
  await coordinator.pass(1000)
  await client.begin()
})
