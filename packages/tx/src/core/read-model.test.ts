import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus } from '../protocol/status.ts'
import { countTransactions, describeTransaction, listTransactions } from './read-model.ts'
import { Scenario } from './test-fixtures.ts'

const never = { nextAttemptAt: (): null => null, breakerOpenSince: (): null => null }
const fromTheStart = { committedTotal: 0, rolledBackTotal: 0 }

function fill(): { scenario: Scenario; retrying: string; branchId: number } {
  const scenario = new Scenario()
  scenario.commit(scenario.begin('committed'))
  scenario.rollback(scenario.begin('rolled back'))
  scenario.register(scenario.begin('active'), { lockKeys: 't:1' })
  const failed = scenario.begin('failed')
  const failedBranch = scenario.register(failed, { lockKeys: 't:2' })
  scenario.rollback(failed)
  scenario.end(failed, failedBranch, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
  const retrying = scenario.begin('retrying')
  const branchId = scenario.register(retrying, { resourceId: 'account', lockKeys: 't:3' })
  scenario.rollback(retrying)
  const failure = BranchStatus.PhaseTwo_RollbackFailed_Retryable
  scenario.end(retrying, branchId, failure, 'rm client is not connected')
  scenario.end(retrying, branchId, failure, 'timed out')
  return { scenario, retrying, branchId }
}

describe('the read model', () => {
  it('lists the youngest first, page by page', () => {
    const { scenario } = fill()
    const names: string[] = []
    for (let before: string | null | undefined; before !== null;) {
      const page = listTransactions(scenario.state, {
        limit: 2,
        ...(before !== undefined && { before }),
      })
      names.push(page.items.map((item) => item.name).join('+'))
      before = page.next
    }
    assert.deepEqual(names, ['retrying+failed', 'active+rolled back', 'committed'])
  })

  for (const [state, name] of [
    ['active', 'active'],
    ['retrying', 'retrying'],
    ['failed', 'failed'],
    ['committed', 'committed'],
    ['rolledBack', 'rolled back'],
  ] as const) {
    it(`filters by ${state}`, () => {
      const { items } = listTransactions(fill().scenario.state, { state })
      assert.deepEqual(
        items.map((item) => [item.name, item.state]),
        [[name, state]],
      )
    })
  }

  it('finds by a part of xid, name or application', () => {
    const { scenario, retrying } = fill()
    const count = (text: string): number => listTransactions(scenario.state, { text }).items.length
    assert.equal(count('tryin'), 1)
    assert.equal(count('sho'), 5)
    assert.equal(count(retrying), 1)
    assert.equal(count('nothing'), 0)
  })

  for (const [clientId, application] of [
    ['team:1:shop:fe:127.0.0.1:5000', 'team:1:shop:fe'],
    ['shop:::1:5000', 'shop'],
    ['shop:stock:fe80::1%eth0:5000', 'shop:stock'],
  ] as const) {
    it(`waits for the application ${application} of ${clientId}`, () => {
      const scenario = new Scenario()
      const xid = scenario.begin()
      const branchId = scenario.register(xid, { clientId })
      scenario.rollback(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Retryable)
      assert.equal(describeTransaction(scenario.state, xid, never)!.waitingTarget, application)
    })
  }

  it('says what a transaction waits for, since when and why', () => {
    const { scenario, retrying, branchId } = fill()
    const nextAttemptAt = (): number => scenario.now + 77
    const detail = describeTransaction(scenario.state, retrying, { ...never, nextAttemptAt })
    assert.equal(
      detail?.waitingFor,
      'waiting for shop RM (resource account) since 2023-11-14T22:13:20.000Z, attempt 3, ' +
        'next try at 2023-11-14T22:13:20.077Z, last error: timed out',
    )
    assert.equal(detail.waitingTarget, 'shop')
    assert.equal(detail.waitingSince, scenario.now)
    assert.deepEqual(detail.branches, [
      {
        branchId: String(branchId),
        order: 1,
        type: 'AT',
        resourceId: 'account',
        clientId: 'shop:127.0.0.1:5000',
        status: 'PhaseTwo_RollbackFailed_Retryable',
        attemptCount: 2,
        nextAttemptAt: scenario.now + 77,
        lastError: 'timed out',
        statement: '',
        dirty: null,
        isRepairable: false,
      },
    ])
    assert.deepEqual(detail.locks, [
      {
        resourceId: 'account',
        table: 't',
        key: '3',
        branchId: String(branchId),
        since: scenario.now,
      },
    ])
    assert.deepEqual(detail.timeline[0], {
      at: scenario.now,
      kind: 'begun',
      branchId: null,
      actor: 'shop',
      status: 'Begin',
      reason: '',
    })
    assert.deepEqual(
      detail.timeline.map((entry) => entry.actor),
      ['shop', 'shop:127.0.0.1:5000', 'shop', 'coordinator', 'coordinator'],
    )
    assert.equal(describeTransaction(scenario.state, 'h:1:99', never), null)
  })

  it('counts', () => {
    const { scenario } = fill()
    assert.deepEqual(countTransactions(scenario.state, 4, fromTheStart), {
      activeCount: 1,
      retryingCount: 1,
      failedCount: 1,
      committedTotal: 1,
      rolledBackTotal: 1,
      lockCount: 3,
      lockWaiterCount: 4,
    })
  })
})
