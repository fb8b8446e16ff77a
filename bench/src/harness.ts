/**
 * The bench harness: closed loops, warm-up, latencies, CPU time of every process involved, and the
 * rows that all benches share.
 *
 * A bench `NAME` is one module `src/NAME.ts` that exports `run(options): Promise<Row[]>`; its child
 * processes live in `src/NAME/`. It runs Settee and its peers one after the other in the same run:
 *
 *   const report = createReport('rpc', options)
 *   const ours = await measure({ inFlight: 64, start: fromAsync(() => rpc.echo(body)) }, options)
 *   report.add({ case: '64 in flight', system: 'settee', version, ours: true, figures: ours })
 *   return report.rows()
 *
 * Warm-up is 4 s by default, because a hot loop that is entered once per turn of the event loop
 * runs several times slower until the optimising compiler takes over, which takes up to 3.5 s.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface BenchOptions {
  /** Short warm-up and measurement: shows that a bench works, not how fast things are. */
  readonly quick: boolean
}

/** A metric's unit, and whether a higher value is the better one. */
const metrics = {
  opsPerSecond: { unit: 'op/s', higherIsBetter: true },
  opsPerCpuSecond: { unit: 'op/CPU s', higherIsBetter: true },
  cpuUsPerOp: { unit: 'us', higherIsBetter: false },
  p50Ms: { unit: 'ms', higherIsBetter: false },
  p99Ms: { unit: 'ms', higherIsBetter: false },
  bytesPerItem: { unit: 'B', higherIsBetter: false },
} as const

export type Metric = keyof typeof metrics

/** What was found out about one system in one case; leave out what does not apply. */
export type Figures = Partial<Readonly<Record<Metric, number>>>

/** One line of the JSON output. */
export interface Row {
  readonly name: string
  readonly case: string
  readonly system: string
  readonly version: string
  readonly metric: Metric
  readonly value: number
  readonly unit: string
  /** On a peer's row: how many times better Settee is. On Settee's own rows: 1. */
  readonly ratio: number
  /** Present when the run was short, so that nobody quotes the number. */
  readonly quick?: true
}

export interface Workload {
  /** Operations that are under way at any instant. */
  readonly inFlight: number
  /** Starts one operation and calls `done` exactly once, at once or later. */
  start(done: (error?: unknown) => void): void
  /** Operations that one call of `start` stands for, when a peer batches. Default 1. */
  readonly opsPerStart?: number
  /** Other processes whose CPU time belongs to the operations. Default none. */
  readonly processes?: readonly BenchProcess[]
  /** Whether this process's CPU time belongs to the operations too. Default true. */
  readonly ownCpu?: boolean
  /** Resolves when the work that goes on behind the operations is done; its CPU time counts. */
  settled?(): Promise<void>
}

/** Turns a call that gives a promise into the `start` of a {@link Workload}. */
export function fromAsync(call: () => Promise<unknown>): Workload['start'] {
  return (done) => {
    call().then(() => done(), done)
  }
}

/** Warms the workload up, then measures it. Rejects with the first error of an operation. */
export async function measure(workload: Workload, options: BenchOptions): Promise<Figures> {
  await runLoop(workload, options.quick ? 1000 : 4000, createHistogram())
  await workload.settled?.()
  const latencies = createHistogram()
  const cpuBeforeUs = await cpuUs(workload)
  const { starts, elapsedMs } = await runLoop(workload, options.quick ? 1000 : 4000, latencies)
  await workload.settled?.()
  const cpuSpentUs = (await cpuUs(workload)) - cpuBeforeUs
  const ops = starts * (workload.opsPerStart ?? 1)
  return {
    opsPerSecond: (ops * 1000) / elapsedMs,
    opsPerCpuSecond: (ops * 1e6) / cpuSpentUs,
    cpuUsPerOp: cpuSpentUs / ops,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
  }
}

/** Keeps `inFlight` operations going for `durationMs`, then waits for the last of them. */
function runLoop(
  workload: Workload,
  durationMs: number,
  latencies: Histogram,
): Promise<{ starts: number; elapsedMs: number }> {
  const startMs = performance.now()
  const endMs = startMs + durationMs
  let starts = 0
  let running = workload.inFlight
  return new Promise((resolve, reject) => {
    function runLane(): void {
      let startedMs = 0
      // An operation may be done before `start` returns; then the loop goes on, not the stack.
      let isStarting = false
      let isDone = false
      function next(): void {
        isStarting = true
        do {
          isDone = false
          startedMs = performance.now()
          workload.start(done)
        } while (isDone && performance.now() < endMs)
        isStarting = false
        if (isDone) finish()
      }
      function done(error?: unknown): void {
        if (error !== undefined && error !== null) return reject(error as Error)
        const nowMs = performance.now()
        latencies.record(nowMs - startedMs)
        starts++
        isDone = true
        if (isStarting) return
        if (nowMs < endMs) next()
        else finish()
      }
      function finish(): void {
        if (--running === 0) resolve({ starts, elapsedMs: performance.now() - startMs })
      }
      next()
    }
    for (let lane = 0; lane < workload.inFlight; lane++) runLane()
  })
}

async function cpuUs(workload: Workload): Promise<number> {
  const { user, system } = process.cpuUsage()
  let sumUs = workload.ownCpu === false ? 0 : user + system
  for (const child of workload.processes ?? []) sumUs += await child.cpuUs()
  return sumUs
}

interface Histogram {
  record(latencyMs: number): void
  quantile(share: number): number
}

/** Latencies in buckets of 2 % width from 1 us to 1000 s: constant memory, no sorting. */
function createHistogram(): Histogram {
  const width = Math.log(1.02)
  const counts = new Uint32Array(1050)
  let total = 0
  return {
    record(latencyMs) {
      const bucket = Math.floor(Math.log(Math.max(latencyMs * 1000, 1)) / width)
      counts[Math.min(bucket, counts.length - 1)]!++
      total++
    },
    quantile(share) {
      let seen = 0
      const bucket = counts.findIndex((count) => (seen += count) >= share * total)
      return Math.exp((bucket + 0.5) * width) / 1000
    },
  }
}

/** A child process of a bench. */
export interface BenchProcess {
  /** What the child said when it was ready, such as its port. */
  readonly ready: unknown
  /** CPU time the child has used so far, in us. */
  cpuUs(): Promise<number>
  stop(): Promise<void>
}

/** Starts `module` as a child process and waits until it calls {@link reportReady}. */
export async function startProcess(
  module: URL,
  args: readonly string[] = [],
): Promise<BenchProcess> {
  const child = fork(module, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = await answerOf(child)
  return {
    ready,
    async cpuUs() {
      child.send('cpu')
      return (await answerOf(child)) as number
    },
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    function onExit(code: number | null): void {
      child.off('message', onMessage)
      const module = child.spawnargs.at(1) ?? child.spawnfile
      reject(new Error(`the bench process ${module} ended with code ${String(code)}`))
    }
    function onMessage(answer: unknown): void {
      child.off('exit', onExit)
      resolve(answer)
    }
    child.once('exit', onExit)
    child.once('message', onMessage)
  })
}

/** In the child: says that it is ready, answers for its CPU time, ends with its parent. */
export function reportReady(ready: unknown): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!(user + system)
  })
  process.on('disconnect', () => process.exit(0))
  process.send!(ready)
}

export interface Finding {
  readonly case: string
  readonly system: string
  readonly version: string
  /** True on the one row of the case that peers are compared with. */
  readonly ours: boolean
  readonly figures: Figures
}

export interface Report {
  /** Adds what was measured and prints one line of progress. */
  add(finding: Finding): void
  /** All rows, with the ratios between Settee and its peers of the same case. */
  rows(): Row[]
}

export function createReport(name: string, options: BenchOptions): Report {
  const findings: Finding[] = []

  function ratioOf(finding: Finding, metric: Metric): number {
    if (finding.ours) return 1
    const rival = findings.find((other) => other.ours && other.case === finding.case)
    const ours = rival?.figures[metric]
    const theirs = finding.figures[metric]
    if (ours === undefined || theirs === undefined) {
      throw new Error(`${finding.case}: Settee has no ${metric} to compare ${finding.system} with`)
    }
    return metrics[metric].higherIsBetter ? ours / theirs : theirs / ours
  }

  return {
    add(finding) {
      findings.push(finding)
      console.log(`measured ${name}, ${finding.case}: ${finding.system} ${finding.version}`)
    },
    rows() {
      return findings.flatMap((finding) =>
        (Object.keys(finding.figures) as Metric[]).map((metric) => ({
          name,
          case: finding.case,
          system: finding.system,
          version: finding.version,
          metric,
          value: round(finding.figures[metric]!),
          unit: metrics[metric].unit,
          ratio: round(ratioOf(finding, metric)),
          ...(options.quick ? ({ quick: true } as const) : {}),
        })),
      )
    },
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** The rows as a table: a line for each system in each case, a column for each metric. */
export function formatTable(rows: readonly Row[]): string {
  const columns = (Object.keys(metrics) as Metric[]).filter((metric) =>
    rows.some((row) => row.metric === metric),
  )
  const table = [['case', 'system', ...(columns as string[])]]
  for (const [key, line] of Map.groupBy(rows, (row) => JSON.stringify([row.case, row.system]))) {
    const cells = columns.map((metric) => {
      const row = line.find((candidate) => candidate.metric === metric)
      if (row === undefined) return '-'
      const value = row.value.toLocaleString('en', { maximumSignificantDigits: 4 })
      return row.ratio === 1 ? value : `${value} (${row.ratio.toPrecision(3)}x)`
    })
    const [caseName, system] = JSON.parse(key) as [string, string]
    table.push([caseName, `${system} ${line[0]!.version}`, ...cells])
  }
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)))
  return table
    .map((line) =>
      line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
    )
    .map((line) => line.join('  '))
    .join('\n')
}
