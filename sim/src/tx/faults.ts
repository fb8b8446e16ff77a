/** Makes the faults of a seed happen, until all is calm. */
import { createChance, type Chance } from '../world/chance.ts'
import type { ApplicationNode } from './application-node.ts'
import type { CoordinatorNode } from './coordinator-node.ts'
import type { SimulatedDatabase } from './database.ts'
import { calmMs, type FaultKind, type SeedPlan } from './plan.ts'
import type { World } from './world.ts'

export interface Parts {
  readonly coordinator: CoordinatorNode
  readonly applications: readonly ApplicationNode[]
  readonly databases: readonly SimulatedDatabase[]
}

type Disturb = (world: World, parts: Parts, chance: Chance) => void

const hourMs = 3_600_000

/** What happens each time a fault of the kind strikes; null for what the world has all the time. */
const strikes: Readonly<Record<FaultKind, Disturb | null>> = {
  coordinatorCrash(_world, { coordinator }, chance) {
    coordinator.crash(downMs(chance))
  },
  crashInFlush(_world, { coordinator }, chance) {
    const { disk } = coordinator
    let flushesLeft = chance.integer(1, 12)
    disk.onFlush = () => {
      if (--flushesLeft > 0) return
      disk.onFlush = () => {}
      // As an event of its own, before the flush that begins now can end.
      disk.queue.after(0, () => coordinator.crash(downMs(chance)))
    }
  },
  applicationCrash(_world, { applications }, chance) {
    chance.pick(applications).crash(downMs(chance))
  },
  databaseCrash(world, { databases }, chance) {
    crashDatabase(world, chance.pick(databases), downMs(chance))
  },
  databaseOutage(world, { databases }, chance) {
    crashDatabase(world, chance.pick(databases), chance.between(4000, 12_000))
  },
  databaseTrouble({ queue, trace }, { databases }, chance) {
    const database = chance.pick(databases)
    trace.add('', `${database.name} is in trouble`)
    if (chance.happens(0.5)) {
      database.hangsUntilMs = queue.nowMs + chance.between(200, 9000)
      return
    }
    database.slowness = chance.between(10, 200)
    queue.after(chance.between(500, 4000), () => {
      database.slowness = 1
    })
  },
  phaseTwoTrouble({ queue, trace }, { databases }, chance) {
    const database = chance.pick(databases)
    trace.add('', `${database.name} cannot read its undo logs`)
    database.undoFailsUntilMs = queue.nowMs + chance.between(1000, 10_000)
  },
  connectionBreak({ network }, _parts, chance) {
    const { connections } = network
    if (connections.length > 0) chance.pick(connections).break()
  },
  clockJump(world, { coordinator, applications }, chance) {
    const all = [coordinator, ...applications]
    const { process } = chance.pick(all)
    const byMs = chance.pick([-hourMs, -5000, -300, 300, 5000, hourMs])
    world.trace.add('', `the clock of ${process.name} jumps by ${byMs} ms`)
    process.jumpWall(byMs)
  },
  diskFull({ queue, trace }, { coordinator }, chance) {
    const { disk } = coordinator
    trace.add('', 'the disk is full')
    disk.isFull = true
    queue.after(chance.between(100, 2000), () => {
      disk.isFull = false
    })
  },
  diskFailure(_world, { coordinator }) {
    coordinator.disk.isFailing = true
  },
  harshNetwork: null,
  slowNetwork: null,
  diskSlow: null,
}

export function scheduleFaults(plan: SeedPlan, world: World, parts: Parts): void {
  for (const kind of plan.faults) {
    const strike = strikes[kind]
    if (strike === null) continue
    const chance = createChance(plan.seed, `fault ${kind}`)
    const count = chance.integer(1, kind === 'connectionBreak' ? 12 : 4)
    for (let i = 0; i < count; i++) {
      world.queue.after(chance.between(100, plan.faultsUntilMs), () => strike(world, parts, chance))
    }
  }
  world.queue.after(calmMs, () => calm(world, parts))
}

/** From now on nothing goes wrong any more. */
function calm(world: World, { coordinator, databases }: Parts): void {
  world.trace.add('', 'faults stop')
  world.network.faults = { isHarsh: false, isSlow: false }
  coordinator.disk.faults = { isSlow: false }
  coordinator.disk.isFailing = false
  coordinator.disk.onFlush = () => {}
  for (const database of databases) {
    database.hangsUntilMs = 0
    database.undoFailsUntilMs = 0
  }
}

function crashDatabase(world: World, database: SimulatedDatabase, forMs: number): void {
  if (!database.isUp) return
  world.trace.add('', `${database.name} is down for ${forMs.toFixed(0)} ms`)
  database.crash(forMs)
}

function downMs(chance: Chance): number {
  return chance.happens(0.2) ? chance.between(1000, 4000) : chance.between(10, 500)
}
