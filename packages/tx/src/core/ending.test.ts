import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType, ExceptionCode, GlobalStatus } from '../protocol/status.ts'
import { pendingWork, statusOf } from './coordinator.ts'
import { committed, effectKinds, rolledBack, Scenario, statusName } from './test-fixtures.ts'

describe('commit', () => {
  it('of an empty transaction ends it', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const result = scenario.commit(xid)
    assert.equal(result.status, GlobalStatus.Committed)
    assert.deepEqual(effectKinds(result), ['settled'])
    assert.equal(scenario.state.transactions.size, 0)
  })

  it('of AT branches answers Committed at once and frees the rows at once', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const first = scenario.register(xid, { lockKeys: 't:1,2' })
    const second = scenario.register(xid, { lockKeys: 't:2;u:3' })
    assert.equal(scenario.state.locks.size, 3)
    const result = scenario.commit(xid)
    assert.equal(result.status, GlobalStatus.Committed)
    assert.equal(scenario.status(xid), 'AsyncCommitting')
    assert.equal(scenario.state.locks.size, 0)
    assert.deepEqual(effectKinds(result), ['locksReleased', 'drive'])
    assert.equal(scenario.commit(xid).status, GlobalStatus.Committed)
    scenario.endAll([
      { xid, branchId: second, status: committed, error: '' },
      { xid, branchId: first, status: committed, error: '' },
    ])
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('drives TCC and XA first, then answers Committed when only AT is left', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const at = scenario.register(xid)
    const tcc = scenario.register(xid, { type: BranchType.TCC, resourceId: 'deduct' })
    assert.equal(scenario.commit(xid).status, GlobalStatus.Committing)
    const result = scenario.end(xid, tcc, committed)
    assert.equal(scenario.status(xid), 'AsyncCommitting')
    const settled = result.effects.find((effect) => effect.kind === 'settled')
    assert.equal(settled?.status, GlobalStatus.Committed)
    scenario.end(xid, at, committed)
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('does not drive a branch that failed in phase one or was only read', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const failed = scenario.register(xid, { type: BranchType.TCC })
    const readOnly = scenario.register(xid, { type: BranchType.XA })
    scenario.report(xid, failed, BranchStatus.PhaseOne_Failed)
    scenario.report(xid, readOnly, BranchStatus.PhaseOne_RDONLY)
    assert.equal(scenario.commit(xid).status, GlobalStatus.Committed)
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('retries what failed; the first failure answers CommitRetrying', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { type: BranchType.TCC })
    scenario.commit(xid)
    const failure = BranchStatus.PhaseTwo_CommitFailed_Retryable
    const first = scenario.end(xid, branchId, failure, 'no connection')
    assert.deepEqual(effectKinds(first), ['settled', 'attempted', 'drive'])
    assert.equal(scenario.status(xid), 'CommitRetrying')
    scenario.end(xid, branchId, failure, 'still none')
    const branch = scenario.transaction(xid).branches[0]!
    assert.equal(branch.failureCount, 2)
    assert.equal(branch.lastError, 'still none')
    scenario.end(xid, branchId, committed)
    assert.deepEqual(scenario.trace(xid), [
      'begun → Begin',
      `branchRegistered ${branchId}`,
      'commitRequested → Committing',
      `branchRetry ${branchId} → CommitRetrying: no connection`,
      `branchRetry ${branchId}: still none`,
      `branchCommitted ${branchId}`,
      'ended → Committed',
    ])
  })

  it('that cannot succeed fails for TCC, and is tried again for AT', () => {
    for (const [type, status] of [
      [BranchType.TCC, 'CommitFailed'],
      [BranchType.AT, 'CommitRetrying'],
    ] as const) {
      const scenario = new Scenario()
      const xid = scenario.begin()
      const branchId = scenario.register(xid, { type })
      scenario.commit(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_CommitFailed_Unretryable)
      assert.equal(scenario.status(xid), status)
    }
  })

  it('after the timeout starts the rollback and says so', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('slow', 1000)
    const branchId = scenario.register(xid)
    scenario.now += 1001
    assert.equal(scenario.commit(xid).status, GlobalStatus.TimeoutRollbacking)
    assert.equal(scenario.status(xid), 'TimeoutRollbacking')
    scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Retryable)
    assert.equal(scenario.status(xid), 'TimeoutRollbackRetrying')
    assert.equal(scenario.commit(xid).status, GlobalStatus.TimeoutRollbacking)
    scenario.end(xid, branchId, rolledBack)
    assert.equal(scenario.commit(xid).status, GlobalStatus.TimeoutRollbacked)
  })

  it('that comes again is answered Committed while only the clean-up of AT is retried', () => {
    for (const [type, answer] of [
      [BranchType.AT, 'Committed'],
      [BranchType.TCC, 'CommitRetrying'],
    ] as const) {
      const scenario = new Scenario()
      const xid = scenario.begin()
      const branchId = scenario.register(xid, { type })
      scenario.commit(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_CommitFailed_Retryable)
      assert.equal(scenario.status(xid), 'CommitRetrying')
      assert.equal(statusName(scenario.commit(xid).status), answer)
    }
  })

  it('under way is not stopped by the timeout', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('slow', 1000)
    const branchId = scenario.register(xid)
    scenario.commit(xid)
    scenario.now += 5000
    assert.deepEqual(effectKinds(scenario.timeOut(xid)), [])
    assert.equal(scenario.status(xid), 'AsyncCommitting')
    assert.equal(scenario.commit(xid).status, GlobalStatus.Committed)
    scenario.end(xid, branchId, committed)
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('at the very end of the timeout is in time', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('just', 1000)
    scenario.now += 1000
    assert.equal(scenario.commit(xid).status, GlobalStatus.Committed)
  })
})

describe('rollback', () => {
  it('goes from the last branch to the first and frees rows branch by branch', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const first = scenario.register(xid, { lockKeys: 't:1' })
    const second = scenario.register(xid, { lockKeys: 't:1,2' })
    const started = scenario.rollback(xid, 'no money')
    assert.equal(started.status, GlobalStatus.Rollbacking)
    assert.deepEqual(effectKinds(started), ['holderRollsBack', 'drive'])
    scenario.end(xid, second, rolledBack)
    assert.equal(scenario.state.locks.get('db', 't', '2'), undefined)
    assert.equal(scenario.state.locks.get('db', 't', '1')?.xid, xid, 'the first branch owns row 1')
    const ended = scenario.end(xid, first, rolledBack)
    assert.equal(ended.status, GlobalStatus.Rollbacked)
    assert.equal(scenario.state.locks.size, 0)
  })

  it('keeps the row of a branch that failed in phase one while a later branch needs it', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const first = scenario.register(xid, { lockKeys: 't:1' })
    const second = scenario.register(xid, { lockKeys: 't:1' })
    scenario.report(xid, first, BranchStatus.PhaseOne_Failed)
    scenario.rollback(xid)
    assert.equal(scenario.state.locks.size, 1)
    scenario.end(xid, second, rolledBack)
    assert.equal(scenario.state.locks.size, 0)
    assert.equal(scenario.status(xid), 'Rollbacked')
  })

  it('that cannot succeed stops, keeps the rows and waits for a person', () => {
    for (const isTimeout of [false, true]) {
      const scenario = new Scenario()
      const xid = scenario.begin('x', 1000)
      const branchId = scenario.register(xid, { lockKeys: 't:1' })
      scenario.now += 1001
      if (isTimeout) scenario.timeOut(xid)
      else scenario.rollback(xid)
      const failure = BranchStatus.PhaseTwo_RollbackFailed_Unretryable
      const result = scenario.end(xid, branchId, failure, 'dirty row')
      assert.equal(scenario.status(xid), isTimeout ? 'TimeoutRollbackFailed' : 'RollbackFailed')
      assert.deepEqual(effectKinds(result), ['settled', 'attempted'])
      assert.equal(scenario.state.locks.size, 1)
      assert.match(scenario.trace(xid).at(-1)!, /a person must settle it: dirty row/)
    }
  })

  it('that failed goes on when resumed, and ends', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { lockKeys: 't:1' })
    scenario.rollback(xid)
    scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
    scenario.apply({ kind: 'resume', xid, reason: 'row repaired', now: scenario.now })
    assert.equal(scenario.status(xid), 'RollbackRetrying')
    assert.deepEqual(pendingWork(scenario.state).ending, [xid])
    scenario.end(xid, branchId, rolledBack)
    assert.equal(scenario.status(xid), 'Rollbacked')
    assert.equal(scenario.state.locks.size, 0)
  })

  it('that failed is forgotten on request, with its rows', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { lockKeys: 't:1' })
    const early = scenario.apply({ kind: 'forget', xid, reason: '', now: scenario.now })
    assert.equal(early.refusal?.code, ExceptionCode.GlobalTransactionStatusInvalid)
    scenario.rollback(xid)
    scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
    const result = scenario.apply({ kind: 'forget', xid, reason: 'by hand', now: scenario.now })
    assert.deepEqual(effectKinds(result), ['locksReleased', 'settled'])
    assert.equal(scenario.state.locks.size, 0)
    assert.equal(scenario.status(xid), 'RollbackFailed')
    assert.equal(scenario.state.transactions.size, 0)
  })

  it('ends at once when the branch that is awaited turns out to have failed in phase one', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const branchId = scenario.register(xid)
    scenario.rollback(xid)
    scenario.report(xid, branchId, BranchStatus.PhaseOne_Failed)
    assert.equal(scenario.status(xid), 'Rollbacked')
    const late = scenario.end(xid, branchId, rolledBack)
    assert.deepEqual(effectKinds(late), ['attempted'])
  })

  it('of a timed-out transaction ends as TimeoutRollbacked', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('x', 1000)
    scenario.now += 1000
    scenario.timeOut(xid)
    assert.equal(scenario.status(xid), 'Begin', 'not later than the timeout yet')
    scenario.now += 1
    scenario.timeOut(xid)
    assert.equal(scenario.status(xid), 'TimeoutRollbacked')
  })
})

describe('a request that comes again, or too late', () => {
  const ends = {
    Committed: (scenario: Scenario, xid: string) => scenario.commit(xid),
    Rollbacked: (scenario: Scenario, xid: string) => scenario.rollback(xid),
    TimeoutRollbacked: (scenario: Scenario, xid: string) => {
      scenario.now += 60_001
      return scenario.timeOut(xid)
    },
  } as const
  // A commit is never answered Rollbacked: Seata's clients take that for success.
  const table = [
    ['Committed', 'Committed', 'Committed', 'Committed'],
    ['Rollbacked', 'Finished', 'Rollbacked', 'Rollbacked'],
    ['TimeoutRollbacked', 'TimeoutRollbacked', 'TimeoutRollbacked', 'TimeoutRollbacked'],
  ] as const
  for (const [ended, onCommit, onRollback, onStatus] of table) {
    it(`after ${ended} gets ${onCommit} for commit and ${onRollback} for rollback`, () => {
      const scenario = new Scenario()
      const xid = scenario.begin()
      ends[ended](scenario, xid)
      assert.equal(statusName(scenario.commit(xid).status), onCommit)
      assert.equal(statusName(scenario.rollback(xid).status), onRollback)
      assert.equal(statusName(statusOf(scenario.state, xid)), onStatus)
    })
  }

  it('gets Finished when the transaction is unknown', () => {
    const scenario = new Scenario()
    assert.equal(scenario.commit('h:1:1').status, GlobalStatus.Finished)
    assert.equal(scenario.rollback('h:1:1').status, GlobalStatus.Finished)
    assert.equal(statusOf(scenario.state, 'h:1:1'), GlobalStatus.Finished)
    assert.equal(
      scenario.globalReport('h:1:1', GlobalStatus.Committed).status,
      GlobalStatus.Committed,
    )
  })

  it('gets Finished when the history and its ends have forgotten it', () => {
    const scenario = new Scenario({ maxFinishedTransactions: 1, maxRememberedEnds: 1 })
    const xids = [1, 2, 3].map(() => scenario.begin())
    for (const xid of xids) scenario.commit(xid)
    assert.deepEqual(
      xids.map((xid) => statusName(scenario.commit(xid).status)),
      ['Finished', 'Committed', 'Committed'],
    )
  })
})
