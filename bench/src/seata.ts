/**
 * Settee's coordinator and the original Seata server under the same load over the same wire, one
 * after the other: global transactions of 0 and 2 AT branches with a lock each, at 1, 64 and 256 in
 * flight. Only the CPU time of the coordinator's process is counted, phase two included, which the
 * original begins up to a second after its answer. Settee answers after fdatasync; the original
 * has its file store with asynchronous flush, its default. It is measured as delivered, with its
 * log of every transaction, and without.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createReport,
  measure,
  startProcess,
  type BenchOptions,
  type BenchProcess,
  type Report,
  type Row,
} from './harness.ts'
import { measureAtOverhead } from './seata/at-overhead.ts'
import { seataServerVersion, startJavaServer } from './seata/java-server.ts'
import { connectLoad, type Load } from './tx/load.ts'
import manifest from '../package.json' with { type: 'json' }

const cases = [0, 2].flatMap((branchCount) =>
  [1, 64, 256].map((inFlight) => ({ branchCount, inFlight })),
)

interface Coordinator {
  readonly system: string
  readonly version: string
  readonly ours: boolean
  readonly start: () => Promise<BenchProcess>
}

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('seata', options)
  const folder = await mkdtemp(join(tmpdir(), 'settee-bench-seata-'))
  try {
    await measureCoordinator(report, options, {
      system: 'settee',
      version: manifest.version,
      ours: true,
      start: () => startProcess(new URL('./tx/coordinator-process.ts', import.meta.url), [folder]),
    })
  } finally {
    await rm(folder, { recursive: true })
  }
  for (const isQuiet of [false, true]) {
    await measureCoordinator(report, options, {
      system: isQuiet ? 'seata-server, only warnings logged' : 'seata-server',
      version: seataServerVersion,
      ours: false,
      start: () => startJavaServer(isQuiet),
    })
  }
  await measureAtOverhead(report, options)
  return report.rows()
}

async function measureCoordinator(
  report: Report,
  options: BenchOptions,
  { start, ...names }: Coordinator,
): Promise<void> {
  const coordinator = await start()
  try {
    const load = await connectLoad(String(coordinator.ready))
    // A JVM needs more than 10 s of load until its code is compiled: this and the next warm-up.
    await measureCase(load, coordinator, { branchCount: 2, inFlight: 64 }, options)
    for (const one of cases) {
      const figures = await measureCase(load, coordinator, one, options)
      report.add({
        case: `${one.branchCount} branches, ${one.inFlight} in flight`,
        ...names,
        figures,
      })
    }
    load.close()
  } finally {
    await coordinator.stop()
  }
}

function measureCase(
  load: Load,
  coordinator: BenchProcess,
  { branchCount, inFlight }: (typeof cases)[number],
  options: BenchOptions,
): ReturnType<typeof measure> {
  return measure(
    {
      inFlight,
      start: (done) => load.transaction(branchCount, done),
      processes: [coordinator],
      ownCpu: false,
      settled: () => load.settled(),
    },
    options,
  )
}
