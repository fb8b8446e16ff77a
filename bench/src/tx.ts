/**
 * Durable global transactions over the wire, 64 at a time: begin, 0 or 2 AT branches with a lock
 * each, commit, and the phase two that follows. The coordinator has a process of its own, and only
 * its CPU time is counted; every answer leaves after its fdatasync.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReport, measure, startProcess, type BenchOptions, type Row } from './harness.ts'
import { connectLoad } from './tx/load.ts'
import manifest from '../package.json' with { type: 'json' }

const inFlight = 64

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('tx', options)
  for (const branchCount of [0, 2]) {
    const folder = await mkdtemp(join(tmpdir(), 'settee-bench-tx-'))
    const coordinator = await startProcess(
      new URL('./tx/coordinator-process.ts', import.meta.url),
      [folder],
    )
    const load = await connectLoad(String(coordinator.ready))
    const figures = await measure(
      {
        inFlight,
        start: (done) => load.transaction(branchCount, done),
        processes: [coordinator],
        ownCpu: false,
      },
      options,
    )
    load.close()
    await coordinator.stop()
    await rm(folder, { recursive: true })
    const { version } = manifest
    report.add({
      case: `${branchCount} branches`,
      system: 'settee',
      version,
      ours: true,
      figures,
    })
  }
  return report.rows()
}
