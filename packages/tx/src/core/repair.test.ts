import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType, ExceptionCode } from '../protocol/status.ts'
import { PhaseTwo } from './phase-two.ts'
import { describeTransaction } from './read-model.ts'
import type { CommandResult } from './result.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'
import { rolledBack, Scenario } from './test-fixtures.ts'

const row = { tableName: 'account', sqlType: 'UPDATE', before: { id: '1' }, sql: {} }
const dirty = { code: 'SETTEE_TX_DIRTY_DATA', message: 'changed', rows: [row], omittedRows: 2 }
const report = JSON.stringify({ dirty })
const unretryable = BranchStatus.PhaseTwo_RollbackFailed_Unretryable

function start(): { scenario: Scenario; driver: PhaseTwo; xid: string; branches: number[] } {
  const scenario = new Scenario()
  const driver = new PhaseTwo(scenario.state)
  const xid = scenario.begin()
  const branches = [1, 2].map((key) => scenario.register(xid, { lockKeys: `t:${key}` }))
  driver.handle(scenario.rollback(xid).effects, scenario.now)
  driver.takeCalls(scenario.now)
  return { scenario, driver, xid, branches }
}

function reportDirty(scenario: Scenario, xid: string, branchId: number, text: string = report) {
  const { now } = scenario
  return scenario.apply({
    kind: 'reportBranch',
    xid,
    branchId,
    status: unretryable,
    applicationData: text,
    now,
  })
}

function repair(scenario: Scenario, xid: string, branchId: number): CommandResult {
  const order = { choice: 'before', by: 'Kim', note: 'seen in the ledger' } as const
  return scenario.apply({ kind: 'repairBranch', xid, branchId, ...order, now: scenario.now })
}

describe('rows that somebody changed outside of global transactions', () => {
  it('stop the rollback, are shown, and are restored as a person says', () => {
    const { scenario, driver, xid, branches } = start()
    const [first, last] = branches as [number, number]
    const pass = (result: CommandResult): void => driver.handle(result.effects, scenario.now)
    pass(reportDirty(scenario, xid, last))
    pass(scenario.end(xid, last, unretryable, 'dirty'))
    assert.equal(scenario.status(xid), 'RollbackFailed')
    const view = (): object[] =>
      describeTransaction(scenario.state, xid, driver)!.branches.map((branch) => ({
        dirty: branch.dirty,
        isRepairable: branch.isRepairable,
      }))
    assert.deepEqual(view(), [
      { dirty: null, isRepairable: false },
      { dirty, isRepairable: true },
    ])
    const { refusal, effects } = repair(scenario, xid, last)
    assert.equal(refusal, null)
    driver.handle(effects, scenario.now)
    assert.equal(scenario.status(xid), 'RollbackRetrying')
    assert.equal(
      scenario.trace(xid).at(-1),
      `resumed ${last} → RollbackRetrying: Kim repairs the rows of branch ${last} to "before": ` +
        'seen in the ledger',
    )
    const [call] = driver.takeCalls(scenario.now)
    assert.deepEqual(
      [call?.branchId, call?.direction, call?.applicationData],
      [last, 'rollback', '{"repair":{"choice":"before"}}'],
    )
    pass(scenario.end(xid, last, rolledBack))
    const [next] = driver.takeCalls(scenario.now)
    assert.deepEqual([next?.branchId, next?.applicationData], [first, ''])
    pass(scenario.end(xid, first, rolledBack))
    assert.equal(scenario.status(xid), 'Rollbacked')
    assert.equal(scenario.state.locks.size, 0)
  })

  it('keep a choice over a failure that passes, and lose it when they have changed again', () => {
    const { scenario, driver, xid, branches } = start()
    const last = branches[1]!
    reportDirty(scenario, xid, last)
    driver.handle(scenario.end(xid, last, unretryable).effects, scenario.now)
    repair(scenario, xid, last)
    const branch = scenario.transaction(xid).branches[1]!
    scenario.end(xid, last, BranchStatus.PhaseTwo_RollbackFailed_Retryable)
    assert.deepEqual(branch.repair, { choice: 'before', by: 'Kim' })
    scenario.end(xid, last, unretryable)
    assert.equal(branch.repair, null)
    assert.equal(scenario.status(xid), 'RollbackFailed')
  })

  it('are refused a repair that does not fit, with the reason', () => {
    const { scenario, xid, branches } = start()
    const [first, last] = branches as [number, number]
    const explain = (branchId: number): string =>
      repair(scenario, xid, branchId).refusal!.explanation
    assert.match(explain(last), /only a rollback that has failed/)
    scenario.end(xid, last, unretryable)
    assert.match(explain(first), /a later branch must be rolled back before/)
    assert.equal(repair(scenario, xid, 99).refusal?.code, ExceptionCode.BranchTransactionNotExist)
    assert.equal(
      repair(scenario, 'h:1:99', 1).refusal?.code,
      ExceptionCode.GlobalTransactionNotExist,
    )
    const tcc = scenario.begin()
    const reserved = scenario.register(tcc, { type: BranchType.TCC })
    scenario.rollback(tcc)
    scenario.end(tcc, reserved, unretryable)
    assert.match(repair(scenario, tcc, reserved).refusal!.explanation, /only AT branches/)
  })

  it('may be reported at length, but not without limit, and never replace applicationData', () => {
    const scenario = new Scenario({ maxApplicationDataLength: 50, maxDirtyLength: 1000 })
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { applicationData: '{"a":1}' })
    assert.ok(report.length > 50)
    assert.equal(reportDirty(scenario, xid, branchId).refusal, null)
    const [branch] = scenario.transaction(xid).branches
    assert.deepEqual([branch?.applicationData, branch?.dirty], ['{"a":1}', report])
    const long = JSON.stringify({ dirty: { ...dirty, message: 'x'.repeat(1000) } })
    const { refusal } = reportDirty(scenario, xid, branchId, long)
    assert.equal(refusal?.code, ExceptionCode.BranchReportFailed)
    assert.match(refusal.explanation, /maxDirtyLength allows 1000/)
  })

  it('and the decision survive a snapshot', () => {
    const { scenario, xid, branches } = start()
    const last = branches[1]!
    reportDirty(scenario, xid, last)
    scenario.end(xid, last, unretryable)
    repair(scenario, xid, last)
    const bytes = encodeSnapshot(scenario.state)
    const restored = new CoordinatorState()
    restoreSnapshot(restored, bytes)
    assert.deepEqual(restored.transactions.get(xid), scenario.transaction(xid))
  })
})
