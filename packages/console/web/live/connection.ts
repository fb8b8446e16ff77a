/**
 * The state of the event stream as a pure machine. `since` is what the person is told: live since,
 * or away since the first loss, however many attempts failed after it.
 *
 *     connecting ──opened──► live ──lost──► waiting ──opened──► live
 *          └───────lost────────────────────► waiting ◄─┐
 *                                               └──lost─┘ with a longer delay
 */

export interface Connection {
  readonly phase: 'connecting' | 'live' | 'waiting'
  /** When the phase began, in ms since the Unix epoch. */
  readonly since: number
  /** Failed attempts in a row. */
  readonly failures: number
  /** When the next attempt starts; meaningful while waiting. */
  readonly retryAt: number
}

export type ConnectionEvent =
  | { readonly type: 'opened'; readonly at: number }
  /** `chance` in [0, 1) takes up to half of the delay off. */
  | { readonly type: 'lost'; readonly at: number; readonly chance: number }

const firstDelayMs = 500
const longestDelayMs = 15_000

export function createConnection(at: number): Connection {
  return { phase: 'connecting', since: at, failures: 0, retryAt: at }
}

export function stepConnection(connection: Connection, event: ConnectionEvent): Connection {
  if (event.type === 'opened') {
    const since = connection.phase === 'live' ? connection.since : event.at
    return { phase: 'live', since, failures: 0, retryAt: event.at }
  }
  const failures = connection.failures + 1
  const ceilingMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 16))
  return {
    phase: 'waiting',
    since: connection.phase === 'waiting' ? connection.since : event.at,
    failures,
    retryAt: event.at + ceilingMs * (1 - event.chance / 2),
  }
}
