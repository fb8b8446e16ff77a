/**
 * How much phase two asks of one resource. Pure and ephemeral, a part of phase-two.ts.
 *
 *     closed ── `failureThreshold` failures in a row, of more than one branch ──► open
 *     open ──── after a delay that grows ──► one branch may ask ──► ended: closed, all may ask
 *                                                           └────► failed: open for longer
 *
 * So a database that does not answer is asked now and then, by one of the thousand branches that
 * wait for it, and not by each of them in its own rhythm. A single branch that always fails opens
 * nothing, because its own delay grows already. Whoever has not failed yet is the first to ask.
 *
 * AT branches of a resource share its gate, whoever registered them; branches of other types belong
 * to the application that registered them, and so do their gates.
 */
import { backoffMs, createSeededRandom, type BackoffOptions } from '@settee/kit'
import { BranchType } from '../protocol/status.ts'
import { DueIndex } from './due-index.ts'
import { applicationOf, type Branch } from './transaction.ts'

export interface ResourceGateOptions {
  /** Calls to one resource that wait for an answer at the same time. Default 256. */
  readonly maxCallsInFlightPerResource?: number
  /** Failures in a row after which one branch asks for all. Default 5. */
  readonly failureThreshold?: number
  /** Delay between two such questions, in ms. Default 1,000 to 15,000. */
  readonly probe?: BackoffOptions
}

export class ResourceGate<Attempt> {
  readonly key: string
  readonly resourceId: string
  /** Those in flight, those that wait for their own time, and those that wait here. */
  readonly attempts: Set<Attempt> = new Set()
  /** Since when it is open (for "broken"), in ms; null when it is closed. */
  openSince: number | null = null
  /** When one may ask again, in ms; null while one is asking, or when it is closed. */
  askedAgainAt: number | null = null
  inFlightCount = 0
  failuresInRow = 0
  /** The last that failed. */
  lastFailed = ''
  /** Questions in a row that failed while it was open. */
  probeFailures = 0
  /** One may ask now. */
  mayProbe = false
  readonly waiting: Set<Attempt> = new Set()
  /** Those in {@link waiting} that have not failed yet. */
  readonly fresh: Set<Attempt> = new Set()
  readonly #maxInFlight: number

  constructor(key: string, resourceId: string, maxInFlight: number) {
    this.key = key
    this.resourceId = resourceId
    this.#maxInFlight = maxInFlight
  }

  /** Whether the attempt may be made now; if not, it waits. */
  enter(attempt: Attempt, isFresh: boolean): boolean {
    const isAdmitted =
      this.openSince === null ? this.inFlightCount < this.#maxInFlight : this.mayProbe
    if (isAdmitted) {
      this.inFlightCount++
      this.mayProbe = false
      return true
    }
    this.waiting.add(attempt)
    if (isFresh) this.fresh.add(attempt)
    return false
  }
}

export interface GatedAttempt {
  readonly xid: string
  readonly branchId: number
  readonly isInFlight: boolean
}

export class ResourceGates<Attempt extends GatedAttempt> {
  readonly #maxInFlight: number
  readonly #failureThreshold: number
  readonly #probe: BackoffOptions
  readonly #gates = new Map<string, ResourceGate<Attempt>>()
  readonly #due = new DueIndex<ResourceGate<Attempt>>()

  constructor(options: ResourceGateOptions) {
    this.#maxInFlight = options.maxCallsInFlightPerResource ?? 256
    this.#failureThreshold = options.failureThreshold ?? 5
    this.#probe = options.probe ?? { minMs: 1_000, maxMs: 15_000 }
  }

  /** Instant in ms at which a resource may be asked again. */
  get nextDueAt(): number {
    return this.#due.nextDueAt
  }

  /** The gate of a branch. */
  open(branch: Branch): ResourceGate<Attempt> {
    const { resourceId } = branch
    const key =
      branch.type === BranchType.AT ? resourceId : `${resourceId}\n${applicationOf(branch)}`
    let gate = this.#gates.get(key)
    if (gate === undefined) {
      gate = new ResourceGate(key, resourceId, this.#maxInFlight)
      this.#gates.set(key, gate)
    }
    return gate
  }

  /** All gates of a resource. */
  of(resourceId: string): ResourceGate<Attempt>[] {
    return [...this.#gates.values()].filter((gate) => gate.resourceId === resourceId)
  }

  /** Those that may ask for their resources now. */
  takeDue(now: number): Attempt[] {
    return this.#due.takeAllDue(now).flatMap((gate) => this.#letProbe(gate, now))
  }

  /** Something has changed for the better: one may ask at once. */
  askAgain(gate: ResourceGate<Attempt>): void {
    if (gate.askedAgainAt !== null) this.#due.set(gate, 0)
  }

  /** An attempt came back. Returns those that may be made now. */
  leave(
    gate: ResourceGate<Attempt>,
    attempt: Attempt,
    { isOk, now }: { readonly isOk: boolean; readonly now: number },
  ): Attempt[] {
    gate.inFlightCount--
    if (isOk) {
      const isOpening = gate.openSince !== null
      this.#close(gate)
      return isOpening ? [...gate.attempts].filter(isIdle) : nextOf(gate)
    }
    const id = `${attempt.xid}/${attempt.branchId}`
    if (gate.lastFailed !== id) gate.failuresInRow++
    gate.lastFailed = id
    if (gate.openSince === null && gate.failuresInRow < this.#failureThreshold) return nextOf(gate)
    gate.openSince ??= now
    // The calls that were under way when it opened are no questions of their own.
    if (gate.inFlightCount === 0) this.#waitForProbe(gate, now)
    return []
  }

  /** The attempt is over, or is about to be made anew. */
  forget(gate: ResourceGate<Attempt>, attempt: Attempt): void {
    gate.attempts.delete(attempt)
    gate.waiting.delete(attempt)
    gate.fresh.delete(attempt)
    if (gate.attempts.size > 0) return
    // Names that nobody asks for any more must not stay behind for ever.
    if (this.#gates.get(gate.key) === gate) this.#gates.delete(gate.key)
    this.#due.delete(gate)
  }

  #waitForProbe(gate: ResourceGate<Attempt>, now: number): void {
    gate.probeFailures++
    gate.askedAgainAt = now + jitteredBackoffMs(gate.key, gate.probeFailures, this.#probe)
    this.#due.set(gate, gate.askedAgainAt)
  }

  #letProbe(gate: ResourceGate<Attempt>, now: number): Attempt[] {
    if (gate.openSince === null || gate.inFlightCount > 0) return []
    gate.askedAgainAt = null
    gate.mayProbe = true
    // If the one that is let through needs nothing any more, another is in a moment.
    this.#due.set(gate, now + this.#probe.minMs)
    return nextOf(gate)
  }

  #close(gate: ResourceGate<Attempt>): void {
    gate.openSince = null
    gate.askedAgainAt = null
    gate.mayProbe = false
    gate.failuresInRow = 0
    gate.lastFailed = ''
    gate.probeFailures = 0
    this.#due.delete(gate)
  }
}

/** Who goes first: one that has not failed yet, else the one that waits longest; empty if none. */
function nextOf<Attempt>({ fresh, waiting }: ResourceGate<Attempt>): Attempt[] {
  for (const attempt of fresh) return [attempt]
  for (const attempt of waiting) return [attempt]
  return []
}

function isIdle({ isInFlight }: GatedAttempt): boolean {
  return !isInFlight
}

/** {@link backoffMs} with a jitter that follows from `text`, not from chance. */
export function jitteredBackoffMs(text: string, failures: number, retry: BackoffOptions): number {
  return backoffMs(failures, retry, createSeededRandom(hashOf(text) + failures))
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
