/**
 * Time as a port: shells take a {@link Clock}, pure cores take `now` as a number. Tests and
 * simulations pass a clock they move by hand.
 */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time in ms since the Unix epoch. For people and records, never for ordering machines. */
  now(): number
  /** Monotonic ms from an arbitrary origin. For durations and deadlines within this process. */
  monotonic(): number
  /** Runs `callback` once after `delayMs`. Keeps the process alive until then, as a socket does. */
  after(delayMs: number, callback: () => void): Timer
}

/** Longest delay that setTimeout honours; a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1

/** The machine's own clock. */
export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), longestDelayMs))
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs` of `clock`. */
export function sleep(delayMs: number, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}

/** A clock that moves only when told to, in order of due time. */
export interface ManualClock extends Clock {
  /** Moves time forward by `ms` and runs what falls due, each at its own instant. */
  advance(ms: number): void
  /** Number of timers that wait. */
  readonly pendingCount: number
}

/** @param startMs wall time at which the clock starts, in ms since the Unix epoch. */
export function createManualClock(startMs = 0): ManualClock {
  let elapsedMs = 0
  let sequence = 0
  const pending = new Map<number, { dueMs: number; callback: () => void }>()

  function nextDue(limitMs: number): number | undefined {
    let best: number | undefined
    for (const [id, timer] of pending) {
      if (timer.dueMs > limitMs) continue
      if (best === undefined || timer.dueMs < pending.get(best)!.dueMs) best = id
    }
    return best
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    after(delayMs, callback) {
      const id = sequence++
      pending.set(id, { dueMs: elapsedMs + Math.max(delayMs, 0), callback })
      return { cancel: () => pending.delete(id) }
    },
    advance(ms) {
      const targetMs = elapsedMs + ms
      for (let id = nextDue(targetMs); id !== undefined; id = nextDue(targetMs)) {
        const timer = pending.get(id)!
        pending.delete(id)
        elapsedMs = timer.dueMs
        timer.callback()
      }
      elapsedMs = targetMs
    },
    get pendingCount() {
      return pending.size
    },
  }
}
