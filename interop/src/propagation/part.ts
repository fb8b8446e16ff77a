/** The xid over HTTP and gRPC, to and from Seata's own interceptors. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildJava, startJava, type JavaProgram } from '../harness-java.ts'
import type { Report } from '../harness-report.ts'
import { checkGrpc } from './grpc-checks.ts'
import { checkHttp } from './http-checks.ts'

const version = '2.6.0'

export async function runPart(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'settee-interop-propagation-'))
  const java: JavaProgram = await startJava({
    build: buildJava('seata-propagation', version),
    mainClass: 'settee.interop.Propagation',
    logFile: join(folder, 'java.log'),
  })
  report.peer('interceptors of seata-all', version)
  try {
    const ports = (await java.request('ports')) as { http: number; grpc: number }
    await checkHttp(report.group(`HTTP ${version}`), java, ports.http)
    await checkGrpc(report.group(`gRPC ${version}`), java, ports.grpc)
  } finally {
    await java.stop()
    await rm(folder, { recursive: true })
  }
}
