/** The machine's wall clock is set back while the coordinator runs, as NTP and hypervisors do. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createManualClock, type Clock } from '@settee/kit'
import { BranchStatus } from '../../src/protocol/status.ts'
import { cleanUpAll, startCoordinator, stockResource } from '../../src/server/test-clients.ts'
import type { CleanUps } from '../../src/server/test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

const oneHourMs = 3_600_000

function createSteppedClock(): { clock: Clock; advance(ms: number): void; step(ms: number): void } {
  const manual = createManualClock(1_800_000_000_000)
  let steppedMs = 0
  return {
    clock: {
      now: () => manual.now() + steppedMs,
      monotonic: () => manual.monotonic(),
      after: (delayMs, callback) => manual.after(delayMs, callback),
    },
    advance: (ms) => manual.advance(ms),
    step(ms) {
      steppedMs += ms
    },
  }
}

test('a transaction times out in its own time', async () => {
  const stepped = createSteppedClock()
  const coordinator = await startCoordinator(cleanUps, { clock: stepped.clock })
  const manager = await coordinator.connect()
  const xid = await manager.begin(1000)
  stepped.step(-oneHourMs)
  for (let second = 0; second < 3; second++) {
    stepped.advance(1000)
    await manager.statusOf(xid)
  }
  assert.equal(await manager.statusOf(xid), 'TimeoutRollbacked')
})

test('a branch that failed to roll back is tried again in its own time', async () => {
  const stepped = createSteppedClock()
  const coordinator = await startCoordinator(cleanUps, { clock: stepped.clock })
  const manager = await coordinator.connect()
  const resource = await coordinator.connect({ resourceIds: stockResource })
  const reactions = [{ failure: 'the database restarts' }, BranchStatus.PhaseTwo_Rollbacked]
  resource.react = () => reactions.shift()!
  const xid = await manager.begin()
  await resource.branch(xid, 'stock:1')
  assert.equal(await manager.rollback(xid), 'RollbackRetrying')
  stepped.step(-oneHourMs)
  for (let second = 0; second < 5; second++) {
    stepped.advance(1000)
    await manager.statusOf(xid)
    await resource.statusOf(xid)
  }
  assert.equal(await manager.statusOf(xid), 'Rollbacked')
  assert.equal(coordinator.server.state.locks.size, 0)
})
