/**
 * Settee's coordinator as a child process with its journal in a temporary folder: it can be killed
 * with SIGKILL and started again on the same port with the same journal.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface CoordinatorOptions {
  /** Default: a free one. */
  readonly port?: number
  /** Address that goes into xids, such as that of a tap in front. Default: as bound. */
  readonly advertisedAddress?: string
}

export interface TestCoordinator {
  /** `127.0.0.1:port`; stays over restarts. */
  readonly address: string
  /** What the coordinator disliked about its peers: `CODE: message`. */
  readonly badPeers: readonly string[]
  /** Kills it without any farewell and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port, with the same journal. */
  restart(): Promise<void>
  /** Kills it and removes its journal. */
  stop(): Promise<void>
}

const script = join(import.meta.dirname, 'coordinator-process.ts')

export async function startCoordinator(options: CoordinatorOptions = {}): Promise<TestCoordinator> {
  const folder = await mkdtemp(join(tmpdir(), 'settee-interop-tc-'))
  const badPeers: string[] = []
  let address = `127.0.0.1:${options.port ?? 0}`
  let child: ChildProcess | undefined
  const killAtExit = (): void => void child?.kill('SIGKILL')
  process.once('exit', killAtExit)

  async function start(): Promise<void> {
    const port = address.slice(address.lastIndexOf(':') + 1)
    const started = fork(script, [folder, port, options.advertisedAddress ?? ''], {
      execArgv: ['--conditions=@settee/source'],
    })
    child = started
    const ready = Promise.withResolvers<string>()
    started.on('message', (message: { address?: string; badPeer?: string }) => {
      if (message.badPeer !== undefined) badPeers.push(message.badPeer)
      if (message.address !== undefined) ready.resolve(message.address)
    })
    started.once('exit', () => ready.reject(new Error('the coordinator did not start')))
    address = await ready.promise
  }

  async function kill(): Promise<void> {
    const victim = child
    child = undefined
    if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null) return
    const exited = once(victim, 'exit')
    victim.kill('SIGKILL')
    await exited
  }

  await start()
  return {
    get address() {
      return address
    },
    badPeers,
    kill,
    restart: start,
    async stop() {
      process.off('exit', killAtExit)
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
