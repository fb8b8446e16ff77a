import { startProcess } from './harness.ts'
const names = process.argv.slice(2)
for (const name of names) {
  const c = await startProcess(new URL('./rpc/client-process.ts', import.meta.url), [name, '64', 'full'])
  const m = c.ready as any; await c.stop()
  console.log(name.padEnd(8), Math.round(m.figures.opsPerSecond), 'calls/s', m.clientUs.toFixed(2), '+', m.serverUs.toFixed(2), '=', m.figures.cpuUsPerOp.toFixed(2), 'us')
}
