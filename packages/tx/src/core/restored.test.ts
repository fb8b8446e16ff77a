/**
 * What a restart finds: each state of a transaction comes back from a snapshot as it was, with its
 * rows, and what was under way goes on. The cases are those of Seata's SessionStoreTest; unlike
 * there, a rollback that has failed is kept, because its rows are in doubt.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType } from '../protocol/status.ts'
import { applyCommand } from './coordinator.ts'
import { PhaseTwo } from './phase-two.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'
import { Scenario, statusName } from './test-fixtures.ts'

interface Case {
  readonly status: string
  readonly prepare: (scenario: Scenario, xid: string, branchId: number) => void
  /** Branch type of the one branch. Default AT. */
  readonly type?: BranchType
  /** Whether the row is still locked. */
  readonly isLocked: boolean
  /** What phase two does first. */
  readonly call: 'commit' | 'rollback' | null
}

const cases: readonly Case[] = [
  { status: 'Begin', prepare: () => {}, isLocked: true, call: null },
  {
    status: 'AsyncCommitting',
    prepare: (scenario, xid) => scenario.commit(xid),
    isLocked: false,
    call: 'commit',
  },
  {
    status: 'Committing',
    type: BranchType.TCC,
    prepare: (scenario, xid) => scenario.commit(xid),
    isLocked: false,
    call: 'commit',
  },
  {
    status: 'CommitRetrying',
    prepare: (scenario, xid, branchId) => {
      scenario.commit(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_CommitFailed_Retryable, 'down')
    },
    isLocked: false,
    call: 'commit',
  },
  {
    status: 'RollbackRetrying',
    prepare: (scenario, xid, branchId) => {
      scenario.rollback(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Retryable, 'down')
    },
    isLocked: true,
    call: 'rollback',
  },
  {
    status: 'TimeoutRollbacking',
    prepare: (scenario, xid) => {
      scenario.now += 60_001
      scenario.timeOut(xid)
    },
    isLocked: true,
    call: 'rollback',
  },
  {
    status: 'RollbackFailed',
    prepare: (scenario, xid, branchId) => {
      scenario.rollback(xid)
      scenario.end(xid, branchId, BranchStatus.PhaseTwo_RollbackFailed_Unretryable, 'dirty')
    },
    isLocked: true,
    call: null,
  },
]

describe('after a restart', () => {
  for (const { status, prepare, type = BranchType.AT, isLocked, call } of cases) {
    it(`a transaction in ${status} is back, ${isLocked ? 'with' : 'without'} its row`, () => {
      const scenario = new Scenario()
      const xid = scenario.begin()
      const branchId = scenario.register(xid, { type, lockKeys: 't:1' })
      prepare(scenario, xid, branchId)
      const state = restored(scenario.state)

      const transaction = state.transactions.get(xid)
      assert.deepEqual(transaction, scenario.transaction(xid))
      assert.equal(transaction && statusName(transaction.status), status)
      assert.equal(state.locks.get('db', 't', '1')?.xid, isLocked ? xid : undefined)
      const [first] = takeCalls(state, scenario.now)
      assert.equal(first?.direction ?? null, call)
    })
  }

  it('one that had begun before still times out', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('purchase', 1000)
    const state = restored(scenario.state)
    const phaseTwo = createPhaseTwo(state)
    assert.deepEqual(phaseTwo.takeTimeouts(scenario.now + 1000), [])
    assert.deepEqual(phaseTwo.takeTimeouts(scenario.now + 1001), [xid])
  })

  it('commands go on where the snapshot ends, and give what they would have given before', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    scenario.register(xid, { lockKeys: 't:1' })
    const state = restored(scenario.state)
    const command = { kind: 'rollback', xid, reason: '', now: scenario.now } as const
    assert.deepEqual(applyCommand(state, command), scenario.apply(command))
    assert.deepEqual(encodeSnapshot(state), encodeSnapshot(scenario.state))
  })
})

function restored(state: CoordinatorState): CoordinatorState {
  const copy = new CoordinatorState()
  restoreSnapshot(copy, encodeSnapshot(state))
  return copy
}

function createPhaseTwo(state: CoordinatorState): PhaseTwo {
  const phaseTwo = new PhaseTwo(state)
  phaseTwo.recover()
  return phaseTwo
}

function takeCalls(state: CoordinatorState, now: number): ReturnType<PhaseTwo['takeCalls']> {
  return createPhaseTwo(state).takeCalls(now)
}
