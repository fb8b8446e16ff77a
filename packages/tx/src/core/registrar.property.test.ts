/**
 * Random transactions that register branches on a few rows, wait, give up and end, while what is
 * proposed is applied late. After every step: nobody sleeps who could go on, nobody waits in a
 * circle, and nobody was passed more often than the limit says.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { GlobalStatus } from '../protocol/status.ts'
import { eachRow, type LockWaiter } from './lock-queue.ts'
import { rolledBack } from './test-fixtures.ts'
import { LockScene } from './test-lock-waits.ts'

const maxOvertakes = 3
const rowCount = 5

type Choice = readonly [action: number, who: number, rows: number, elapsedMs: number]
const choice = fc.tuple(fc.nat(11), fc.nat(1000), fc.nat(255), fc.nat(30))

class Walk {
  readonly scene = new LockScene({ maxOvertakes })
  readonly xids: string[] = []
  #askCount = 0
  /** Waiters that were given way at some time. */
  readonly #passed = new Set<object>()

  constructor() {
    const { queue } = this.scene.registrar
    const letPass = queue.letPass.bind(queue)
    queue.letPass = (behind, ahead) => {
      this.#passed.add(ahead)
      letPass(behind, ahead)
    }
  }

  step([action, who, rows, elapsedMs]: Choice): void {
    const { scene, xids } = this
    scene.scenario.now += elapsedMs
    const xid = xids[who % xids.length]
    if (action <= 2 || xid === undefined) xids.push(scene.scenario.begin(`t${xids.length}`, 1e6))
    else if (action <= 8) this.#ask(xid, rows, who)
    else if (action === 9) scene.apply()
    else if (action === 10) scene.registrar.expire(scene.scenario.now)
    else this.#end(xid, who)
    this.#check()
  }

  endAll(): void {
    for (const xid of this.xids) {
      this.scene.apply()
      this.#end(xid, 0)
    }
    this.scene.apply()
  }

  #ask(xid: string, rows: number, who: number): void {
    const keys = Array.from({ length: rowCount }, (_, key) => key).filter(
      (key) => (rows & (1 << key)) !== 0,
    )
    const waitMs = who % 5 === 0 ? 0 : 200
    const fields = { waitMs, isApplied: who % 3 !== 0, holdsRowLocks: who % 7 === 0 }
    this.scene.ask(`${this.#askCount++}`, xid, keys.join(','), fields)
  }

  #end(xid: string, who: number): void {
    const { scene } = this
    scene.take(scene.scenario[who % 2 === 0 ? 'commit' : 'rollback'](xid))
    const transaction = scene.scenario.transaction(xid)
    const isRollback = transaction.status === GlobalStatus.Rollbacking
    if (!isRollback) return
    for (const { branchId } of transaction.branches.toReversed()) {
      scene.take(scene.scenario.end(xid, branchId, rolledBack))
    }
  }

  #check(): void {
    const { queue } = this.scene.registrar
    for (const waiter of queue) {
      if (waiter.isTrying) continue
      // Who tries wakes the next ones when it is through.
      const isBehindTrying = [...eachRow(waiter)].some((row) =>
        [...queue.queueOf(row)].some(({ isTrying }) => isTrying),
      )
      assert.ok(
        isBehindTrying || queue.obstacleOf(waiter) !== null,
        `${waiter.xid} sleeps and could go on`,
      )
      assert.ok(!this.#waitsForItself(waiter.xid), `${waiter.xid} waits for itself`)
      if (this.#passed.has(waiter)) continue
      // Those that were proposed before it came to that are under way, one for each row.
      const limit = maxOvertakes + rowCount
      assert.ok(waiter.overtakenCount <= limit, `passed ${waiter.overtakenCount} times`)
    }
  }

  /** Looks at held rows alone, as plainly as can be. */
  #waitsForItself(xid: string): boolean {
    const seen = new Set<string>()
    const open = [xid]
    for (const one of open) {
      for (const holder of this.#holdersAgainst(one)) {
        if (holder === xid) return true
        if (!seen.has(holder)) open.push(holder)
        seen.add(holder)
      }
    }
    return false
  }

  *#holdersAgainst(xid: string): Iterable<string> {
    const { locks } = this.scene.scenario.state
    for (const waiter of this.scene.registrar.queue.waitersOf(xid) as Set<LockWaiter<unknown>>) {
      if (waiter.isTrying) continue
      for (const { resourceId, table, key } of eachRow(waiter)) {
        const holder = locks.get(resourceId, table, key)?.xid
        if (holder !== undefined && holder !== xid) yield holder
      }
    }
  }
}

it('nobody sleeps who could go on, waits in a circle, or is passed too often', () => {
  let waitCount = 0
  fc.assert(
    fc.property(fc.array(choice, { minLength: 40, maxLength: 150 }), (choices) => {
      const walk = new Walk()
      for (const one of choices) {
        walk.step(one)
        waitCount += walk.scene.registrar.waiterCount
      }
      // When all have ended, all have been answered.
      walk.endAll()
      assert.equal(walk.scene.registrar.waiterCount, 0)
      assert.equal(walk.scene.scenario.state.locks.size, 0)
    }),
    { numRuns: 300, seed: 20_261_121 },
  )
  assert.ok(waitCount > 10_000, `${waitCount} waits`)
})
