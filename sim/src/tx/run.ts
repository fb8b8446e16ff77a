/**
 * `npm run sim -- tx`: global transactions under every fault, many seeds on all cores. A seed that
 * fails is made smaller and shown with its last events and the command that runs it again.
 */
import { Worker } from 'node:worker_threads'
import { messageOf } from '@settee/kit'
import type { SimulationOptions } from '../main.ts'
import { loadSimulation } from './load-core.ts'
import { findMutant } from './mutants/all.ts'
import { planSeed } from './plan.ts'
import type { SeedTask, WorkerMessage } from './seed-worker.ts'
import { shrink } from './shrink.ts'
import type { Counts, SeedResult } from './simulate.ts'

/** Failures that are shown in full. */
const maxShown = 3
/** A terminal shows one line that changes; a log gets a line now and then. */
const isTerminal = process.stdout.isTTY
const progressPeriodMs = isTerminal ? 500 : 10_000

/** Whether all seeds passed. */
export async function runTx(options: SimulationOptions): Promise<boolean> {
  // Names the mistake before workers start.
  if (options.mutant !== undefined) findMutant(options.mutant)
  const run = new SeedRun(options)
  const failed = await run.finish()
  for (const seed of failed.slice(0, maxShown)) await explain(seed, options.mutant)
  if (failed.length > maxShown)
    console.log(`\nfailed as well: ${failed.slice(maxShown).join(', ')}`)
  console.log(`\n${options.seedCount - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0
}

class SeedRun {
  readonly #options: SimulationOptions
  readonly #startedMs = performance.now()
  readonly #totals = new Map<keyof Counts, number>()
  readonly #failed: number[] = []
  #nextSeed: number
  #doneCount = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#nextSeed = options.firstSeed
  }

  /** @returns the seeds that failed, in order. */
  async finish(): Promise<readonly number[]> {
    const progress = setInterval(() => this.#print(false), progressPeriodMs)
    try {
      const { workerCount } = this.#options
      await Promise.all(Array.from({ length: workerCount }, () => this.#work()))
    } finally {
      clearInterval(progress)
    }
    this.#print(true)
    const totals = [...this.#totals].map(([name, count]) => `${count} ${name}`)
    console.log(totals.join(', '))
    return this.#failed.toSorted((left, right) => left - right)
  }

  /** Workers take seeds as they get free. One that dies has failed its seed, and is replaced. */
  async #work(): Promise<void> {
    while (this.#hasMore()) await this.#runWorker()
  }

  #runWorker(): Promise<void> {
    const { mutant } = this.#options
    const worker = new Worker(new URL('./seed-worker.ts', import.meta.url), {
      workerData: { mutant },
    })
    let current: number | undefined
    const next = (): void => {
      current = this.#hasMore() ? this.#nextSeed++ : undefined
      const task: SeedTask = { seed: current }
      worker.postMessage(task)
    }
    return new Promise((resolve) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.result !== undefined) this.#add(message.result)
        next()
      })
      worker.on('error', (error) => {
        console.log(`\nseed ${current ?? '?'} brought its thread down: ${messageOf(error)}`)
        if (current === undefined) this.#nextSeed = Infinity
        this.#doneCount++
        this.#failed.push(current ?? this.#options.firstSeed)
      })
      worker.on('exit', () => resolve())
    })
  }

  #hasMore(): boolean {
    const { firstSeed, seedCount } = this.#options
    return this.#nextSeed < firstSeed + seedCount
  }

  #add({ seed, violation, counts }: SeedResult): void {
    this.#doneCount++
    if (violation !== undefined) {
      this.#failed.push(seed)
      console.log(
        `${isTerminal ? '\r' : ''}seed ${seed}: ${violation.invariant}: ${violation.text}`,
      )
    }
    for (const [name, count] of Object.entries(counts) as [keyof Counts, number][]) {
      this.#totals.set(name, (this.#totals.get(name) ?? 0) + count)
    }
  }

  #print(isLast: boolean): void {
    const seconds = (performance.now() - this.#startedMs) / 1000
    const rate = (this.#doneCount / seconds).toFixed(0)
    const { seedCount, mutant } = this.#options
    const what = mutant === undefined ? 'tx' : `tx with ${mutant}`
    const failed = this.#failed.length
    const line = `${what}: ${this.#doneCount} of ${seedCount} seeds, ${rate}/s, ${failed} failed`
    process.stdout.write(isTerminal && !isLast ? `\r${line}` : `${isTerminal ? '\r' : ''}${line}\n`)
  }
}

/** Runs a failing seed again, smaller if it can be, and prints what happened. */
async function explain(seed: number, mutantName: string | undefined): Promise<void> {
  const mutant = mutantName === undefined ? undefined : findMutant(mutantName)
  const simulate = await loadSimulation(mutant)
  const plan = planSeed(seed)
  const small = await shrink(plan, simulate)
  const suffix = mutantName === undefined ? '' : ` --mutant ${mutantName}`
  console.log(`\nFAIL seed ${seed}, run it again with: npm run sim -- tx --seed ${seed}${suffix}`)
  if (small === undefined) {
    console.log('it did not fail a second time in this process')
    return
  }
  const { violation, trace } = small.result
  console.log(`${violation.invariant}: ${violation.text}`)
  console.log(`transaction: ${violation.xid === '' ? 'none in particular' : violation.xid}`)
  console.log(
    `still fails with ${small.plan.transfers.length} of ${plan.transfers.length} transfers and ` +
      `these faults: ${[...small.plan.faults].join(', ') || 'none'}; the last events:`,
  )
  for (const line of trace) console.log(line)
}
