/**
 * A transfer: work in a global transaction as an application writes it. Legs may run in another
 * process, which is called without a second try: when no answer comes, the transaction is rolled
 * back while that process may still be at work.
 */
import { isSetteeError, messageOf, sleep } from '@settee/kit'
import { GlobalStatus, nameOf } from '@settee/tx/protocol'
import type { ApplicationNode } from './application-node.ts'
import { decisionOf, type Told } from './monitor.ts'
import type { Leg, TransferPlan } from './plan.ts'
import type { World } from './world.ts'

/** What came of one attempt; its xid is empty when it could not begin. */
export interface Attempt {
  xid: string
  told: Told | undefined
}

export class Transfer {
  readonly plan: TransferPlan
  readonly attempts: Attempt[] = []
  #isDone = false
  /** Life of the process in which it began; undefined before. */
  #life: number | undefined
  readonly #world: World
  readonly #applications: readonly ApplicationNode[]

  constructor(world: World, applications: readonly ApplicationNode[], plan: TransferPlan) {
    this.#world = world
    this.#applications = applications
    this.plan = plan
    world.queue.after(plan.startMs, () => this.#begin())
  }

  /** Through, or dead with its process. */
  get isOver(): boolean {
    return this.#isDone || (this.#life !== undefined && !this.#home.process.isIn(this.#life))
  }

  get #home(): ApplicationNode {
    return this.#applications[this.plan.application] as ApplicationNode
  }

  #begin(): void {
    const { process } = this.#home
    this.#life = process.life
    if (!process.isAlive) {
      this.#isDone = true
      return
    }
    void this.#run().then(() => {
      this.#isDone = true
    })
  }

  async #run(): Promise<void> {
    for (let left = this.plan.retries; ; left--) {
      const attempt: Attempt = { xid: '', told: undefined }
      this.attempts.push(attempt)
      await this.#attempt(attempt)
      if (attempt.told !== 'rolledBack' || left === 0) return
      await sleep(20, this.#home.process.clock)
    }
  }

  /** Begin, work, commit; rollback when the work fails. */
  async #attempt(attempt: Attempt): Promise<void> {
    const { manager, process } = this.#home
    const { monitor, trace } = this.#world
    const { timeoutMs, sagaDeltas } = this.plan
    const isSaga = sagaDeltas.length > 0
    let xid: string
    try {
      xid = await manager.begin(isSaga ? '$Saga_transfer' : 'transfer', timeoutMs)
    } catch {
      return
    }
    attempt.xid = xid
    monitor.onBegun(xid)
    trace.add(xid, `${process.name} has begun ${xid}, timeout ${timeoutMs} ms`)
    const timesOutAtMs = process.clock.monotonic() + timeoutMs
    try {
      await this.#work(xid)
      if (process.clock.monotonic() > timesOutAtMs) throw new Error('too late to commit')
    } catch (error) {
      trace.add(xid, `${process.name} rolls back: ${messageOf(error)}`)
      await this.#rollBack(attempt)
      return
    }
    trace.add(xid, `${process.name} commits`)
    await this.#commit(attempt)
    await this.#askStatus(xid)
  }

  /** Who asks for the status later hears the same. */
  async #askStatus(xid: string): Promise<void> {
    const { monitor } = this.#world
    const asked = monitor.knownOf(xid)
    const { decision } = asked
    let status: GlobalStatus
    try {
      status = await this.#home.manager.getStatus(xid)
    } catch {
      return
    }
    if (asked.mayTurn || decision === undefined) return
    const text = `${decision}, but its status is ${nameOf(GlobalStatus, status)}`
    monitor.check(decisionOf(status) === decision, 'a status agrees with the decision', text, xid)
  }

  async #commit(attempt: Attempt): Promise<void> {
    try {
      await this.#home.manager.commit(attempt.xid)
      this.#tell(attempt, 'committed')
    } catch (error) {
      const isRolledBack = isSetteeError(error, 'SETTEE_TX_ROLLED_BACK')
      this.#tell(attempt, isRolledBack ? 'rolledBack' : 'unknown')
    }
  }

  async #rollBack(attempt: Attempt): Promise<void> {
    try {
      await this.#home.manager.rollback(attempt.xid, 'the work failed')
      this.#tell(attempt, 'rolledBack')
    } catch {
      this.#tell(attempt, 'unknown')
    }
  }

  #tell(attempt: Attempt, told: Told): void {
    attempt.told = told
    this.#world.trace.add(attempt.xid, `the manager was told: ${told}`)
    this.#world.monitor.onTold(attempt.xid, told)
  }

  async #work(xid: string): Promise<void> {
    const { legs, sagaDeltas, thinkMs, failsBehind } = this.plan
    let count = 0
    for (const delta of sagaDeltas) {
      await this.#home.saga.run(xid, delta)
      if (++count >= failsBehind) throw new Error('the business says no')
    }
    for (const leg of legs) {
      await this.#runLeg(xid, leg)
      if (++count >= failsBehind) throw new Error('the business says no')
    }
    if (thinkMs > 0) await sleep(thinkMs, this.#home.process.clock)
  }

  /** A leg runs in the process that owns its database: this one, or another. */
  #runLeg(xid: string, leg: Leg): Promise<void> {
    const owner = this.#applications[leg.database % this.#applications.length] as ApplicationNode
    const { lockWaitMs } = this.plan
    if (owner === this.#home) return owner.runLeg(xid, leg, lockWaitMs)
    return this.#callOther(owner, () => owner.runLeg(xid, leg, lockWaitMs))
  }

  #callOther(other: ApplicationNode, run: () => Promise<void>): Promise<void> {
    const { queue, network } = this.#world
    const caller = this.#home.process
    const callerLife = caller.life
    const callTimeoutMs = 4000
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        if (caller.isIn(callerLife)) act()
      }
      caller.clock.after(callTimeoutMs, () => reject(new Error('no answer of the other service')))
      if (network.faults.isHarsh && network.chance.happens(0.03)) return
      queue.after(network.latencyMs(), () => {
        if (!other.process.isAlive) return
        const { life } = other.process
        const answer = (act: () => void): void => {
          if (!other.process.isIn(life)) return
          queue.after(network.latencyMs(), () => settle(act))
        }
        run().then(
          () => answer(resolve),
          (error: unknown) => answer(() => reject(error as Error)),
        )
      })
    })
  }
}
