/**
 * Randomness as a port, so that a simulation or a failing test can be replayed from its seed.
 */

export interface Random {
  /** A float in [0, 1). */
  float(): number
  /** An unsigned 32-bit integer. */
  u32(): number
  /** An integer in [0, bound). */
  below(bound: number): number
}

function fromU32(u32: () => number): Random {
  return {
    u32,
    float: () => u32() / 2 ** 32,
    below: (bound) => Math.floor((u32() / 2 ** 32) * bound),
  }
}

/** Not for secrets: balancing, jitter, ids of calls. */
export const systemRandom: Random = fromU32(() => (Math.random() * 2 ** 32) >>> 0)

/** The same sequence for the same seed on every machine (algorithm: mulberry32). */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0
  return fromU32(() => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  })
}
