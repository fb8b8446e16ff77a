/**
 * A process that can be killed at any event boundary. Its clock is the kit's port: timers die with
 * the life in which they were set, wall time may jump, monotonic time may not.
 */
import type { Clock } from '@settee/kit'
import type { EventQueue } from './event-queue.ts'

/** Wall time at virtual 0, in ms since the Unix epoch. */
const epochMs = 1_760_000_000_000
/** An arbitrary origin, as of every monotonic clock. */
const monotonicOriginMs = 1e12

export class SimulatedProcess {
  readonly name: string
  isAlive = true
  /** Grows with every death: what belongs to an older life must not act any more. */
  life = 1
  readonly clock: Clock
  #wallOffsetMs = 0

  constructor(name: string, queue: EventQueue) {
    this.name = name
    this.clock = {
      now: () => Math.floor(epochMs + queue.nowMs + this.#wallOffsetMs),
      monotonic: () => monotonicOriginMs + queue.nowMs,
      after: (delayMs, callback) => {
        const { life } = this
        return queue.after(delayMs, () => {
          if (this.isIn(life)) callback()
        })
      },
    }
  }

  isIn(life: number): boolean {
    return this.isAlive && this.life === life
  }

  kill(): void {
    this.isAlive = false
    this.life++
  }

  restart(): void {
    this.isAlive = true
  }

  /** The wall clock is set, forwards or backwards. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }
}
