/**
 * Exponential backoff with jitter: the delay before attempt n grows by `factor` up to `maxMs`, and
 * a random share of it is taken off so that many clients do not come back at the same instant.
 */
import type { Random } from './random.ts'

export interface BackoffOptions {
  /** Delay before the second attempt, in ms. */
  readonly minMs: number
  /** Upper limit of the delay, in ms. */
  readonly maxMs: number
  /** Growth per attempt. Default 2. */
  readonly factor?: number
  /** Share of the delay that is random, 0 to 1. Default 0.5. */
  readonly jitter?: number
}

/** Delay in ms before the attempt after `failures` failures in a row (1 or more). */
export function backoffMs(failures: number, options: BackoffOptions, random: Random): number {
  const { minMs, maxMs, factor = 2, jitter = 0.5 } = options
  // The exponent is capped so that the power stays finite however long a peer is away.
  const grownMs = minMs * factor ** Math.min(Math.max(failures - 1, 0), 64)
  const ceilingMs = Math.min(maxMs, grownMs)
  return ceilingMs * (1 - jitter * random.float())
}
