/** A short run of the simulation: the real code holds its invariants, and the faults do strike. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { loadSimulation, type Simulate } from '../load-core.ts'
import { planSeed } from '../plan.ts'
import type { Counts } from '../simulate.ts'

const seedCount = 100
const simulate: Simulate = await loadSimulation()

it(`global transactions end all or nothing under each fault, from ${seedCount} seeds`, async () => {
  const totals = new Map<string, number>()
  for (let seed = 1; seed <= seedCount; seed++) {
    const { violation, counts, trace } = await simulate(planSeed(seed))
    const replay = `npm run sim -- tx --seed ${seed}`
    const story = trace.join('\n')
    assert.equal(
      violation,
      undefined,
      `${replay}: ${violation?.invariant}: ${violation?.text}\n${story}`,
    )
    for (const [name, count] of Object.entries(counts)) {
      totals.set(name, (totals.get(name) ?? 0) + count)
    }
  }
  // Where nothing goes wrong nothing is proven.
  const least: Counts = {
    events: 100_000,
    committed: 500,
    rolledBack: 500,
    timedOut: 200,
    restarts: 100,
    snapshots: 40,
    deadlocks: 5,
    lockWaits: 50,
    breakers: 3,
    defences: 10,
    orphans: 20,
  }
  for (const [name, count] of Object.entries(least)) {
    const met = totals.get(name) ?? 0
    assert.ok(met >= count, `${met} ${name} in ${seedCount} seeds, at least ${count} are wanted`)
  }
})

it('the same seed gives the same run', async () => {
  const [first, second] = [await simulate(planSeed(7)), await simulate(planSeed(7))]
  assert.deepEqual(first, second)
})
