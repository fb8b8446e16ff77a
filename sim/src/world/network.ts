/**
 * Connections that deliver in order and may break at any point, losing what is on the way; each end
 * hears of that at its own time, or much later when the peer went silent. In a harsh network every
 * frame travels alone: it may be lost, come twice, or overtake others.
 */
import type { Chance } from './chance.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimulatedProcess } from './simulated-process.ts'

export interface NetworkFaults {
  /** Frames are lost, doubled and reordered within a connection. */
  readonly isHarsh: boolean
  /** Frames are late now and then. */
  readonly isSlow: boolean
}

/** One end of a connection. */
export interface End {
  readonly process: SimulatedProcess
  /** Life of the process in which the connection was made. */
  readonly life: number
  onClose(): void
}

type Side = 0 | 1

/** What a harsh network must not do to a frame: lose, double or reorder it; or only double it. */
export type FrameCare = 'reliable' | 'single' | 'none'

export class Network {
  readonly queue: EventQueue
  readonly chance: Chance
  faults: NetworkFaults
  readonly #open = new Set<SimulatedConnection>()

  constructor(queue: EventQueue, chance: Chance, faults: NetworkFaults) {
    this.queue = queue
    this.chance = chance
    this.faults = faults
  }

  /** One way of one frame, in ms. */
  latencyMs(): number {
    const { chance } = this
    return this.faults.isSlow && chance.happens(0.02)
      ? chance.between(50, 2500)
      : chance.between(0.1, 1.5)
  }

  connect(first: End, second: End): SimulatedConnection {
    const connection = new SimulatedConnection(this, [first, second])
    this.#open.add(connection)
    return connection
  }

  /** All open connections, oldest first. */
  get connections(): readonly SimulatedConnection[] {
    return [...this.#open]
  }

  /** The process has died: its peers hear of it soon, or late when the machine lost power. */
  processDied(process: SimulatedProcess): void {
    for (const connection of this.connections) {
      if (connection.ends.some((end) => end.process === process)) connection.break()
    }
  }

  /** @internal */
  forget(connection: SimulatedConnection): void {
    this.#open.delete(connection)
  }
}

export class SimulatedConnection {
  readonly ends: readonly [End, End]
  readonly #network: Network
  readonly #arrivalMs = [0, 0]
  readonly #isClosed = [false, false]
  #isBroken = false

  constructor(network: Network, ends: readonly [End, End]) {
    this.#network = network
    this.ends = ends
  }

  /** As this end believes. */
  isOpen(side: Side): boolean {
    return !this.#isClosed[side]
  }

  /** Sends a frame from `side`; `deliver` runs at the other end, if it arrives. */
  send(side: Side, deliver: () => void, care: FrameCare = 'none'): void {
    if (this.#isBroken || this.#isClosed[side]) return
    const network = this.#network
    const { queue, chance, faults } = network
    const other: Side = side === 0 ? 1 : 0
    const arrive = (): void => {
      const { process, life } = this.ends[other]
      if (!this.#isBroken && process.isIn(life)) deliver()
    }
    if (faults.isHarsh && care !== 'reliable') {
      if (chance.happens(0.01)) return
      queue.after(network.latencyMs() + chance.between(0, 3), arrive)
      if (care === 'none' && chance.happens(0.02))
        queue.after(network.latencyMs() + chance.between(0, 30), arrive)
      return
    }
    const arrivalMs = Math.max(queue.nowMs + network.latencyMs(), this.#arrivalMs[other] as number)
    this.#arrivalMs[other] = arrivalMs
    queue.after(arrivalMs - queue.nowMs, arrive)
  }

  /** Nothing arrives any more; both ends hear of it in their time. */
  break(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#network.forget(this)
    const { queue, chance } = this.#network
    for (const side of [0, 1] as const) {
      const delayMs = chance.happens(0.1) ? chance.between(1000, 15_000) : chance.between(0, 20)
      queue.after(delayMs, () => this.#close(side))
    }
  }

  #close(side: Side): void {
    if (this.#isClosed[side]) return
    this.#isClosed[side] = true
    const end = this.ends[side]
    if (end.process.isIn(end.life)) end.onClose()
  }
}
