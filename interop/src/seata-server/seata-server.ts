/**
 * The original Seata server as a child process: file store, no configuration centre, everything it
 * writes in a temporary folder. It can be killed with SIGKILL and started again on its files. Its
 * jars come from Maven Central by the pom of interop/java/seata-server.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildJava } from '../harness-java.ts'

/** The newest server on Maven Central; each release is a profile of the pom. */
export const seataServerVersion = '2.0.0'

export interface SeataServerOptions {
  /** Of the JVM. Default: a small heap and a quick start, which is not for measuring. */
  readonly jvmOptions?: readonly string[]
  /** Settings of the server, as `seata.transport.threadFactory…`. */
  readonly properties?: Readonly<Record<string, string>>
}

export interface SeataServer {
  /** `127.0.0.1:port`; stays over restarts. */
  readonly address: string
  /** Of the JVM that runs now. */
  readonly pid: number
  /** What the server has logged, the last restart included. */
  readonly log: () => string
  /** Kills it without any farewell and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same files; resolves when it listens. */
  restart(): Promise<void>
  /** Kills it and removes its files. */
  stop(): Promise<void>
}

const quickStart = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const startTimeoutMs = 90_000

/**
 * Fetches the jars when that is needed, starts the server and waits until it listens: 5 to 10 s.
 * @throws with what to install, or with the log of a server that did not start.
 */
export async function startSeataServer(options: SeataServerOptions = {}): Promise<SeataServer> {
  buildJava('seata-server', seataServerVersion)
  const folder = await mkdtemp(join(tmpdir(), 'settee-seata-server-'))
  const logFile = join(folder, 'out.log')
  const [port, consolePort] = await freePorts(2)
  const log = (): string => readFileSync(logFile, 'utf8')
  let child: ChildProcess | undefined
  const killAtExit = (): void => void child?.kill('SIGKILL')
  process.once('exit', killAtExit)

  async function start(): Promise<void> {
    const output = openSync(logFile, 'a')
    child = spawn(
      'java',
      argumentsOf(options, { folder, port: port!, consolePort: consolePort! }),
      {
        cwd: folder,
        stdio: ['ignore', output, output],
      },
    )
    // Told by `whenListening`, which sees that the process is gone.
    child.on('error', () => {})
    await whenListening(child, port!).catch(async (error: unknown) => {
      await kill()
      throw new Error(`the Seata server did not start:\n${log().slice(-4000)}`, { cause: error })
    })
  }

  async function kill(): Promise<void> {
    const victim = child
    child = undefined
    if (victim?.pid === undefined || isGone(victim)) return
    const exited = once(victim, 'exit')
    victim.kill('SIGKILL')
    await exited
  }

  async function stop(): Promise<void> {
    process.off('exit', killAtExit)
    await kill()
    await rm(folder, { recursive: true, force: true })
  }

  await start().catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    address: `127.0.0.1:${port}`,
    get pid() {
      return child!.pid!
    },
    log,
    kill,
    restart: start,
    stop,
  }
}

function argumentsOf(
  { jvmOptions = quickStart, properties = {} }: SeataServerOptions,
  own: { readonly folder: string; readonly port: number; readonly consolePort: number },
): string[] {
  const { target } = buildJava('seata-server', seataServerVersion)
  const all = {
    'user.home': own.folder,
    'user.timezone': 'UTC',
    'server.port': String(own.consolePort),
    'seata.config.type': 'file',
    'seata.registry.type': 'file',
    'seata.store.mode': 'file',
    ...properties,
  }
  return [
    ...jvmOptions,
    ...Object.entries(all).map(([key, value]) => `-D${key}=${value}`),
    '-cp',
    join(target, 'lib', '*'),
    'io.seata.server.ServerApplication',
    '-p',
    String(own.port),
    '-m',
    'file',
    '-h',
    '127.0.0.1',
    '-n',
    '1',
  ]
}

async function whenListening(child: ChildProcess, port: number): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs
  while (!(await isListening(port))) {
    if (child.pid === undefined || isGone(child)) throw new Error('its process has ended')
    if (performance.now() > deadlineMs) throw new Error(`no port within ${startTimeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** All bound at the same time, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(probes.map((probe) => once(probe, 'listening')))
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port)
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))))
  return ports
}
