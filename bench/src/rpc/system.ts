/** What the rpc bench needs of each system that it compares: both ends of an echo. */
import { readFile } from 'node:fs/promises'
import type { Workload } from '../harness.ts'

export interface System {
  readonly version: string
  /** Starts the server in this process; resolves to its port. */
  serve(): Promise<number>
  /** Connects, and returns what starts one call. */
  connect(port: number): Promise<Workload['start']>
}

export const systemNames = ['settee', 'bolt', 'raw', 'grpc-js', 'connect'] as const

export type SystemName = (typeof systemNames)[number]

/** Each system runs in processes of its own, so that only its own code is loaded and compiled. */
export async function loadSystem(name: string): Promise<System> {
  const module = (await import(`./${name}.ts`)) as { system: System }
  return module.system
}

/** The message that goes there and back: 128 bytes of text. */
export const echoText: string = 'All happy services are alike; '.repeat(5).slice(0, 128)

/** The version of an installed package. */
export async function versionOf(packageName: string): Promise<string> {
  const file = new URL(`../../../node_modules/${packageName}/package.json`, import.meta.url)
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}
