/** Questions that users of the original asked, as scenarios. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, ExceptionCode } from '../protocol/status.ts'
import { findLockConflict } from './coordinator.ts'
import { failedOutcome, PhaseTwo } from './phase-two.ts'
import { describeTransaction } from './read-model.ts'
import { committed, rolledBack, Scenario } from './test-fixtures.ts'

describe('why do branches report their status, when the manager decides the rollback', () => {
  it('a branch that failed in phase one is not driven again', () => {
    const scenario = new Scenario()
    const driver = new PhaseTwo(scenario.state)
    const xid = scenario.begin()
    const [good, failed] = [scenario.register(xid), scenario.register(xid)]
    scenario.report(xid, failed, BranchStatus.PhaseOne_Failed)
    const { branches } = describeTransaction(scenario.state, xid, driver)!
    assert.deepEqual(
      branches.map(({ status }) => status),
      ['Registered', 'PhaseOne_Failed'],
    )
    driver.handle(scenario.rollback(xid).effects, scenario.now)
    const calls = driver.takeCalls(scenario.now).map(({ branchId }) => branchId)
    assert.deepEqual(calls, [good])
    driver.handle(scenario.end(xid, good, rolledBack).effects, scenario.now)
    assert.equal(scenario.status(xid), 'Rollbacked')
  })
})

describe('what if phase two throws again', () => {
  for (const end of ['commit', 'rollback'] as const) {
    it(`${end} is picked up again and others are not blocked`, () => {
      const scenario = new Scenario()
      const driver = new PhaseTwo(scenario.state)
      const start = (): { xid: string; branchId: number } => {
        const xid = scenario.begin()
        const branchId = scenario.register(xid)
        driver.handle(scenario[end](xid).effects, scenario.now)
        return { xid, branchId }
      }
      const thrower = start()
      for (let attempt = 1; attempt <= 3; attempt++) {
        const [call] = driver.takeCalls(scenario.now)
        assert.equal(call?.xid, thrower.xid)
        driver.handle(scenario.endAll([failedOutcome(call, 'thrown')]).effects, scenario.now)
        const other = start()
        assert.deepEqual(
          driver.takeCalls(scenario.now).map(({ xid }) => xid),
          [other.xid],
        )
        const status = end === 'commit' ? committed : rolledBack
        driver.handle(scenario.end(other.xid, other.branchId, status).effects, scenario.now)
        scenario.now = driver.nextAttemptAt(thrower.xid, thrower.branchId)!
      }
      assert.equal(scenario.transaction(thrower.xid).branches[0]!.failureCount, 3)
    })
  }
})

describe('a database is stuck while its transaction times out (TimeoutRollbacking)', () => {
  it('rolls back what registered, refuses what did not, and says what is waited for', () => {
    const scenario = new Scenario()
    const driver = new PhaseTwo(scenario.state)
    const xid = scenario.begin('purchase', 60_000)
    const account = { resourceId: 'account', clientId: 'account:10.0.0.1:1' }
    const stuck = scenario.register(xid, { ...account, lockKeys: 'account:1' })
    const quick = scenario.register(xid, { resourceId: 'stock', lockKeys: 'stock:1' })
    scenario.now += 70_000
    driver.handle(scenario.timeOut(xid).effects, scenario.now)
    const [first] = driver.takeCalls(scenario.now)
    assert.equal(first?.branchId, quick)
    driver.handle(scenario.end(xid, quick, rolledBack).effects, scenario.now)
    // The local transaction that was stuck behind this one asks for its branch now.
    const late = scenario.tryRegister(xid, { resourceId: 'account', lockKeys: 'account:2' })
    assert.equal(late.refusal?.code, ExceptionCode.GlobalTransactionStatusInvalid)
    assert.match(late.refusal.text, /status = TimeoutRollbacking while expecting Begin$/)
    assert.match(late.refusal.explanation, /^the coordinator rolled it back because of its timeout/)
    for (let attempt = 1; attempt <= 4; attempt++) {
      const [call] = driver.takeCalls(scenario.now)
      assert.equal(call?.branchId, stuck)
      driver.handle(scenario.endAll([failedOutcome(call, 'I/O')]).effects, scenario.now)
      assert.equal(scenario.status(xid), 'TimeoutRollbackRetrying')
      const { waitingFor } = describeTransaction(scenario.state, xid, driver)!
      assert.match(waitingFor!, /^waiting for account RM \(resource account\) since .*, attempt \d/)
      const query = { xid: 'other', resourceId: 'account', lockKeys: 'account:1' }
      assert.notEqual(findLockConflict(scenario.state, query), null, 'its row stays locked')
      scenario.now = driver.nextAttemptAt(xid, stuck)!
    }
    driver.takeCalls(scenario.now)
    driver.handle(scenario.end(xid, stuck, rolledBack).effects, scenario.now)
    assert.equal(scenario.status(xid), 'TimeoutRollbacked')
    assert.equal(scenario.state.locks.size, 0)
  })
})

describe('why is a registration refused because the status is not Begin', () => {
  it('who ended the transaction, when and why is said long after it has finished', () => {
    const scenario = new Scenario({ maxFinishedTransactions: 1, maxRememberedEnds: 2 })
    const [forgotten, rolledBackOne, timedOut, recent] = [1, 2, 3, 4].map(() =>
      scenario.begin('purchase', 1000),
    ) as [string, string, string, string]
    scenario.commit(forgotten)
    scenario.rollback(rolledBackOne, 'not enough money')
    scenario.now += 1001
    scenario.timeOut(timedOut)
    scenario.commit(recent)
    const explain = (xid: string): string => {
      const { refusal } = scenario.tryRegister(xid)
      assert.equal(refusal?.code, ExceptionCode.GlobalTransactionNotExist)
      assert.match(
        refusal.text,
        /^Could not found global transaction xid = .*, may be has finished/,
      )
      return refusal.explanation
    }
    assert.equal(explain(forgotten), '')
    assert.match(
      explain(rolledBackOne),
      /^the transaction manager shop rolled it back 1001 ms before this request and 0 ms after/,
    )
    assert.match(explain(rolledBackOne), / 0 ms after it began: not enough money;/)
    assert.match(explain(timedOut), /because of its timeout of 1000 ms 0 ms before/)
    assert.match(explain(recent), /because of its timeout of 1000 ms/)
  })
})
