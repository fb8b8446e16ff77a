/** The original Seata server as a process of the bench: its CPU time includes all JVM threads. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { messageOf } from '@settee/kit'
import { seataServerVersion, startSeataServer } from '@settee/interop/seata-server'
import type { BenchProcess } from '../harness.ts'

export { seataServerVersion }

/**
 * File store with its asynchronous flush, and the JVM's own choice of compiler and collector.
 * @param isQuiet logs warnings only; as delivered it writes lines for each transaction.
 * @throws when there is no Java, no Maven, or no network to fetch the server's jars.
 */
export async function startJavaServer(isQuiet: boolean): Promise<BenchProcess> {
  const server = await startSeataServer({
    jvmOptions: ['-Xmx1g', '-Xms1g'],
    properties: isQuiet ? { 'logging.level.root': 'warn' } : {},
  }).catch((error: unknown) => {
    throw new Error(
      `The peer of this bench, seata-server ${seataServerVersion}, cannot run: ${messageOf(error)}`,
      { cause: error },
    )
  })
  const usPerTick = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return {
    ready: server.address,
    cpuUs: () => Promise.resolve(ticksOf(server.pid) * usPerTick),
    stop: () => server.stop(),
  }
}

/** User and system time of a process in clock ticks: fields 14 and 15 of `/proc/PID/stat`. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, field 2, is in parentheses and may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
