/** Transactions of thousands of branches and rows: what a command costs grows with their number. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus } from '../protocol/status.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'
import { committed, effectKinds, Scenario } from './test-fixtures.ts'

function fill(branchCount: number, rowsPerBranch: number): { scenario: Scenario; xid: string } {
  const scenario = new Scenario()
  const xid = scenario.begin()
  for (let i = 0; i < branchCount; i++) {
    const keys = Array.from({ length: rowsPerBranch }, (_, j) => `${i}_${j}`)
    scenario.register(xid, { lockKeys: `stock:${keys.join(',')}` })
  }
  return { scenario, xid }
}

describe('a transaction of many branches', () => {
  it('is committed in about the time in which it locked its rows', () => {
    const startMs = performance.now()
    const { scenario, xid } = fill(4000, 100)
    const lockedMs = performance.now()
    const { effects } = scenario.commit(xid)
    const committedMs = performance.now()
    const released = effects.find((effect) => effect.kind === 'locksReleased')
    assert.equal(released?.locks.length, 400_000)
    assert.equal(scenario.state.locks.size, 0)
    // Copying the rows anew for each branch takes some twenty times as long.
    assert.ok(committedMs - lockedMs < 4 * (lockedMs - startMs))
  })

  it('of AT is driven once, not again with every answer', () => {
    const { scenario, xid } = fill(3, 1)
    const [a, b, c] = scenario.transaction(xid).branches.map(({ branchId }) => branchId)
    assert.deepEqual(effectKinds(scenario.commit(xid)), ['locksReleased', 'drive'])
    assert.deepEqual(effectKinds(scenario.end(xid, a!, committed)), ['attempted'])
    const failed = BranchStatus.PhaseTwo_CommitFailed_Retryable
    assert.deepEqual(effectKinds(scenario.end(xid, b!, failed)), ['settled', 'attempted'])
    assert.deepEqual(effectKinds(scenario.end(xid, c!, committed)), ['attempted'])
    assert.deepEqual(effectKinds(scenario.end(xid, b!, committed)), ['attempted', 'settled'])
  })

  it('is a line for each of them in a snapshot, and is restored with its locks', () => {
    const { scenario, xid } = fill(2, 2)
    const bytes = encodeSnapshot(scenario.state)
    const lines = new TextDecoder().decode(bytes).trimEnd().split('\n')
    assert.equal(lines.length, 4)
    assert.match(lines[2]!, /"locks":\[\["stock","0_0",\d+\],\["stock","0_1",\d+\]\]/)
    const restored = new CoordinatorState()
    restoreSnapshot(restored, bytes)
    assert.deepEqual(restored.transactions.get(xid), scenario.transaction(xid))
    assert.deepEqual([...restored.locks], [...scenario.state.locks])
  })
})
