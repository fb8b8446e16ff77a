/** What the shop asks of a kind of database, whichever it is. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { shopError } from '../errors.ts'
import type { ServiceName } from '../services/main.ts'

export type Row = Readonly<Record<string, unknown>>

/** One database a service, all of one kind. */
export interface DatabaseEngine {
  /** For the start table. */
  readonly description: string
  /** Creates the table that AT mode needs; undefined when AT mode does it itself. */
  readonly undoLogDdl: string | undefined
  urlOf(name: ServiceName): string
  /** Runs SQL beside the services, for filling and checking. */
  query(name: ServiceName, sql: string): Promise<readonly Row[]>
  close(): Promise<void>
}

/** A database server that belongs to this run. */
export interface DatabaseServer {
  /** Where an administrator connects. */
  readonly url: string
  /** SIGKILL, and a new process on the same files; resolves when it takes connections. */
  killAndRestart(): Promise<void>
  stop(): Promise<void>
}

/** The same server, another database. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

/** Below the ports that systems give to outgoing connections, and how often one is looked for. */
const lowestPort = 15_000
const highestPort = 32_000
const portAttempts = 100

/** A port that is free, and that no outgoing connection takes while its server is restarted. */
export async function freePort(): Promise<number> {
  for (let attempts = 0; attempts < portAttempts; attempts++) {
    const port = randomInt(lowestPort, highestPort)
    if (await isFree(port)) return port
  }
  throw shopError('SHOP_BAD_DATABASE', `no port from ${lowestPort} to ${highestPort} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
