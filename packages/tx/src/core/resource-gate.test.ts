import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchType } from '../protocol/status.ts'
import { failedOutcome, PhaseTwo, type BranchCall, type PhaseTwoOptions } from './phase-two.ts'
import { describeTransaction } from './read-model.ts'
import { jitteredBackoffMs } from './resource-gate.ts'
import { rolledBack, Scenario } from './test-fixtures.ts'

/** Resources that answer or do not, in steps of 100 ms. */
class Estate {
  readonly scenario = new Scenario()
  readonly driver: PhaseTwo
  readonly dead = new Set<string>(['account'])
  /** Calls, by resource. */
  readonly callsOf = new Map<string, number>()

  constructor(options: PhaseTwoOptions = {}) {
    this.driver = new PhaseTwo(this.scenario.state, options)
  }

  startRollback(resourceId: string, type: BranchType = BranchType.AT): string {
    const xid = this.scenario.begin()
    this.scenario.register(xid, { resourceId, type, clientId: `${resourceId}:10.0.0.1:5000` })
    this.driver.handle(this.scenario.rollback(xid).effects, this.scenario.now)
    return xid
  }

  /** Makes the calls that are due, until none is; all fail or work at once. */
  step(): void {
    for (;;) {
      const calls = this.driver.takeCalls(this.scenario.now)
      if (calls.length === 0) break
      for (const call of calls) this.#answer(call)
    }
    this.scenario.now += 100
  }

  #answer(call: BranchCall): void {
    const { xid, branchId, resourceId } = call
    this.callsOf.set(resourceId, (this.callsOf.get(resourceId) ?? 0) + 1)
    const outcome = this.dead.has(resourceId)
      ? failedOutcome(call, 'the database does not answer')
      : { xid, branchId, status: rolledBack, error: '' }
    this.driver.handle(this.scenario.endAll([outcome]).effects, this.scenario.now)
  }

  takeCalls(resourceId: string): number {
    const count = this.callsOf.get(resourceId) ?? 0
    this.callsOf.delete(resourceId)
    return count
  }
}

describe('a resource that fails for all', () => {
  it('is asked by one of a thousand branches at a time, and others keep their pace', () => {
    const estate = new Estate()
    const pending = Array.from({ length: 1000 }, () => estate.startRollback('account'))
    estate.step()
    // The calls that went out together before the first of them failed.
    assert.ok(estate.takeCalls('account') <= 256)
    for (let step = 0; step < 600; step++) {
      const xid = estate.startRollback('stock')
      estate.step()
      assert.equal(estate.scenario.status(xid), 'Rollbacked', 'ended in the step in which it began')
    }
    const probeCount = estate.takeCalls('account')
    // In a minute with delays of 1 s to 15 s; each branch for itself would make some 6,000.
    assert.ok(probeCount >= 4 && probeCount <= 25, `${probeCount} probes`)
    estate.dead.clear()
    for (let step = 0; step < 151; step++) estate.step()
    for (const xid of pending) assert.equal(estate.scenario.status(xid), 'Rollbacked')
    assert.equal(estate.takeCalls('account'), 1000)
  })

  it('is asked at once when a resource manager for it connects, and goes on for all', () => {
    const estate = new Estate()
    const pending = Array.from({ length: 20 }, () => estate.startRollback('account'))
    for (let step = 0; step < 100; step++) estate.step()
    estate.takeCalls('account')
    estate.dead.clear()
    estate.driver.resourceAvailable('account')
    estate.step()
    assert.equal(estate.takeCalls('account'), 20)
    for (const xid of pending) assert.equal(estate.scenario.status(xid), 'Rollbacked')
  })

  it('tells people what is waited for, since when, and when it is asked again', () => {
    const estate = new Estate({ maxCallsInFlightPerResource: 5 })
    const since = new Date(estate.scenario.now).toISOString()
    const xids = Array.from({ length: 8 }, () => estate.startRollback('account'))
    estate.step()
    const waitOf = (xid: string): string =>
      describeTransaction(estate.scenario.state, xid, estate.driver)!.waitingFor!
    // It has not been called itself: others of its resource have.
    const last = estate.driver.nextAttemptAt(xids[7]!, branchOf(estate, xids[7]!))!
    assert.ok(last > estate.scenario.now)
    assert.equal(
      waitOf(xids[7]!),
      `waiting for account RM (resource account) since ${since}, attempt 1, ` +
        `next try at ${new Date(last).toISOString()}, ` +
        'breaker open: one attempt at a time for all who wait for it',
    )
    assert.match(waitOf(xids[0]!), /attempt 2, .*breaker open: .*last error: the database does/)
  })

  it('is not one where a single branch always fails', () => {
    const estate = new Estate({ retry: { minMs: 100, maxMs: 200 } })
    estate.startRollback('account')
    assert.equal(estate.driver.takeCalls(estate.scenario.now).length, 1, 'one is under way')
    const poisoned = estate.startRollback('account')
    for (let step = 0; step < 100; step++) estate.step()
    const branchId = branchOf(estate, poisoned)
    assert.equal(estate.driver.breakerOpenSince(poisoned, branchId), null)
  })

  it('lets who has not failed yet ask first', () => {
    const estate = new Estate({ probe: { minMs: 10_000, maxMs: 10_000 } })
    for (let i = 0; i < 8; i++) estate.startRollback('account')
    for (let step = 0; step < 40; step++) estate.step()
    assert.equal(estate.takeCalls('account'), 8)
    const fresh = estate.startRollback('account')
    estate.step()
    const due = estate.driver.nextAttemptAt(fresh, branchOf(estate, fresh))!
    estate.scenario.now = due
    const [first] = estate.driver.takeCalls(estate.scenario.now)
    assert.equal(first?.xid, fresh)
  })

  it('is asked by all at once when it works again, whatever their own delays were', () => {
    const estate = new Estate({ retry: { minMs: 3_600_000, maxMs: 3_600_000 } })
    for (let i = 0; i < 8; i++) estate.startRollback('account')
    estate.step()
    estate.startRollback('account')
    estate.dead.clear()
    estate.takeCalls('account')
    for (let step = 0; step < 11; step++) estate.step()
    assert.equal(estate.takeCalls('account'), 9)
  })

  it('of another type than AT is one for each application', () => {
    const estate = new Estate({ maxCallsInFlightPerResource: 1 })
    const register = (clientId: string): string => {
      const xid = estate.scenario.begin()
      estate.scenario.register(xid, { resourceId: 'reserve', type: BranchType.TCC, clientId })
      estate.driver.handle(estate.scenario.rollback(xid).effects, estate.scenario.now)
      return xid
    }
    const xids = ['a:10.0.0.1:1', 'b:10.0.0.1:1', 'a:10.0.0.2:2'].map(register)
    const called = estate.driver.takeCalls(estate.scenario.now).map(({ xid }) => xid)
    assert.deepEqual(called, xids.slice(0, 2))
  })
})

function branchOf(estate: Estate, xid: string): number {
  return estate.scenario.transaction(xid).branches[0]!.branchId
}

describe('the delay before another attempt', () => {
  it('has a jitter that is the same at every replay, and differs between branches', () => {
    const retry = { minMs: 1000, maxMs: 60_000 }
    const delays = Array.from({ length: 100 }, (_, i) => jitteredBackoffMs(`x/${i}`, 3, retry))
    for (const [i, delayMs] of delays.entries()) {
      assert.equal(jitteredBackoffMs(`x/${i}`, 3, retry), delayMs)
      assert.ok(delayMs > 2000 && delayMs <= 4000)
    }
    assert.ok(new Set(delays).size > 95)
  })
})
