import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createSeededRandom, currentContext, runWithContext, systemClock } from '@settee/kit'
import { TimerWheel } from '@settee/wire'
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  MessageType,
  ResultCode,
  type RequestMessage,
  type TransactionResult,
} from '../protocol/index.ts'
import { clientVersion, CoordinatorLink } from './coordinator-link.ts'
import { ResourceManager, type ResourceManagerOptions } from './resource-manager.ts'
import type { BranchRegistration, Resource } from './resource.ts'
import { failed, success, TestCoordinator, type React, type Reaction } from './test-coordinator.ts'

const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

interface Bench {
  readonly coordinator: TestCoordinator
  readonly manager: ResourceManager
  readonly warnings: unknown[]
}

async function setUp(
  react: React = () => undefined,
  options: Partial<ResourceManagerOptions> = {},
): Promise<Bench> {
  const coordinator = await TestCoordinator.start({ react })
  const warnings: unknown[] = []
  const onWarning = (error: unknown): void => {
    warnings.push(error)
  }
  const link = new CoordinatorLink({
    host: '127.0.0.1',
    port: coordinator.port,
    clock: systemClock,
    random: createSeededRandom(1),
    wheel: new TimerWheel({ clock: systemClock }),
    registration: () => ({
      type: MessageType.RegisterRM,
      version: clientVersion,
      applicationId: 'order',
      transactionServiceGroup: 'group',
      extraData: '',
      resourceIds: manager.resourceIds,
    }),
    onRequest: (message, requestId, frameType, peer) =>
      manager.onRequest(message, requestId, frameType, peer),
    onWarning,
  })
  const manager: ResourceManager = new ResourceManager(link, { ...options, onWarning })
  cleanUps.push(
    () => coordinator.stop(),
    () => link.close(),
  )
  return { coordinator, manager, warnings }
}

/** A database that does as it is told. */
function createResource(own: Partial<Resource> = {}): Resource {
  return {
    resourceId: 'jdbc:db',
    branchType: BranchType.AT,
    commitBranch: async () => BranchStatus.PhaseTwo_Committed,
    rollbackBranch: async () => BranchStatus.PhaseTwo_Rollbacked,
    deleteUndoLogs: async () => {},
    close: async () => {},
    ...own,
  }
}

const xid = '127.0.0.1:8091:7'
const branch = { xid, branchId: 8, resourceId: 'jdbc:db' }
const registration: BranchRegistration = {
  xid,
  branchType: BranchType.AT,
  resourceId: 'jdbc:db',
  lockKeys: 'account:1',
  lockWaitMs: 0,
  holdsRowLocks: true,
}

/** Takes the reactions one after the other for requests of `type`, then the usual answers. */
function oneByOne(type: number, reactions: readonly Reaction[]): React {
  let next = 0
  return (message: RequestMessage) => (message.type === type ? reactions[next++] : undefined)
}

function refusedBranch(code: ExceptionCode, msg = 'TransactionException[no]'): Reaction {
  return { type: MessageType.BranchRegisterResult, ...failed(code, msg), branchId: 0 }
}

describe('registering a branch', () => {
  test('sends the locks and how long it may wait for them', async () => {
    const { coordinator, manager } = await setUp()
    manager.add(createResource())
    assert.equal(await manager.registerBranch({ ...registration, lockWaitMs: 300 }), 1)
    const request = coordinator.ofType(MessageType.BranchRegister)[0]!
    const { applicationData, ...rest } = request
    assert.deepEqual(rest, {
      type: MessageType.BranchRegister,
      xid,
      branchType: BranchType.AT,
      resourceId: 'jdbc:db',
      lockKey: 'account:1',
    })
    assert.match(
      applicationData,
      /^\{"autoCommit":false,"skipCheckLock":false,"lockWaitMs":(300|29\d)\}$/,
    )
    await manager.registerBranch({ ...registration, holdsRowLocks: false })
    assert.equal(
      coordinator.ofType(MessageType.BranchRegister)[1]!.applicationData,
      '{"autoCommit":true,"skipCheckLock":false,"lockWaitMs":0}',
    )
  })

  for (const { exceptionCode, code, failFast } of [
    { exceptionCode: 'LockKeyConflict', code: 'SETTEE_TX_LOCK_CONFLICT', failFast: false },
    { exceptionCode: 'LockKeyConflictFailFast', code: 'SETTEE_TX_LOCK_CONFLICT', failFast: true },
    { exceptionCode: 'GlobalTransactionNotExist', code: 'SETTEE_TX_BRANCH_REFUSED' },
    { exceptionCode: 'GlobalTransactionNotActive', code: 'SETTEE_TX_BRANCH_REFUSED' },
    { exceptionCode: 'GlobalTransactionStatusInvalid', code: 'SETTEE_TX_BRANCH_REFUSED' },
    { exceptionCode: 'FailedToAddBranch', code: 'SETTEE_TX_BRANCH_REFUSED' },
    { exceptionCode: 'Unknown', code: 'SETTEE_TX_BRANCH_REFUSED' },
    { exceptionCode: 'BranchRegisterFailed', code: 'SETTEE_TX_STORE_FAILED' },
    { exceptionCode: 'FailedStore', code: 'SETTEE_TX_STORE_FAILED' },
  ] as const) {
    test(`${exceptionCode} becomes ${code} with the coordinator's words`, async () => {
      const refusal = refusedBranch(ExceptionCode[exceptionCode])
      const { manager } = await setUp(oneByOne(MessageType.BranchRegister, [refusal]))
      manager.add(createResource())
      await assert.rejects(manager.registerBranch(registration), {
        code,
        message: 'TransactionException[no]',
        details: {
          xid,
          resourceId: 'jdbc:db',
          exceptionCode,
          ...(failFast !== undefined && { failFast }),
        },
      })
    })
  }

  test('asks again for a held lock where the coordinator does not wait itself', async () => {
    const held = refusedBranch(ExceptionCode.LockKeyConflict)
    const { coordinator, manager } = await setUp(oneByOne(MessageType.BranchRegister, [held, held]))
    manager.add(createResource())
    await manager.registerBranch({ ...registration, lockWaitMs: 5000 })
    const waits = coordinator
      .ofType(MessageType.BranchRegister)
      .map(({ applicationData }) => Number(/"lockWaitMs":(\d+)/.exec(applicationData)![1]))
    assert.equal(waits.length, 3)
    assert.ok(waits[0]! > waits[1]! && waits[1]! > waits[2]!)
  })

  test('does not ask again when waiting is hopeless', async () => {
    const hopeless = refusedBranch(ExceptionCode.LockKeyConflictFailFast)
    const { manager } = await setUp(oneByOne(MessageType.BranchRegister, [hopeless]))
    manager.add(createResource())
    await assert.rejects(manager.registerBranch({ ...registration, lockWaitMs: 5000 }), {
      code: 'SETTEE_TX_LOCK_CONFLICT',
    })
  })

  test('is not sent twice when the answer is lost', async () => {
    const { coordinator, manager } = await setUp(oneByOne(MessageType.BranchRegister, ['lose']))
    manager.add(createResource())
    await assert.rejects(manager.registerBranch(registration), {
      code: 'SETTEE_TX_BRANCH_UNCONFIRMED',
      retryable: true,
    })
    assert.equal(coordinator.ofType(MessageType.BranchRegister).length, 1)
  })

  test('ends at the deadline of the request', async () => {
    const { coordinator, manager } = await setUp(oneByOne(MessageType.BranchRegister, ['silence']))
    manager.add(createResource())
    await coordinator.until(() => coordinator.peersOf('RM').length === 1)
    const deadlineMs = systemClock.monotonic() + 300
    await assert.rejects(
      runWithContext({ deadlineMs }, () =>
        manager.registerBranch({ ...registration, lockWaitMs: 60_000 }),
      ),
      { code: 'SETTEE_TX_BRANCH_UNCONFIRMED' },
    )
    assert.match(
      coordinator.ofType(MessageType.BranchRegister)[0]!.applicationData,
      /"lockWaitMs":(300|2\d\d)\}/,
    )
  })
})

describe('reports and lock queries', () => {
  const report = { ...branch, branchType: BranchType.AT, status: BranchStatus.PhaseOne_Failed }
  const answer = (result: TransactionResult): Reaction => ({
    type: MessageType.BranchReportResult,
    ...result,
  })
  const storeFailure = answer(failed(ExceptionCode.BranchReportFailed, 'the disk is full'))

  test('a report is asked again, across lost answers and a failing store', async () => {
    const { coordinator, manager } = await setUp(
      oneByOne(MessageType.BranchReport, ['lose', storeFailure]),
    )
    manager.add(createResource())
    await manager.reportBranch(xid, report)
    const requests = coordinator.ofType(MessageType.BranchReport)
    assert.equal(requests.length, 3)
    assert.equal(requests[2]!.branchStatus, BranchStatus.PhaseOne_Failed)
  })

  test('a report is given up after five attempts, or when the branch is unknown', async () => {
    const unknown = answer(failed(ExceptionCode.BranchTransactionNotExist, 'Could not found'))
    const { coordinator, manager } = await setUp(
      oneByOne(MessageType.BranchReport, [...new Array<Reaction>(5).fill(storeFailure), unknown]),
    )
    manager.add(createResource())
    await assert.rejects(manager.reportBranch(xid, report), { code: 'SETTEE_TX_STORE_FAILED' })
    assert.equal(coordinator.ofType(MessageType.BranchReport).length, 5)
    await assert.rejects(manager.reportBranch(xid, report), { code: 'SETTEE_TX_BRANCH_REFUSED' })
    assert.equal(coordinator.ofType(MessageType.BranchReport).length, 6)
  })

  test('rows are lockable, or not, in either of the forms in which that is said', async () => {
    const query = (result: TransactionResult, lockable: boolean): Reaction => ({
      type: MessageType.GlobalLockQueryResult,
      ...result,
      lockable,
    })
    const { manager } = await setUp(
      oneByOne(MessageType.GlobalLockQuery, [
        query(success, true),
        query(success, false),
        query(failed(ExceptionCode.LockKeyConflictFailFast, 'held'), false),
        'lose',
        query(success, true),
        query(failed(ExceptionCode.LockableCheckFailed, 'bad keys'), false),
      ]),
    )
    manager.add(createResource())
    const ask = (): Promise<boolean> => manager.isLockable(xid, 'jdbc:db', 'account:1')
    assert.equal(await ask(), true)
    assert.equal(await ask(), false)
    assert.equal(await ask(), false)
    assert.equal(await ask(), true)
    await assert.rejects(ask(), { code: 'SETTEE_TX_BRANCH_REFUSED', message: 'bad keys' })
  })
})

describe('phase two', () => {
  async function serve(
    own: Partial<Resource>,
    options?: Partial<ResourceManagerOptions>,
  ): Promise<Bench> {
    const bench = await setUp(undefined, options)
    bench.manager.add(createResource(own))
    await bench.coordinator.until(() => bench.coordinator.peersOf('RM').length === 1)
    return bench
  }

  test('commits and rolls back, and answers with the status', async () => {
    const ended: unknown[] = []
    const { coordinator } = await serve({
      async commitBranch(...args) {
        ended.push(['commit', ...args])
        return BranchStatus.PhaseTwo_Committed
      },
      async rollbackBranch(...args) {
        ended.push(['rollback', ...args])
        return BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      },
    })
    assert.deepEqual(await coordinator.endBranch('commit', branch), {
      type: MessageType.BranchCommitResult,
      ...success,
      xid,
      branchId: 8,
      branchStatus: BranchStatus.PhaseTwo_Committed,
    })
    const rolledBack = await coordinator.endBranch('rollback', branch)
    assert.equal(rolledBack.branchStatus, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
    const repair = { ...branch, applicationData: '{"repair":{"choice":"now"}}' }
    await coordinator.endBranch('rollback', repair)
    assert.deepEqual(ended, [
      ['commit', xid, 8],
      ['rollback', xid, 8, undefined],
      ['rollback', xid, 8, 'now'],
    ])
  })

  test('a resource that throws is answered for, with a status and the reason', async () => {
    const fail = (): never => {
      throw new Error('the database is away')
    }
    const { coordinator } = await serve({ commitBranch: fail, rollbackBranch: fail })
    for (const [kind, branchStatus] of [
      ['commit', BranchStatus.PhaseTwo_CommitFailed_Retryable],
      ['rollback', BranchStatus.PhaseTwo_RollbackFailed_Retryable],
    ] as const) {
      const answer = await coordinator.endBranch(kind, branch)
      assert.equal(answer.branchStatus, branchStatus)
      assert.equal(answer.resultCode, ResultCode.Failed)
      assert.equal(answer.msg, 'the database is away')
    }
  })

  test('a resource that this process does not serve is to be tried again', async () => {
    const { coordinator } = await serve({})
    const answer = await coordinator.endBranch('rollback', { ...branch, resourceId: 'jdbc:other' })
    assert.equal(answer.branchStatus, BranchStatus.PhaseTwo_RollbackFailed_Retryable)
    assert.equal(answer.msg, 'this process does not serve jdbc:other')
  })

  test('only so many branches end at once and wait; the rest is refused', async () => {
    const gate = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    const { coordinator } = await serve(
      {
        async commitBranch() {
          most = Math.max(most, ++running)
          await gate.promise
          running--
          return BranchStatus.PhaseTwo_Committed
        },
      },
      { maxRunningBranches: 2, maxWaitingBranches: 3 },
    )
    const answers = Array.from({ length: 6 }, (_, i) =>
      coordinator.endBranch('commit', { ...branch, branchId: i }),
    )
    assert.equal((await answers[5]!).msg, '3 branches of jdbc:db wait already')
    gate.resolve()
    for (const answer of answers.slice(0, 5)) {
      assert.equal((await answer).branchStatus, BranchStatus.PhaseTwo_Committed)
    }
    assert.equal(most, 2)
  })

  test('does not run in the transaction in which the connection was opened', async () => {
    const { coordinator, manager } = await setUp()
    const seen: unknown[] = []
    const see = (): void => {
      seen.push(currentContext())
    }
    runWithContext({ xid: 'of somebody else', deadlineMs: 1 }, () =>
      manager.add(
        createResource({
          async commitBranch() {
            see()
            return BranchStatus.PhaseTwo_Committed
          },
          deleteUndoLogs: async () => see(),
        }),
      ),
    )
    await coordinator.until(() => coordinator.peersOf('RM').length === 1)
    orderUndoLogDelete(coordinator, 7)
    await coordinator.endBranch('commit', branch)
    assert.deepEqual(seen, [{}, {}])
  })

  test('old undo logs are deleted on order; a failure is told', async () => {
    const deleted: number[] = []
    const { coordinator, warnings } = await serve({
      async deleteUndoLogs(saveDays) {
        deleted.push(saveDays)
        if (saveDays === 0) throw new Error('the database is away')
      },
    })
    orderUndoLogDelete(coordinator, 7)
    orderUndoLogDelete(coordinator, 0)
    await coordinator.endBranch('commit', branch)
    assert.deepEqual(deleted, [7, 0])
    assert.equal(String(warnings[0]), 'Error: the database is away')
  })

  function orderUndoLogDelete(coordinator: TestCoordinator, saveDays: number): void {
    coordinator.peersOf('RM')[0]!.sendOneway({
      type: MessageType.UndoLogDelete,
      branchType: BranchType.AT,
      resourceId: 'jdbc:db',
      saveDays,
    })
  }
})

describe('resources', () => {
  test('all are registered, those that come later on the same connection', async () => {
    const { coordinator, manager } = await setUp()
    manager.add(createResource({ resourceId: 'a' }))
    await coordinator.until(() => coordinator.peersOf('RM').length === 1)
    manager.add(createResource({ resourceId: 'b' }))
    await coordinator.until(() => coordinator.ofType(MessageType.RegisterRM).length === 2)
    assert.deepEqual(
      coordinator.ofType(MessageType.RegisterRM).map(({ resourceIds }) => resourceIds),
      ['a', 'a,b'],
    )
  })

  test('an id that cannot be registered, or is in use, is refused', async () => {
    const { manager } = await setUp()
    manager.add(createResource())
    for (const resourceId of ['', 'a,b', 'jdbc:db']) {
      assert.throws(() => manager.add(createResource({ resourceId })), {
        code: 'SETTEE_TX_BAD_OPTION',
      })
    }
  })

  test('closing waits for what runs, drops what waits and closes every resource', async () => {
    const gate = Promise.withResolvers<void>()
    const told: string[] = []
    const { coordinator, manager, warnings } = await setUp(undefined, { maxRunningBranches: 1 })
    manager.add(
      createResource({
        async commitBranch(_xid, branchId) {
          await gate.promise
          told.push(`committed ${branchId}`)
          return BranchStatus.PhaseTwo_Committed
        },
        close: async () => void told.push('closed'),
      }),
    )
    manager.add(
      createResource({
        resourceId: 'broken',
        async close() {
          throw new Error('cannot close')
        },
      }),
    )
    await coordinator.until(() => coordinator.peersOf('RM').length === 1)
    const orders = [1, 2].map((branchId) =>
      coordinator.endBranch('commit', { ...branch, branchId }),
    )
    for (const order of orders) order.catch(() => {})
    await coordinator.endBranch('commit', { ...branch, resourceId: 'broken' })
    const closed = manager.close()
    gate.resolve()
    await closed
    assert.deepEqual(told, ['committed 1', 'closed'])
    assert.equal(String(warnings[0]), 'Error: cannot close')
  })
})
