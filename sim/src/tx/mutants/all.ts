/** All deliberate bugs. */
import { clientMutants } from './client-mutants.ts'
import { journalMutants } from './journal-mutants.ts'
import { lockMutants } from './lock-mutants.ts'
import type { Mutant } from './mutant.ts'
import { phaseTwoMutants } from './phase-two-mutants.ts'

export const mutants: readonly Mutant[] = [
  ...lockMutants,
  ...journalMutants,
  ...phaseTwoMutants,
  ...clientMutants,
]

/** @throws when there is none of this name. */
export function findMutant(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name)
  if (mutant !== undefined) return mutant
  const names = mutants.map((one) => one.name).join(', ')
  throw new Error(`no mutant is called ${name}; there are ${names}`)
}
