/**
 * The coordinator's time: the wall clock at the start, and what has passed since then. A wall clock
 * that is set back while it runs (NTP, hypervisors) would otherwise keep transactions from timing
 * out and branches from being tried again.
 */
import type { Clock } from '@settee/kit'

/**
 * Returns a function that gives whole ms since the Unix epoch and never goes back.
 * @param earliestMs the last instant that is recorded: after a restart, time goes on from there
 *   even if the wall clock was set back in between.
 */
export function createCoordinatorTime(clock: Clock, earliestMs: number): () => number {
  const startMs = Math.max(clock.now(), earliestMs)
  const origin = clock.monotonic()
  // Rounded up, so that a timer that fires in time finds due what it was set for.
  return () => Math.ceil(startMs + clock.monotonic() - origin)
}
