/**
 * Chance for simulations: each concern draws from a stream of its own, all of them from one seed,
 * so that a world without one kind of fault is otherwise much the same world.
 */
import { createSeededRandom, type Random } from '@settee/kit'

export class Chance {
  readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  /** @param share 0 never, 1 always. */
  happens(share: number): boolean {
    return this.random.float() < share
  }

  /** A number from `min` up to, and without, `max`. */
  between(min: number, max: number): number {
    return min + this.random.float() * (max - min)
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + this.random.below(max - min + 1)
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.random.below(items.length)] as Item
  }
}

/** The stream `name` of `seed`. */
export function createChance(seed: number, name: string): Chance {
  let mixed = seed >>> 0
  for (let i = 0; i < name.length; i++) mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x01000193)
  return new Chance(createSeededRandom(mixed))
}
