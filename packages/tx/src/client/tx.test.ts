import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import {
  createManualClock,
  currentContext,
  isSetteeError,
  runWithContext,
  systemClock,
} from '@settee/kit'
import pg from 'pg'
import {
  BranchStatus,
  ExceptionCode,
  GlobalStatus,
  MessageType,
  type RequestMessage,
} from '../protocol/index.ts'
import { failed, success, TestCoordinator, type React } from './test-coordinator.ts'
import { createTx, type Tx, type TxOptions } from './tx.ts'

const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

interface Bench {
  readonly coordinator: TestCoordinator
  readonly tx: Tx
  /** The types of what arrived, without registrations. */
  readonly sent: () => number[]
}

async function setUp(react?: React, options: Partial<TxOptions> = {}): Promise<Bench> {
  const coordinator = await TestCoordinator.start(react === undefined ? {} : { react })
  const tx = createTx({ applicationId: 'order', address: coordinator.address, ...options })
  cleanUps.push(
    () => coordinator.stop(),
    () => tx.close(),
  )
  return {
    coordinator,
    tx,
    sent: () => coordinator.requests.map(({ type }) => type).filter((type) => type < 100),
  }
}

const { GlobalBegin, GlobalCommit, GlobalRollback, BranchRegister, BranchReport } = MessageType

/** Answers the only commit with `globalStatus`. */
const commitAs =
  (globalStatus: GlobalStatus): React =>
  ({ type }) =>
    type === GlobalCommit
      ? { type: MessageType.GlobalCommitResult, ...success, globalStatus }
      : undefined

describe('run', () => {
  test('begins, runs in the transaction, commits and gives the result', async () => {
    const { coordinator, tx, sent } = await setUp()
    const xid = `${coordinator.address}:1`
    const seen = await tx.run({ name: 'purchase', timeoutMs: 3000 }, async () => {
      await new Promise(setImmediate)
      return { ...currentContext(), asked: tx.currentXid() }
    })
    const { deadlineMs, ...rest } = seen
    assert.deepEqual(rest, { xid, asked: xid })
    assert.ok(Math.abs(deadlineMs! - systemClock.monotonic() - 3000) < 500)
    assert.deepEqual(sent(), [GlobalBegin, GlobalCommit])
    assert.deepEqual(coordinator.ofType(MessageType.RegisterTM), [
      {
        type: MessageType.RegisterTM,
        version: '2.6.0',
        applicationId: 'order',
        transactionServiceGroup: 'default_tx_group',
        extraData: '',
      },
    ])
    assert.equal(coordinator.ofType(GlobalBegin)[0]!.timeoutMs, 3000)
    assert.equal(tx.currentXid(), undefined)
  })

  test('rolls back when the work throws, and throws the same error', async () => {
    const { coordinator, tx, sent } = await setUp()
    const poor = new Error('not enough money')
    const run = tx.run({ name: 'purchase' }, () => {
      throw poor
    })
    await assert.rejects(run, (error) => error === poor)
    assert.deepEqual(Object.keys(poor), [])
    assert.deepEqual(sent(), [GlobalBegin, GlobalRollback])
    assert.equal(coordinator.ofType(GlobalRollback)[0]!.extraData, 'not enough money')
  })

  test('a rollback that fails is attached to the error of the work', async () => {
    const { tx } = await setUp(({ type }) =>
      type === GlobalRollback
        ? {
            type: MessageType.GlobalRollbackResult,
            ...success,
            globalStatus: GlobalStatus.RollbackFailed,
          }
        : undefined,
    )
    const cause = new Error('why')
    const poor = new Error('not enough money', { cause })
    const run = (error: unknown): Promise<never> =>
      tx.run({ name: 'purchase' }, async () => {
        throw error
      })
    await assert.rejects(run(poor), (error) => error === poor)
    assert.ok('rollbackFailure' in poor)
    assert.ok(isSetteeError(poor.rollbackFailure, 'SETTEE_TX_ROLLBACK_FAILED'))
    assert.equal(poor.cause, cause)
    for (const thrown of ['a text', Object.freeze(new Error('frozen')), null]) {
      await assert.rejects(run(thrown), (error) => error === thrown)
    }
  })

  test('says when it was rolled back instead, or when nobody knows', async () => {
    const timedOut = await setUp(commitAs(GlobalStatus.TimeoutRollbacking))
    await assert.rejects(
      timedOut.tx.run({ name: 'slow' }, async () => {}),
      { code: 'SETTEE_TX_ROLLED_BACK', retryable: true },
    )
    const gone = await setUp(commitAs(GlobalStatus.Finished))
    await assert.rejects(
      gone.tx.run({ name: 'forgotten' }, async () => {}),
      { code: 'SETTEE_TX_OUTCOME_UNKNOWN' },
    )
    assert.deepEqual(gone.sent(), [GlobalBegin, GlobalCommit])
  })

  test('does not begin, nor run, when the coordinator refuses', async () => {
    const { tx } = await setUp(({ type }) =>
      type === GlobalBegin
        ? {
            type: MessageType.GlobalBeginResult,
            ...failed(ExceptionCode.BeginFailed, 'full'),
            xid: '',
            extraData: '',
          }
        : undefined,
    )
    await assert.rejects(
      tx.run({ name: 'purchase' }, () => assert.fail('it ran')),
      { code: 'SETTEE_TX_BEGIN_FAILED' },
    )
  })

  test('rolls back what took longer than its timeout, without asking for a commit', async () => {
    const clock = createManualClock()
    const { coordinator, tx, sent } = await setUp(undefined, { clock })
    await assert.rejects(
      tx.run({ name: 'slow', timeoutMs: 1000 }, async () => clock.advance(1001)),
      {
        code: 'SETTEE_TX_ROLLED_BACK',
        message:
          /^client detected transaction timeout before commit, so change to rollback, xid = /,
      },
    )
    assert.deepEqual(sent(), [GlobalBegin, GlobalRollback])
    assert.match(coordinator.ofType(GlobalRollback)[0]!.extraData, /timeoutMs of 1000$/)
  })

  test('the deadline of the request stays when it is the earlier one', async () => {
    const { tx } = await setUp()
    const deadlineMs = systemClock.monotonic() + 5000
    const outer = { deadlineMs, traceId: 't', baggage: { tenant: 'a' } }
    const inner = await runWithContext(outer, () => tx.run({ name: 'p' }, () => currentContext()))
    assert.deepEqual({ ...inner, xid: undefined }, { ...outer, xid: undefined })
  })

  test('transactions that run at once do not see each other', async () => {
    const { tx, sent } = await setUp()
    const xids = await Promise.all(
      Array.from({ length: 200 }, async (_, i) =>
        tx.run({ name: `purchase ${i}` }, async () => {
          const before = tx.currentXid()
          await new Promise(setImmediate)
          assert.equal(tx.currentXid(), before)
          return before
        }),
      ),
    )
    assert.equal(new Set(xids).size, 200)
    assert.equal(sent().filter((type) => type === GlobalCommit).length, 200)
  })

  test('goes through a restart of the coordinator in the middle', async () => {
    const first = await setUp()
    const { port } = first.coordinator
    let second: TestCoordinator | undefined
    await first.tx.run({ name: 'purchase' }, async () => {
      await first.coordinator.stop()
      second = await TestCoordinator.start({ port })
      cleanUps.push(() => second!.stop())
    })
    assert.equal(second!.ofType(GlobalCommit).length, 1)
  })

  test('refuses options that cannot be', async () => {
    const { tx, sent } = await setUp()
    for (const options of [
      { name: '' },
      { name: 'x'.repeat(129) },
      { name: 'p', timeoutMs: 0 },
      { name: 'p', timeoutMs: 2 ** 31 },
      { name: 'p', timeoutMs: 1.5 },
    ]) {
      await assert.rejects(
        tx.run(options, () => assert.fail('it ran')),
        { code: 'SETTEE_TX_BAD_OPTION' },
      )
    }
    assert.deepEqual(sent(), [])
    for (const address of ['127.0.0.1', 'localhost:x', ':8091', '::1:8091', 'a:65536']) {
      assert.throws(() => createTx({ applicationId: 'a', address }), {
        code: 'SETTEE_TX_BAD_OPTION',
      })
    }
    assert.throws(() => createTx({ applicationId: '' }), { code: 'SETTEE_TX_BAD_OPTION' })
  })
})

describe('propagation', () => {
  test('an inner run joins: one begin, one commit, and its error ends the whole', async () => {
    const { tx, sent } = await setUp()
    await tx.run({ name: 'outer' }, async () => {
      const outer = tx.currentXid()
      assert.equal(await tx.run({ name: 'inner' }, () => tx.currentXid()), outer)
    })
    assert.deepEqual(sent(), [GlobalBegin, GlobalCommit])
    const bad = new Error('inner')
    await assert.rejects(
      tx.run({ name: 'outer' }, () =>
        tx.run({ name: 'inner' }, () => {
          throw bad
        }),
      ),
      (error) => error === bad,
    )
    assert.deepEqual(sent().slice(2), [GlobalBegin, GlobalRollback])
  })

  test('a transaction that came with a request is joined and left to its owner', async () => {
    const { tx, sent } = await setUp()
    const inner = await runWithContext({ xid: 'from afar' }, () =>
      tx.run({ name: 'p' }, () => currentContext()),
    )
    assert.deepEqual(inner, { xid: 'from afar' })
    assert.deepEqual(sent(), [])
  })

  test('REQUIRES_NEW ends on its own, and the outer one goes on', async () => {
    const { coordinator, tx } = await setUp()
    const bad = new Error('inner')
    await tx.run({ name: 'outer', timeoutMs: 1000 }, async () => {
      const outer = currentContext()
      await assert.rejects(
        tx.run({ name: 'inner', propagation: 'REQUIRES_NEW' }, () => {
          assert.notEqual(tx.currentXid(), outer.xid)
          // It cannot outlive the one that waits for it.
          assert.equal(currentContext().deadlineMs, outer.deadlineMs)
          throw bad
        }),
        (error) => error === bad,
      )
      assert.equal(tx.currentXid(), outer.xid)
    })
    assert.deepEqual(
      coordinator.ofType(GlobalRollback).map(({ xid }) => xid),
      [`${coordinator.address}:2`],
    )
    assert.deepEqual(
      coordinator.ofType(GlobalCommit).map(({ xid }) => xid),
      [`${coordinator.address}:1`],
    )
  })

  test('NOT_SUPPORTED leaves the transaction, but not the rest of the request', async () => {
    const { tx } = await setUp()
    await runWithContext({ traceId: 't' }, () =>
      tx.run({ name: 'outer' }, async () => {
        const { xid: _xid, ...rest } = currentContext()
        const inner = await tx.run({ name: 'log', propagation: 'NOT_SUPPORTED' }, currentContext)
        assert.deepEqual(inner, rest)
        assert.equal(inner.traceId, 't')
      }),
    )
  })

  test('NEVER and MANDATORY refuse before anything runs', async () => {
    const { tx } = await setUp()
    const ran = (): never => assert.fail('it ran')
    await assert.rejects(tx.run({ name: 'a', propagation: 'MANDATORY' }, ran), {
      code: 'SETTEE_TX_PROPAGATION',
    })
    await runWithContext({ xid: 'x' }, () =>
      assert.rejects(tx.run({ name: 'b', propagation: 'NEVER' }, ran), {
        code: 'SETTEE_TX_PROPAGATION',
      }),
    )
  })
})

describe('databases', () => {
  function openDatabase(): DatabaseSync {
    const database = new DatabaseSync(':memory:')
    database.exec('CREATE TABLE account (id INTEGER PRIMARY KEY NOT NULL, money INTEGER)')
    database.exec('INSERT INTO account VALUES (1, 100)')
    return database
  }

  test('a branch registers, and is undone when the work fails', async () => {
    const { coordinator, tx, sent } = await setUp()
    const pool = tx.at(openDatabase(), { resourceId: 'jdbc:account' })
    cleanUps.push(() => pool.end())
    const poor = new Error('not enough money')
    await assert.rejects(
      tx.run({ name: 'purchase' }, async () => {
        await pool.query('UPDATE account SET money = money - 30 WHERE id = 1')
        throw poor
      }),
      (error) => error === poor,
    )
    assert.deepEqual(sent(), [GlobalBegin, BranchRegister, GlobalRollback])
    const { xid, lockKey, resourceId } = coordinator.ofType(BranchRegister)[0]!
    assert.equal(lockKey, 'account:1')
    const answer = await coordinator.endBranch('rollback', { xid, branchId: 2, resourceId })
    assert.equal(answer.branchStatus, BranchStatus.PhaseTwo_Rollbacked)
    assert.deepEqual((await pool.query('SELECT money FROM account')).rows, [{ money: 100 }])
  })

  test('a refused branch leaves nothing behind', async () => {
    const refuse = ({ type }: RequestMessage) =>
      type === BranchRegister
        ? ({
            type: MessageType.BranchRegisterResult,
            ...failed(ExceptionCode.GlobalTransactionNotActive, 'it is ending'),
            branchId: 0,
          } as const)
        : undefined
    const { tx, sent } = await setUp(refuse)
    const pool = tx.at(openDatabase(), { resourceId: 'jdbc:account' })
    cleanUps.push(() => pool.end())
    await assert.rejects(
      tx.run({ name: 'late' }, () => pool.query('UPDATE account SET money = 0')),
      { code: 'SETTEE_TX_BRANCH_REFUSED', message: 'it is ending' },
    )
    assert.deepEqual((await pool.query('SELECT money FROM account')).rows, [{ money: 100 }])
    assert.ok(!sent().includes(BranchReport))
  })

  test('databases can be added before the coordinator is there', async () => {
    const coordinator = await TestCoordinator.start()
    const { port, address } = coordinator
    await coordinator.stop()
    const tx = createTx({ applicationId: 'order', address })
    const pool = tx.at(openDatabase(), { resourceId: 'jdbc:account' })
    const pgPool = tx.at(new pg.Pool({ host: 'db', database: 'order' }))
    cleanUps.push(
      () => pgPool.end(),
      () => pool.end(),
      () => tx.close(),
    )
    assert.equal(typeof pgPool.transaction, 'function')
    assert.equal(pgPool.totalCount, 0)
    // Outside of global transactions nobody asks the coordinator.
    await pool.query('UPDATE account SET money = 70')
    const run = tx.run({ name: 'early' }, () => pool.query('UPDATE account SET money = 60'))
    const late = await TestCoordinator.start({ port })
    cleanUps.push(() => late.stop())
    await run
    assert.equal(
      late.ofType(MessageType.RegisterRM)[0]!.resourceIds,
      'jdbc:account,jdbc:postgresql://db:5432/order',
    )
  })
})

describe('closing', () => {
  test('waits for what runs, refuses what comes later, and can be repeated', async () => {
    const { coordinator, tx, sent } = await setUp()
    const gate = Promise.withResolvers<void>()
    const run = tx.run({ name: 'last' }, () => gate.promise)
    await coordinator.until(() => coordinator.ofType(GlobalBegin).length === 1)
    const closed = Promise.all([tx.close(), tx.close()])
    await assert.rejects(
      tx.run({ name: 'late' }, () => assert.fail('it ran')),
      { code: 'SETTEE_TX_CLOSED' },
    )
    gate.resolve()
    await run
    await closed
    assert.deepEqual(sent(), [GlobalBegin, GlobalCommit])
    await coordinator.until(() => coordinator.peersOf('TM').length === 0)
    await assert.rejects(tx.getStatus('x'), { code: 'SETTEE_TX_CLOSED' })
  })

  test('a client that was never connected leaves nothing that keeps the process', async () => {
    const clock = createManualClock()
    const tx = createTx({ applicationId: 'order', address: '127.0.0.1:1', clock })
    await tx.close()
    await new Promise(setImmediate)
    assert.equal(clock.pendingCount, 0)
  })
})
