/**
 * A real MariaDB server for integration tests: its own process on a free port of the loopback, its
 * files in a temporary directory that goes with it.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection, type Connection } from 'mysql2/promise'

export interface TestMariadb {
  /** A connection as root, in the empty database `test`, that takes several statements at once. */
  readonly connection: Connection
  /** Ends the server and removes its files. */
  stop(): Promise<void>
}

const host = '127.0.0.1'
/** A server that does not accept connections after this has failed, in ms. */
const startTimeoutMs = 60_000

/** Starts a server; takes two to five seconds. */
export async function startTestMariadb(): Promise<TestMariadb> {
  const directory = await mkdtemp(join(tmpdir(), 'settee-mariadb-'))
  const files = `--datadir=${join(directory, 'files')}`
  // In a shared one, each server that starts deletes the temporary tables of the others.
  const temporary = `--tmpdir=${directory}`
  const asUser = process.getuid?.() === 0 ? ['--user=root'] : []
  await promisify(execFile)(findProgram('mariadb-install-db'), [
    '--no-defaults',
    temporary,
    files,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...asUser,
  ])
  const port = await freePort()
  const log = join(directory, 'server.log')
  const server = spawn(
    findProgram('mariadbd'),
    [
      '--no-defaults',
      temporary,
      files,
      `--socket=${join(directory, 'server.sock')}`,
      `--pid-file=${join(directory, 'server.pid')}`,
      `--log-error=${log}`,
      `--bind-address=${host}`,
      `--port=${port}`,
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=32M',
      '--character-set-server=utf8mb4',
      ...asUser,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => server.once('close', resolve))

  async function stop(): Promise<void> {
    server.kill('SIGKILL')
    await ended
    await rm(directory, { recursive: true, force: true })
  }

  try {
    const connection = await connectFirst(server, port, log)
    await connection.query('CREATE DATABASE test')
    await connection.query('USE test')
    return {
      connection,
      async stop() {
        connection.destroy()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Connects as root as soon as the server lets anyone in. */
async function connectFirst(server: ChildProcess, port: number, log: string): Promise<Connection> {
  const deadlineMs = performance.now() + startTimeoutMs
  for (;;) {
    try {
      return await createConnection({
        host,
        port,
        user: 'root',
        charset: 'utf8mb4_bin',
        multipleStatements: true,
      })
    } catch (error) {
      const isOver = server.exitCode !== null || server.signalCode !== null
      if (isOver || performance.now() > deadlineMs) {
        const text = await readFile(log, 'utf8').catch(() => '')
        throw new Error(`mariadbd did not start:\n${text.slice(-4000)}`, { cause: error })
      }
      await sleep(20)
    }
  }
}

/** Debian keeps the server in /usr/sbin, which is not on every PATH. */
function findProgram(name: string): string {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const path = directories.map((directory) => join(directory, name)).find((one) => existsSync(one))
  if (path !== undefined) return path
  throw new Error(`${name} is not installed: run npm run setup:integration`)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, host, resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
