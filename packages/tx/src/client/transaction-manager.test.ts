import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createSeededRandom, runWithContext, systemClock } from '@settee/kit'
import { TimerWheel } from '@settee/wire'
import {
  ExceptionCode,
  GlobalStatus,
  MessageType,
  nameOf,
  type ResponseMessage,
  type TransactionResult,
} from '../protocol/index.ts'
import { clientVersion, CoordinatorLink } from './coordinator-link.ts'
import { failed, success, TestCoordinator, type React } from './test-coordinator.ts'
import { TransactionManager, type TransactionManagerOptions } from './transaction-manager.ts'

const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

interface Bench {
  readonly coordinator: TestCoordinator
  readonly manager: TransactionManager
}

async function setUp(react: React, options?: TransactionManagerOptions): Promise<Bench> {
  const coordinator = await TestCoordinator.start({ react })
  const link = new CoordinatorLink({
    host: '127.0.0.1',
    port: coordinator.port,
    clock: systemClock,
    random: createSeededRandom(1),
    wheel: new TimerWheel({ clock: systemClock }),
    registration: () => ({
      type: MessageType.RegisterTM,
      version: clientVersion,
      applicationId: 'order',
      transactionServiceGroup: 'group',
      extraData: '',
    }),
    onWarning: () => {},
  })
  cleanUps.push(
    () => coordinator.stop(),
    () => link.close(),
  )
  link.register()
  return { coordinator, manager: new TransactionManager(link, options) }
}

const xid = '127.0.0.1:8091:7'

function commitAnswer(globalStatus: GlobalStatus, result: TransactionResult = success) {
  return { type: MessageType.GlobalCommitResult, ...result, globalStatus } as const
}
function rollbackAnswer(globalStatus: GlobalStatus, result: TransactionResult = success) {
  return { type: MessageType.GlobalRollbackResult, ...result, globalStatus } as const
}

/** Takes the reactions one after the other for requests of `type`, then the usual answers. */
function oneByOne(
  type: number,
  reactions: readonly (ResponseMessage | 'lose' | 'silence')[],
): React {
  let next = 0
  return (message) => (message.type === type ? reactions[next++] : undefined)
}

describe('begin', () => {
  test('gives the xid', async () => {
    const { coordinator, manager } = await setUp(() => undefined)
    assert.equal(await manager.begin('purchase', 3000), `${coordinator.address}:1`)
    assert.deepEqual(coordinator.requests[1], {
      type: MessageType.GlobalBegin,
      timeoutMs: 3000,
      transactionName: 'purchase',
    })
  })

  test('is asked again when the answer is lost', async () => {
    const { coordinator, manager } = await setUp(
      oneByOne(MessageType.GlobalBegin, ['lose', 'lose']),
    )
    await manager.begin('purchase', 3000)
    assert.equal(coordinator.ofType(MessageType.GlobalBegin).length, 3)
  })

  test('fails with the words of the coordinator, at once', async () => {
    const answer = {
      type: MessageType.GlobalBeginResult,
      ...failed(ExceptionCode.BeginFailed, 'TransactionException[too many]'),
      xid: '',
      extraData: '',
    } as const
    const { coordinator, manager } = await setUp(oneByOne(MessageType.GlobalBegin, [answer]))
    await assert.rejects(manager.begin('purchase', 3000), {
      code: 'SETTEE_TX_BEGIN_FAILED',
      message: 'the global transaction "purchase" could not begin: TransactionException[too many]',
    })
    assert.equal(coordinator.ofType(MessageType.GlobalBegin).length, 1)
  })

  test('gives up at its limit, and at the deadline of the request', async () => {
    const { manager } = await setUp(() => 'silence', { beginTimeoutMs: 150 })
    await assert.rejects(manager.begin('a', 3000), { code: 'SETTEE_TX_BEGIN_FAILED' })
    const deadlineMs = systemClock.monotonic() - 1
    await assert.rejects(
      runWithContext({ deadlineMs }, () => manager.begin('b', 3000)),
      { code: 'SETTEE_TX_BEGIN_FAILED', message: /time of the request .* was over/ },
    )
  })
})

describe('what the coordinator answers to a commit', () => {
  const { Finished, Deleting } = GlobalStatus
  const cases: Record<string, readonly GlobalStatus[]> = {
    committed: [
      GlobalStatus.Committing,
      GlobalStatus.CommitRetrying,
      GlobalStatus.AsyncCommitting,
      GlobalStatus.Committed,
      GlobalStatus.StopCommitOrCommitRetry,
    ],
    SETTEE_TX_COMMIT_FAILED: [GlobalStatus.CommitFailed, GlobalStatus.CommitRetryTimeout],
    SETTEE_TX_ROLLED_BACK: [
      GlobalStatus.Rollbacking,
      GlobalStatus.RollbackRetrying,
      GlobalStatus.Rollbacked,
      GlobalStatus.StopRollbackOrRollbackRetry,
      GlobalStatus.TimeoutRollbacking,
      GlobalStatus.TimeoutRollbackRetrying,
      GlobalStatus.TimeoutRollbacked,
      GlobalStatus.RollbackFailed,
      GlobalStatus.RollbackRetryTimeout,
      GlobalStatus.TimeoutRollbackFailed,
    ],
    SETTEE_TX_OUTCOME_UNKNOWN: [Finished, Deleting],
  }
  for (const [outcome, statuses] of Object.entries(cases)) {
    for (const status of statuses) {
      test(`${nameOf(GlobalStatus, status)}: ${outcome}`, async () => {
        const answer = commitAnswer(status)
        const { manager } = await setUp(oneByOne(MessageType.GlobalCommit, [answer]))
        if (outcome === 'committed') await manager.commit(xid)
        else {
          const details = { xid, status: nameOf(GlobalStatus, status) }
          await assert.rejects(manager.commit(xid), { code: outcome, details })
        }
      })
    }
  }

  test('the texts are those of the original', async () => {
    const { manager } = await setUp(
      oneByOne(MessageType.GlobalCommit, [commitAnswer(Finished), commitAnswer(13)]),
    )
    await assert.rejects(manager.commit(xid), {
      message: `Global transaction[${xid}] not found, may be rollbacked.`,
    })
    await assert.rejects(manager.commit(xid), {
      message: /^Global transaction\[127\.0\.0\.1:8091:7\] is timeout and will be rollback\[TC\]\./,
    })
  })

  test('an answer that is lost, or decides nothing, is asked for again', async () => {
    const { coordinator, manager } = await setUp(
      oneByOne(MessageType.GlobalCommit, [
        'lose',
        commitAnswer(0, failed(ExceptionCode.FailedStore, 'the disk is full')),
        commitAnswer(GlobalStatus.Begin),
      ]),
    )
    await manager.commit(xid)
    assert.equal(coordinator.ofType(MessageType.GlobalCommit).length, 4)
  })

  test('a transaction that the coordinator does not know may have ended any way', async () => {
    const unknown = failed(ExceptionCode.GlobalTransactionNotExist, 'Could not found')
    const { manager } = await setUp(
      oneByOne(MessageType.GlobalCommit, [commitAnswer(GlobalStatus.UnKnown, unknown)]),
    )
    await assert.rejects(manager.commit(xid), { code: 'SETTEE_TX_OUTCOME_UNKNOWN' })
  })

  test('without any answer the outcome is unknown when the limit is over', async () => {
    const { coordinator, manager } = await setUp(
      (message) => (message.type === MessageType.GlobalCommit ? 'silence' : undefined),
      { requestTimeoutMs: 50, endTimeoutMs: 400 },
    )
    await assert.rejects(manager.commit(xid), {
      code: 'SETTEE_TX_OUTCOME_UNKNOWN',
      message: /asked to commit.*did not answer within/,
    })
    assert.ok(coordinator.ofType(MessageType.GlobalCommit).length > 1)
  })
})

describe('what the coordinator answers to a rollback', () => {
  const failures: readonly GlobalStatus[] = [
    GlobalStatus.Committing,
    GlobalStatus.CommitRetrying,
    GlobalStatus.AsyncCommitting,
    GlobalStatus.Committed,
    GlobalStatus.StopCommitOrCommitRetry,
    GlobalStatus.CommitFailed,
    GlobalStatus.CommitRetryTimeout,
    GlobalStatus.RollbackFailed,
    GlobalStatus.RollbackRetryTimeout,
    GlobalStatus.TimeoutRollbackFailed,
  ]
  test('all statuses are either a rollback or say why there is none', async () => {
    for (const status of Object.values(GlobalStatus)) {
      if (status === GlobalStatus.UnKnown || status === GlobalStatus.Begin) continue
      const answer = rollbackAnswer(status)
      const { manager } = await setUp(oneByOne(MessageType.GlobalRollback, [answer]))
      if (!failures.includes(status)) await manager.rollback(xid, 'no money')
      else {
        await assert.rejects(manager.rollback(xid, 'no money'), {
          code: 'SETTEE_TX_ROLLBACK_FAILED',
          details: { xid, status: nameOf(GlobalStatus, status) },
        })
      }
    }
  })

  test('the reason travels, cut off where the coordinator would', async () => {
    const { coordinator, manager } = await setUp(oneByOne(MessageType.GlobalRollback, ['lose']))
    await manager.rollback(xid, 'ä'.repeat(2000))
    const requests = coordinator.ofType(MessageType.GlobalRollback)
    assert.deepEqual(
      requests.map(({ extraData }) => extraData),
      ['ä'.repeat(1000), 'ä'.repeat(1000)],
    )
  })

  test('one that cannot be delivered says that the timeout will do it', async () => {
    const { manager } = await setUp(
      (message) => (message.type === MessageType.GlobalRollback ? 'silence' : undefined),
      { requestTimeoutMs: 50, endTimeoutMs: 100 },
    )
    await assert.rejects(manager.rollback(xid, ''), {
      code: 'SETTEE_TX_ROLLBACK_FAILED',
      message: /rolls it back when its timeout is over/,
    })
  })
})

test('the status can be asked for', async () => {
  const { manager } = await setUp(() => undefined)
  assert.equal(await manager.getStatus(xid), GlobalStatus.Begin)
})
