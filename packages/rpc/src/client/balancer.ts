/** Which of several providers gets the next call. Original: com.alipay.sofa.rpc.client.lb. */
import type { Random } from '@settee/kit'

export type Balancing = 'random' | 'roundRobin'

/** Picks an index below `count`, which is at least 1. */
export type Balancer = (count: number) => number

export function createBalancer(balancing: Balancing, random: Random): Balancer {
  if (balancing === 'random') return (count) => (count === 1 ? 0 : random.below(count))
  // A random start: many clients that start together must not walk in step.
  let turn = random.u32()
  return (count) => {
    turn = (turn + 1) >>> 0
    return turn % count
  }
}
