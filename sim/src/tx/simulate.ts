/**
 * One simulated world from one seed: a coordinator, applications, databases, transfers and faults;
 * then calm, until everything has ended; then the books are checked.
 */
import { GlobalStatus, nameOf } from '@settee/tx/protocol'
import { createChance } from '../world/chance.ts'
import { EventQueue } from '../world/event-queue.ts'
import { Network } from '../world/network.ts'
import { Trace } from '../world/trace.ts'
import { ApplicationNode } from './application-node.ts'
import { balanceOf } from './at-resource.ts'
import { CoordinatorNode, snapshotEveryBytes } from './coordinator-node.ts'
import type { TxCore } from './core.ts'
import { SimulatedDatabase } from './database.ts'
import { scheduleFaults } from './faults.ts'
import { decisionOf, Monitor, type Violation } from './monitor.ts'
import { calmMs, type SeedPlan } from './plan.ts'
import { Transfer } from './transfer.ts'
import type { World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  readonly violation: Violation | undefined
  /** The last events of the transaction concerned; empty without a violation. */
  readonly trace: readonly string[]
  readonly counts: Counts
}

/** What a run has met; to see that it reaches what it is for. */
export interface Counts {
  events: number
  committed: number
  rolledBack: number
  timedOut: number
  restarts: number
  snapshots: number
  deadlocks: number
  lockWaits: number
  breakers: number
  defences: number
  orphans: number
}

/** Everything ends within this time after faults stop, in ms. */
const endWithinMs = 240_000
/** For late frames and answers, once all has ended, in ms. */
const aftermathMs = 20_000
const traceLines = 60

export async function simulateSeed(core: TxCore, plan: SeedPlan): Promise<SeedResult> {
  const estate = new Estate(core, plan)
  await estate.run()
  const { monitor, trace } = estate.world
  const { violation } = monitor
  return {
    seed: plan.seed,
    violation,
    trace: violation === undefined ? [] : trace.about(xidsOf(violation), traceLines),
    counts: estate.count(),
  }
}

/** The transaction that a violation is about, and those that its text names. */
function xidsOf({ xid, text }: Violation): ReadonlySet<string> {
  return new Set([xid, ...(text.match(/\d+\.\d+\.\d+\.\d+:\d+:\d+/g) ?? [])])
}

class Estate {
  readonly world: World
  readonly #coordinator: CoordinatorNode
  readonly #databases: readonly SimulatedDatabase[]
  readonly #transfers: readonly Transfer[]

  constructor(core: TxCore, plan: SeedPlan) {
    const { seed, faults, databaseCount, applicationCount } = plan
    const queue = new EventQueue()
    const monitor = new Monitor()
    const network = new Network(queue, createChance(seed, 'network'), {
      isHarsh: faults.has('harshNetwork'),
      isSlow: faults.has('slowNetwork'),
    })
    const world: World = { core, queue, network, monitor, trace: new Trace(queue) }
    this.world = world
    this.#coordinator = new CoordinatorNode(world, {
      chance: createChance(seed, 'coordinator'),
      isDiskSlow: faults.has('diskSlow'),
      limits: plan.limits,
    })
    this.#databases = Array.from({ length: databaseCount }, (_, index) =>
      this.#createDatabase(seed, `db${index}`),
    )
    const isForwardOnly = (xid: string): boolean =>
      this.#transfers.some(
        ({ plan: { isForwardOnly: yes }, attempts }) =>
          yes && attempts.some((attempt) => attempt.xid === xid),
      )
    const applications = Array.from({ length: applicationCount }, (_, index) => {
      const name = `bank${index}`
      return new ApplicationNode(world, {
        applicationId: 'bank',
        name,
        coordinator: this.#coordinator,
        databases: this.#databases,
        chance: createChance(seed, name),
        isForwardOnly,
      })
    })
    this.#transfers = plan.transfers.map((one) => new Transfer(world, applications, one))
    scheduleFaults(plan, world, {
      coordinator: this.#coordinator,
      applications,
      databases: this.#databases,
    })
    this.#coordinator.start()
    this.#watchRequests()
  }

  async run(): Promise<void> {
    const { queue, monitor } = this.world
    const isOver = (): boolean => {
      this.#coordinator.observe()
      return monitor.violation !== undefined || (queue.nowMs > calmMs && this.#hasEnded())
    }
    const hasEnded = await queue.run(isOver, calmMs + endWithinMs)
    if (!hasEnded) this.#failAsEndless()
    if (monitor.violation !== undefined) return
    const untilMs = queue.nowMs + aftermathMs
    await queue.run(() => {
      this.#coordinator.observe()
      return monitor.violation !== undefined
    }, untilMs)
    if (monitor.violation === undefined) this.#checkBooks()
  }

  count(): Counts {
    const { restartCount, disk, deadlockCount, lockWaitCount, brokenResources } = this.#coordinator
    const known = [...this.world.monitor.known.values()]
    const countOf = (wanted: GlobalStatus): number =>
      known.filter(({ status }) => status === wanted).length
    const told = new Set(this.#transfers.flatMap((one) => one.attempts.map(({ xid }) => xid)))
    const rows = this.#databases.flatMap((database) => [...database.rows.values()])
    return {
      events: this.world.queue.eventCount,
      committed: countOf(GlobalStatus.Committed),
      rolledBack: countOf(GlobalStatus.Rollbacked),
      timedOut: countOf(GlobalStatus.TimeoutRollbacked),
      restarts: restartCount,
      snapshots: disk.snapshotIndex > 0 ? 1 : 0,
      deadlocks: deadlockCount,
      lockWaits: lockWaitCount,
      breakers: brokenResources.size,
      defences: rows.filter((row) => row.kind === 'undo' && row.isDefence).length,
      orphans: known.filter(({ xid }) => !told.has(xid)).length,
    }
  }

  #createDatabase(seed: number, name: string): SimulatedDatabase {
    const database = new SimulatedDatabase(name, this.world.queue, createChance(seed, name))
    database.onCommit = (writes) => this.world.monitor.onCommit(database, writes)
    return database
  }

  #hasEnded(): boolean {
    const { state, lockWaiterCount } = this.#coordinator
    if (state === undefined || state.transactions.size > 0 || lockWaiterCount > 0) return false
    return this.#transfers.every(({ isOver }) => isOver)
  }

  #failAsEndless(): void {
    const { monitor } = this.world
    const { state, lockWaiterCount } = this.#coordinator
    const open = [...(state?.transactions.values() ?? [])]
    const transfer = this.#transfers.find(({ isOver }) => !isOver)
    const xid = open[0]?.xid ?? transfer?.attempts.at(-1)?.xid ?? ''
    const statuses = open.map(({ status }) => nameOf(GlobalStatus, status)).join(', ')
    const text =
      `${open.length} transactions (${statuses}), ${lockWaiterCount} lock waiters and ` +
      `${this.#transfers.filter(({ isOver }) => !isOver).length} transfers are left`
    monitor.fail('everything ends', text, xid)
  }

  // ---- while it runs ----------------------------------------------------------------------

  /** Now and then: is everybody answered, and is the journal short? */
  #watchRequests(): void {
    const { queue, monitor } = this.world
    const { state, disk, openRequests, requestWatch } = this.#coordinator
    if (state !== undefined) {
      requestWatch.check(state, openRequests)
      const tail = disk.records.slice(disk.snapshotIndex)
      const bytes = tail.reduce((sum, { length }) => sum + length, 0)
      const text = `${bytes} bytes lie behind the snapshot`
      monitor.check(bytes < 8 * snapshotEveryBytes, 'the journal is bounded', text)
    }
    this.#coordinator.checkBreakers()
    this.#checkUndoLogs()
    queue.after(250, () => this.#watchRequests())
  }

  /** A transaction that is over has left no undo log, whatever happens to others. */
  #checkUndoLogs(): void {
    const { monitor } = this.world
    for (const { name, rows } of this.#databases) {
      for (const row of rows.values()) {
        if (row.kind !== 'undo' || row.isDefence) continue
        const { isFinished } = monitor.knownOf(row.xid)
        monitor.check(!isFinished, 'undo logs go', `branch ${row.branchId} of ${name}`, row.xid)
      }
    }
  }

  // ---- at the end -------------------------------------------------------------------------

  #checkBooks(): void {
    this.#coordinator.checkReplay()
    this.#checkCoordinator()
    this.#checkUndo()
    this.#checkFences()
    for (const transfer of this.#transfers) this.#checkTransfer(transfer)
    this.#checkMoney()
  }

  #checkCoordinator(): void {
    const { state, lockWaiterCount } = this.#coordinator
    const { monitor } = this.world
    if (state === undefined) return monitor.fail('everything ends', 'the coordinator is down')
    monitor.check(state.locks.size === 0, 'no lock outlives its transaction', `${state.locks.size}`)
    monitor.check(lockWaiterCount === 0, 'every request is answered', 'somebody waits for a lock')
  }

  /** Every transfer sums up to nothing, so all accounts together do. */
  #checkMoney(): void {
    const total = this.#databases
      .flatMap(({ rows }) => [...rows.values()])
      .reduce((sum, row) => sum + (row.kind === 'account' ? balanceOf(row) : 0), 0)
    this.world.monitor.check(total === 0, 'money is conserved', `${total} too much`)
  }

  /** No undo log is left, and every branch that wrote has come to what was decided. */
  #checkUndo(): void {
    const { monitor } = this.world
    for (const { name, rows } of this.#databases) {
      for (const row of rows.values()) {
        if (row.kind !== 'undo') continue
        const { xid, branchId, isDefence } = row
        const { decision } = monitor.knownOf(xid)
        const text = `branch ${branchId} of ${name}`
        monitor.check(isDefence, 'undo logs go', text, xid)
        monitor.check(decision === 'rollback', 'a defence row follows a rollback', text, xid)
      }
    }
    for (const { xid, decision, effects } of monitor.known.values()) {
      const wanted = decision === 'commit' ? 'kept' : 'undone'
      for (const [branch, effect] of effects) {
        monitor.check(effect === wanted, 'all or nothing', `${branch} is ${effect}`, xid)
      }
    }
  }

  /** No branch of TCC or XA is left between its two phases. */
  #checkFences(): void {
    for (const { name, rows } of this.#databases) {
      for (const [key, row] of rows) {
        const isOpen = row.kind === 'xa' || (row.kind === 'fence' && row.status === 'tried')
        const xid = key.split('/')[1]
        this.world.monitor.check(!isOpen, 'every branch ends', `${name}: ${key}`, xid)
      }
    }
  }

  /** What was told is what is; a commit has all of its legs. */
  #checkTransfer({ plan, attempts }: Transfer): void {
    const { monitor } = this.world
    const { state } = this.#coordinator
    for (const { xid, told } of attempts) {
      if (xid === '') continue
      const known = monitor.knownOf(xid)
      const end = state?.endOf(xid)
      monitor.check(end !== undefined, 'acknowledged is kept', 'it was forgotten', xid)
      if (end === undefined) continue
      const decision = decisionOf(end.status)
      if (told !== undefined) monitor.onTold(xid, told)
      const legCount = plan.legs.length
      const kept = [...known.effects.values()].filter((effect) => effect === 'kept').length
      const wanted = decision === 'commit' ? legCount : 0
      const text = `${kept} of ${legCount} legs are there`
      monitor.check(kept === wanted, 'all or nothing', text, xid)
    }
  }
}
