/** Makes a failing seed smaller: fewer faults, fewer transfers, the same broken invariant. */
import type { Simulate } from './load-core.ts'
import type { Violation } from './monitor.ts'
import type { SeedPlan } from './plan.ts'
import type { SeedResult } from './simulate.ts'

export interface Shrunk {
  readonly plan: SeedPlan
  readonly result: SeedResult & { readonly violation: Violation }
}

/** Runs at most; a run takes some ms. */
const maxRuns = 200

/** @returns undefined when the plan does not fail at all. */
export async function shrink(plan: SeedPlan, simulate: Simulate): Promise<Shrunk | undefined> {
  let runsLeft = maxRuns
  const run = async (candidate: SeedPlan): Promise<Shrunk | undefined> => {
    runsLeft--
    const result = await simulate(candidate)
    const { violation } = result
    return violation === undefined
      ? undefined
      : { plan: candidate, result: { ...result, violation } }
  }
  const first = await run(plan)
  if (first === undefined) return undefined
  let best = first
  const keepIfFailing = async (candidate: SeedPlan): Promise<boolean> => {
    if (runsLeft <= 0) return false
    const shrunk = await run(candidate)
    if (shrunk?.result.violation.invariant !== first.result.violation.invariant) return false
    best = shrunk
    return true
  }
  for (const kind of plan.faults) {
    const faults = new Set(best.plan.faults)
    faults.delete(kind)
    await keepIfFailing({ ...best.plan, faults })
  }
  for (let size = Math.ceil(plan.transfers.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < best.plan.transfers.length;) {
      const transfers = best.plan.transfers.toSpliced(start, size)
      if (!(await keepIfFailing({ ...best.plan, transfers }))) start += size
    }
  }
  return best
}
