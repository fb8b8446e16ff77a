import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType } from '../protocol/status.ts'
import { failedOutcome, PhaseTwo, type BranchCall, type PhaseTwoOptions } from './phase-two.ts'
import type { CommandResult } from './result.ts'
import { committed, rolledBack, Scenario } from './test-fixtures.ts'

/** A scenario with a driver that sees every effect. */
function start(options: Partial<PhaseTwoOptions> = {}): {
  scenario: Scenario
  driver: PhaseTwo
  calls: () => string[]
  pass: (result: CommandResult) => void
} {
  const scenario = new Scenario()
  const retry = { minMs: 1000, maxMs: 60_000, jitter: 0 }
  const driver = new PhaseTwo(scenario.state, { retry, ...options })
  return {
    scenario,
    driver,
    calls: () => driver.takeCalls(scenario.now).map((call) => `${call.direction} ${call.branchId}`),
    pass: (result) => driver.handle(result.effects, scenario.now),
  }
}

describe('phase two', () => {
  it('commits all AT branches at once, each only once', () => {
    const { scenario, calls, pass } = start()
    const xid = scenario.begin()
    const [a, b] = [scenario.register(xid), scenario.register(xid)]
    pass(scenario.commit(xid))
    assert.deepEqual(calls(), [`commit ${a}`, `commit ${b}`])
    pass(scenario.end(xid, b, committed))
    assert.deepEqual(calls(), [])
    pass(scenario.end(xid, a, committed))
    assert.equal(scenario.status(xid), 'Committed')
  })

  it('commits TCC one after the other, then AT', () => {
    const { scenario, calls, pass } = start()
    const xid = scenario.begin()
    const at = scenario.register(xid)
    const [a, b] = [1, 2].map(() => scenario.register(xid, { type: BranchType.TCC }))
    pass(scenario.commit(xid))
    assert.deepEqual(calls(), [`commit ${a}`])
    pass(scenario.end(xid, a!, committed))
    assert.deepEqual(calls(), [`commit ${b}`])
    pass(scenario.end(xid, b!, committed))
    assert.deepEqual(calls(), [`commit ${at}`])
  })

  it('rolls back strictly one by one, the last first', () => {
    const { scenario, calls, pass } = start()
    const xid = scenario.begin()
    const [a, b, c] = [1, 2, 3].map(() => scenario.register(xid))
    pass(scenario.rollback(xid))
    assert.deepEqual(calls(), [`rollback ${c}`])
    assert.deepEqual(calls(), [])
    pass(scenario.end(xid, c!, rolledBack))
    assert.deepEqual(calls(), [`rollback ${b}`])
    pass(scenario.end(xid, b!, BranchStatus.PhaseTwo_RollbackFailed_Retryable))
    assert.deepEqual(calls(), [], 'the first must wait for the second')
    scenario.now += 1000
    assert.deepEqual(calls(), [`rollback ${b}`])
    pass(scenario.end(xid, b!, rolledBack))
    assert.deepEqual(calls(), [`rollback ${a}`])
  })

  it('tries again after a growing delay up to the limit', () => {
    const { scenario, driver, calls, pass } = start()
    const xid = scenario.begin()
    const branchId = scenario.register(xid)
    pass(scenario.rollback(xid))
    const delays: number[] = []
    for (let i = 0; i < 8; i++) {
      assert.equal(calls().length, 1)
      pass(scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Retryable))
      const nextAt = driver.nextAttemptAt(xid, branchId)!
      assert.equal(driver.nextDueAt, 0, 'it looks once more, and finds nothing')
      assert.deepEqual(calls(), [])
      assert.equal(driver.nextDueAt, nextAt)
      delays.push(nextAt - scenario.now)
      scenario.now = nextAt
    }
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  it('tries at once when a resource manager of the resource connects', () => {
    const { scenario, driver, calls, pass } = start()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { resourceId: 'account' })
    pass(scenario.rollback(xid))
    const [call] = driver.takeCalls(scenario.now)
    pass(scenario.endAll([failedOutcome(call!, 'rm client is not connected')]))
    driver.resourceAvailable('stock')
    assert.deepEqual(calls(), [])
    driver.resourceAvailable('account')
    assert.deepEqual(calls(), [`rollback ${branchId}`])
    driver.resourceAvailable('account')
    assert.deepEqual(calls(), [], 'one call at a time')
  })

  it('tries again without delay when one connects before the failure is recorded', () => {
    const { scenario, driver, calls, pass } = start()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { resourceId: 'account' })
    pass(scenario.rollback(xid))
    const [call] = driver.takeCalls(scenario.now)
    driver.resourceAvailable('account')
    assert.deepEqual(calls(), [], 'one call at a time')
    pass(scenario.endAll([failedOutcome(call!, 'rm client is not connected')]))
    assert.deepEqual(calls(), [`rollback ${branchId}`])
    pass(scenario.endAll([failedOutcome(call!, 'the database is away')]))
    assert.deepEqual(calls(), [], 'once for each connection')
  })

  it('ignores an answer that comes twice', () => {
    const { scenario, calls, pass } = start()
    const xid = scenario.begin()
    const [a, b] = [scenario.register(xid), scenario.register(xid)]
    pass(scenario.rollback(xid))
    assert.deepEqual(calls(), [`rollback ${b}`])
    pass(scenario.end(xid, b, rolledBack))
    pass(scenario.end(xid, b, BranchStatus.PhaseTwo_RollbackFailed_Unretryable))
    assert.equal(scenario.status(xid), 'Rollbacking')
    assert.deepEqual(calls(), [`rollback ${a}`])
  })

  it('keeps to the limit of calls in flight', () => {
    const { scenario, driver, calls, pass } = start({ maxCallsInFlight: 2 })
    const xid = scenario.begin()
    const branches = [1, 2, 3].map(() => scenario.register(xid))
    pass(scenario.commit(xid))
    assert.equal(calls().length, 2)
    assert.equal(driver.nextDueAt, Infinity)
    pass(scenario.end(xid, branches[0]!, committed))
    assert.deepEqual(calls(), [`commit ${branches[2]}`])
  })

  it('finds transactions past their timeout, and forgets those that ended in time', () => {
    const { scenario, driver, pass } = start()
    const slow = scenario.begin('slow', 1000)
    const quick = scenario.begin('quick', 1000)
    driver.recover()
    pass(scenario.commit(quick))
    scenario.now += 1000
    assert.deepEqual(driver.takeTimeouts(scenario.now), [])
    scenario.now += 1
    assert.deepEqual(driver.takeTimeouts(scenario.now), [slow])
    assert.equal(scenario.timeOut(slow).refusal, null)
    assert.equal(scenario.status(slow), 'TimeoutRollbacked')
  })

  it('takes up after a restart what is pending', () => {
    const { scenario } = start()
    const ending = scenario.begin()
    const branchId = scenario.register(ending)
    scenario.commit(ending)
    const open = scenario.begin('open', 500)
    const driver = new PhaseTwo(scenario.state)
    driver.recover()
    const calls: BranchCall[] = driver.takeCalls(scenario.now)
    assert.deepEqual(calls, [
      {
        xid: ending,
        branchId,
        direction: 'commit',
        branchType: BranchType.AT,
        resourceId: 'db',
        clientId: 'shop:127.0.0.1:5000',
        applicationData: '',
      },
    ])
    assert.deepEqual(driver.takeTimeouts(scenario.now + 501), [open])
  })

  it('ends a saga by one call that carries the status', () => {
    const { scenario, driver, pass } = start()
    const xid = scenario.begin('$Saga_buy')
    scenario.register(xid, { type: BranchType.SAGA })
    scenario.now += 60_001
    pass(scenario.timeOut(xid))
    const [call] = driver.takeCalls(scenario.now)
    assert.equal(call?.branchId, -1)
    assert.equal(call.resourceId, 'shop#default')
    assert.equal(call.applicationData, 'TimeoutRollbacking')
    pass(scenario.end(xid, -1, rolledBack))
    assert.equal(scenario.status(xid), 'TimeoutRollbacked')
  })
})
