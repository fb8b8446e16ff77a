/**
 * A real MariaDB server for integration tests: its own process on a free port of the loopback, its
 * files in a temporary directory that goes with it.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection, type Connection, type ConnectionOptions } from 'mysql2/promise'

export interface TestMariadb {
  readonly host: string
  readonly port: number
  /** Has every right on every database. */
  readonly user: string
  readonly password: string
  /** Process id of the server, for tests that kill it. */
  readonly pid: number
  /** Creates an empty database of this name; one that exists is dropped before. */
  createDatabase(name: string): Promise<void>
  /** A connection of `mysql2/promise`; {@link TestMariadb.stop} closes it. */
  connect(options?: ConnectionOptions): Promise<Connection>
  /** Ends the server and removes its files. Harmless when it has ended. */
  stop(): Promise<void>
}

export interface TestMariadbOptions {
  /** More arguments for the server, such as `--sql-mode=ANSI_QUOTES`. */
  readonly args?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
}

const host = '127.0.0.1'
const user = 'settee'
const password = 'settee'
/** A server that does not accept connections after this has failed, in ms. */
const startTimeoutMs = 60_000

/** Starts a server; takes two to five seconds. */
export async function startTestMariadb(options: TestMariadbOptions = {}): Promise<TestMariadb> {
  const server = findProgram('mariadbd')
  const install = findProgram('mariadb-install-db')
  const directory = await mkdtemp(join(tmpdir(), 'settee-mariadb-'))
  const asUser = process.getuid?.() === 0 ? ['--user=root'] : []
  // A server that starts deletes what it takes for leftovers in the directory for temporary tables:
  // in a shared one, those of other tests' servers, which crash of it.
  const temporary = `--tmpdir=${join(directory, 'tmp')}`
  await mkdir(join(directory, 'tmp'))
  await promisify(execFile)(install, [
    '--no-defaults',
    temporary,
    `--datadir=${join(directory, 'files')}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--innodb-flush-log-at-trx-commit=0',
    ...asUser,
  ])
  const port = options.port ?? (await freePort())
  const child = spawn(
    server,
    [...serverArguments(directory, port), temporary, ...asUser, ...(options.args ?? [])],
    { stdio: 'ignore' },
  )
  // A test run that is ended from outside leaves no server behind.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const connections = new Set<Connection>()

  async function stop(): Promise<void> {
    for (const connection of connections) connection.destroy()
    child.kill('SIGKILL')
    await ended
    process.off('exit', kill)
    await rm(directory, { recursive: true, force: true })
  }

  let root: Connection
  try {
    root = await connectFirst(child, port, join(directory, 'server.log'))
    await root.query(`CREATE USER ${user}@'%' IDENTIFIED BY '${password}'`)
    await root.query(`GRANT ALL ON *.* TO ${user}@'%' WITH GRANT OPTION`)
  } catch (error) {
    await stop()
    throw error
  }
  connections.add(root)

  return {
    host,
    port,
    user,
    password,
    pid: child.pid!,
    stop,
    async createDatabase(name) {
      await root.query('DROP DATABASE IF EXISTS ??', [name])
      await root.query('CREATE DATABASE ?? CHARACTER SET utf8mb4', [name])
    },
    async connect(own = {}) {
      const connection = await createConnection({ host, port, user, password, ...own })
      connection.on('error', () => {})
      connections.add(connection)
      return connection
    },
  }
}

function serverArguments(directory: string, port: number): string[] {
  return [
    '--no-defaults',
    `--datadir=${join(directory, 'files')}`,
    `--socket=${join(directory, 'server.sock')}`,
    `--pid-file=${join(directory, 'server.pid')}`,
    `--log-error=${join(directory, 'server.log')}`,
    `--bind-address=${host}`,
    `--port=${port}`,
    '--skip-name-resolve',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=32M',
    '--innodb-lock-wait-timeout=5',
    '--performance-schema=OFF',
    '--local-infile=ON',
    '--character-set-server=utf8mb4',
  ]
}

/** Connects as root as soon as the server lets anyone in. */
async function connectFirst(child: ChildProcess, port: number, log: string): Promise<Connection> {
  const deadlineMs = performance.now() + startTimeoutMs
  for (;;) {
    try {
      const connection = await createConnection({ host, port, user: 'root' })
      connection.on('error', () => {})
      return connection
    } catch (error) {
      const isOver = child.exitCode !== null || child.signalCode !== null
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
