/**
 * `npm run sim -- NAME [--seeds N] [--seed S] [--mutant NAME] [--workers N]`: simulates whole
 * systems from seeds. Without `--seeds` it runs the one seed S; with it N seeds from S, or 1, on.
 * The last line says `N passed, N failed`.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '@settee/kit'
import { runTx } from './tx/run.ts'

export interface SimulationOptions {
  readonly firstSeed: number
  readonly seedCount: number
  /** A deliberate bug by name; undefined: the code as it is. */
  readonly mutant: string | undefined
  readonly workerCount: number
}

const simulations: Readonly<Record<string, (options: SimulationOptions) => Promise<boolean>>> = {
  tx: runTx,
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}

/** Whether all seeds passed. */
function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      mutant: { type: 'string' },
      workers: { type: 'string' },
    },
    allowPositionals: true,
  })
  const names = Object.keys(simulations).join(', ')
  const run = simulations[positionals[0] ?? '']
  if (run === undefined) throw new Error(`say which simulation to run: ${names}`)
  const firstSeed = readCount('seed', values.seed) ?? 1
  const seedCount = readCount('seeds', values.seeds) ?? (values.seed === undefined ? 100 : 1)
  const workerCount = readCount('workers', values.workers) ?? availableParallelism()
  return run({
    firstSeed,
    seedCount,
    mutant: values.mutant,
    workerCount: Math.min(workerCount, seedCount),
  })
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new Error(`--${option} must be a whole number from 1 on, not ${text}`)
}
