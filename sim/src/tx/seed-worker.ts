/** A thread of `npm run sim -- tx`: runs the seeds it is given, one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadSimulation } from './load-core.ts'
import { findMutant } from './mutants/all.ts'
import { planSeed } from './plan.ts'
import type { SeedResult } from './simulate.ts'

export interface SeedTask {
  /** Undefined: there is none any more. */
  readonly seed: number | undefined
}

export interface WorkerMessage {
  /** Undefined in the first message, which asks for a seed. */
  readonly result: SeedResult | undefined
}

const { mutant } = workerData as { readonly mutant: string | undefined }
const simulate = await loadSimulation(mutant === undefined ? undefined : findMutant(mutant))

parentPort?.on('message', ({ seed }: SeedTask) => {
  if (seed === undefined) parentPort?.close()
  else void simulate(planSeed(seed)).then((result) => tell({ result }))
})
tell({ result: undefined })

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message)
}
