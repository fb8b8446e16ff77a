/**
 * Unary echo of a 128-byte text, 64 calls in flight on one connection, client and server in
 * processes of their own: Settee's typed API against gRPC, and against two floors without codec,
 * contract and promises: the same Bolt frames, and frames of a length and bytes.
 */
import { createReport, startProcess, type BenchOptions, type Finding, type Row } from './harness.ts'
import type { Measurement } from './rpc/client-process.ts'
import { systemNames, type SystemName } from './rpc/system.ts'

const inFlight = 64

const titles: Readonly<Record<SystemName, string>> = {
  settee: 'settee',
  bolt: 'raw echo, Bolt frames',
  raw: 'raw echo, length and bytes',
  'grpc-js': '@grpc/grpc-js',
  connect: '@connectrpc/connect-node',
}

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('rpc', options)
  for (const name of systemNames) {
    const { version, figures, clientUs, serverUs } = await measureSystem(name, options)
    const finding = { system: titles[name], version, ours: name === 'settee' }
    const add = (part: string, partFigures: Finding['figures']): void =>
      report.add({ ...finding, case: part, figures: partFigures })
    add('echo 128 B', figures)
    add('client alone', { cpuUsPerOp: clientUs })
    add('server alone', { cpuUsPerOp: serverUs })
  }
  return report.rows()
}

async function measureSystem(name: SystemName, options: BenchOptions): Promise<Measurement> {
  const args = [name, String(inFlight), options.quick ? 'quick' : 'full']
  const client = await startProcess(new URL('./rpc/client-process.ts', import.meta.url), args)
  await client.stop()
  return client.ready as Measurement
}
