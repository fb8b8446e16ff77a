/**
 * The start of `settee dev` from sources: from spawning the process until it says that it is ready,
 * one after the other. The goal is one second on an idle machine. There is no peer.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createReport, fromAsync, measure, type BenchOptions, type Row } from './harness.ts'
import { versionOf } from './rpc/system.ts'

const settee = fileURLToPath(import.meta.resolve('settee/bin'))
const args = ['dev', '--http.port=0', '--tx.port=0', '--registry.port=0', '--http.console=false']

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('dev', options)
  const { p50Ms = 0, p99Ms = 0 } = await measure({ inFlight: 1, start: fromAsync(start) }, options)
  const version = await versionOf('settee')
  const figures = { p50Ms, p99Ms }
  report.add({ case: 'start to ready', system: 'settee', version, ours: true, figures })
  return report.rows()
}

/** Ends with SIGKILL, so that hardly more than the start is measured. */
async function start(): Promise<void> {
  const child = fork(settee, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
