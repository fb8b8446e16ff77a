/** Every deliberate bug is caught, by the invariant that it breaks; without it the seed passes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadSimulation, type Simulate } from '../load-core.ts'
import { mutants } from '../mutants/all.ts'
import type { Mutant } from '../mutants/mutant.ts'
import { planSeed } from '../plan.ts'
import type { SeedResult } from '../simulate.ts'

const maxSeeds = 150

const simulate: Simulate = await loadSimulation()

describe('deliberate bugs', () => {
  it('are at least 20', () => {
    assert.ok(mutants.length >= 20)
  })

  for (const mutant of mutants) {
    it(`${mutant.name} is caught: ${mutant.story}`, async () => {
      const { seed, violation } = await catchMutant(mutant)
      const text = `seed ${seed}: ${violation?.invariant}: ${violation?.text}`
      assert.ok(violation !== undefined, `no violation from ${maxSeeds} seeds`)
      assert.ok(mutant.caughtBy.includes(violation.invariant), text)
      const { violation: unpatched } = await simulate(planSeed(seed))
      assert.equal(unpatched, undefined, `seed ${seed} fails without the bug as well`)
    })
  }
})

/** The first seed that fails, or the last one that was tried. */
async function catchMutant(mutant: Mutant): Promise<SeedResult> {
  const simulateMutant = await loadSimulation(mutant)
  for (let seed = 1; ; seed++) {
    const result = await simulateMutant(planSeed(seed))
    if (result.violation !== undefined || seed === maxSeeds) return result
  }
}
