/**
 * The calling process of one system: starts the server's process, measures, and reports the
 * {@link Measurement}.
 */
import { measure, reportReady, startProcess, type Figures } from '../harness.ts'
import { loadSystem } from './system.ts'

export interface Measurement {
  readonly version: string
  /** Of both processes together. */
  readonly figures: Figures
  /** CPU time of each process for one call, in us. */
  readonly clientUs: number
  readonly serverUs: number
}

const [systemName = '', inFlight, mode] = process.argv.slice(2)
const server = await startProcess(new URL('./server-process.ts', import.meta.url), [systemName])
const system = await loadSystem(systemName)
const start = await system.connect(server.ready as number)

// The harness reads the CPU time of the processes just before and just after the measured part.
const marks: { clientUs: number; serverUs: number }[] = []
const figures = await measure(
  {
    inFlight: Number(inFlight),
    start,
    processes: [{ ...server, cpuUs: readCpu }],
  },
  { quick: mode === 'quick' },
)
const [before, after] = marks
const clientUs = after!.clientUs - before!.clientUs
const serverUs = after!.serverUs - before!.serverUs
const calls = (clientUs + serverUs) / figures.cpuUsPerOp!
reportReady({
  version: system.version,
  figures,
  clientUs: clientUs / calls,
  serverUs: serverUs / calls,
} satisfies Measurement)
process.once('disconnect', () => void server.stop())

async function readCpu(): Promise<number> {
  const serverUs = await server.cpuUs()
  const { user, system: kernel } = process.cpuUsage()
  marks.push({ clientUs: user + kernel, serverUs })
  return serverUs
}
