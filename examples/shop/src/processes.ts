/** Child processes of the demonstration: started, killed, restarted and always cleaned up. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface ProcessOptions {
  readonly name: string
  readonly script: string
  readonly args: readonly string[]
  /** Told what the process says while it runs. */
  readonly onProgress?: (sentence: string) => void
}

export interface RunningProcess {
  readonly name: string
  readonly pid: number
  /** What the process said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
  /** Ends it without a chance to clean up, as a power cut would. */
  kill(): Promise<void>
  /** Asks it to stop; kills it when it does not within five seconds. */
  stop(): Promise<void>
}

const readyLimitMs = 30_000
const stopLimitMs = 5000

/** Starts a process and waits until it says that it is ready. Throws with its last words. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name, script, args } = options
  const child = fork(script, [...args], {
    execArgv: ['--conditions=@settee/source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let lastWords = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-2000)
  })
  child.on('message', (message: { kind?: string; sentence?: string }) => {
    if (message.kind === 'progress') options.onProgress?.(message.sentence ?? '')
  })
  const ready = await whenReady(child, name, () => lastWords)
  const exited = once(child, 'exit')
  return {
    name,
    pid: child.pid!,
    ready,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const limit = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
      await exited
      clearTimeout(limit)
    },
  }
}

function whenReady(
  child: ChildProcess,
  name: string,
  lastWords: () => string,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill('SIGKILL')
      reject(new ProcessFailure(lastWords().trim() || `${name} ${why}`))
    }
    const limit = setTimeout(() => fail('did not get ready in time'), readyLimitMs)
    const onExit = (code: number | null): void => {
      clearTimeout(limit)
      fail(`ended with exit code ${code}`)
    }
    child.once('exit', onExit)
    child.on('message', (message: { kind?: string }) => {
      if (message.kind !== 'ready') return
      clearTimeout(limit)
      child.off('exit', onExit)
      resolve(message as Readonly<Record<string, unknown>>)
    })
  })
}

/** A process that did not come up; the message is its own and fit for the terminal. */
export class ProcessFailure extends Error {}
