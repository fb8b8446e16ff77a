import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import { committed, Scenario } from './test-fixtures.ts'
import { isCommitting } from './transaction.ts'

describe('XA that does not know the branch', () => {
  for (const end of ['commit', 'rollback'] as const) {
    it(`counts as ended by ${end} only long after the timeout`, () => {
      const scenario = new Scenario()
      const xid = scenario.begin('xa', 10_000)
      const branchId = scenario.register(xid, { type: BranchType.XA })
      scenario[end](xid)
      const nota =
        end === 'commit'
          ? BranchStatus.PhaseTwo_CommitFailed_XAER_NOTA_Retryable
          : BranchStatus.PhaseTwo_RollbackFailed_XAER_NOTA_Retryable
      scenario.now += 70_000
      scenario.end(xid, branchId, nota)
      assert.equal(scenario.state.transactions.size, 1)
      scenario.now += 1
      scenario.end(xid, branchId, nota)
      assert.equal(scenario.status(xid), end === 'commit' ? 'Committed' : 'Rollbacked')
    })
  }
})

describe('a saga', () => {
  function startSaga(): { scenario: Scenario; xid: string } {
    const scenario = new Scenario()
    const xid = scenario.begin('$Saga_buy')
    scenario.register(xid, { type: BranchType.SAGA, resourceId: 'shop#default' })
    return { scenario, xid }
  }

  it('ends when its engine reports the end', () => {
    for (const [reported, status] of [
      [GlobalStatus.Committed, 'Committed'],
      [GlobalStatus.Rollbacked, 'Rollbacked'],
      [GlobalStatus.Finished, 'Rollbacked'],
    ] as const) {
      const { scenario, xid } = startSaga()
      scenario.globalReport(xid, reported)
      assert.equal(scenario.status(xid), status)
      assert.equal(scenario.state.transactions.size, 0)
    }
  })

  it('may register branches while it goes forward again; others may not', () => {
    const { scenario, xid } = startSaga()
    scenario.globalReport(xid, GlobalStatus.CommitRetrying)
    assert.equal(scenario.status(xid), 'CommitRetrying')
    scenario.register(xid, { type: BranchType.SAGA })
    assert.notEqual(scenario.tryRegister(xid, { type: BranchType.TCC }).refusal, null)
  })

  it('is turned round by the answers of its engine', () => {
    const { scenario, xid } = startSaga()
    scenario.now += 60_001
    scenario.timeOut(xid)
    assert.equal(scenario.status(xid), 'TimeoutRollbacking')
    scenario.end(xid, -1, BranchStatus.PhaseTwo_CommitFailed_Retryable)
    assert.equal(scenario.status(xid), 'CommitRetrying')
    assert.ok(isCommitting(scenario.transaction(xid).status))
    scenario.end(xid, -1, committed)
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('is left alone by a report that decides nothing', () => {
    const { scenario, xid } = startSaga()
    scenario.globalReport(xid, GlobalStatus.Begin)
    assert.equal(scenario.status(xid), 'Begin')
    assert.equal(scenario.transaction(xid).ending, null)
  })

  it('that failed by report goes on with one call when resumed', () => {
    const { scenario, xid } = startSaga()
    scenario.globalReport(xid, GlobalStatus.CommitFailed)
    scenario.apply({ kind: 'resume', xid, reason: 'fixed', now: scenario.now })
    assert.equal(scenario.status(xid), 'CommitRetrying')
    assert.equal(scenario.transaction(xid).sagaCall?.resourceId, 'shop#default')
  })
})

describe('the timeline', () => {
  it('is bounded, drops retries first and keeps the first and the last entry', () => {
    const scenario = new Scenario({ maxTimelineEntries: 5 })
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { type: BranchType.TCC })
    scenario.rollback(xid, 'why')
    for (let i = 0; i < 20; i++) {
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Retryable, `error ${i}`)
    }
    assert.deepEqual(scenario.trace(xid), [
      'begun → Begin',
      `branchRegistered ${branchId}`,
      'rollbackRequested → Rollbacking: why',
      `branchRetry ${branchId}: error 18`,
      `branchRetry ${branchId}: error 19`,
    ])
  })

  it('cuts long reasons off', () => {
    const scenario = new Scenario({ maxReasonLength: 5 })
    const xid = scenario.begin()
    scenario.rollback(xid, 'abcdefgh')
    assert.equal(scenario.trace(xid)[1], 'rollbackRequested → Rollbacking: abcde…')
  })

  it('tells of a wait for a lock', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    scenario.register(xid)
    const registered = scenario.commands.at(-1)
    assert.ok(registered?.kind === 'registerBranch')
    scenario.apply({ ...registered, branchId: 50, lockWaitedMs: 120 })
    assert.ok(scenario.trace(xid).includes('lockWaited 50: waited 120 ms for a row of db'))
  })
})
