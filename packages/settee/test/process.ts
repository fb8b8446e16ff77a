/** The command as a real process, with everything it says. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const launcher = fileURLToPath(new URL('../bin/settee.js', import.meta.url))

/** Options under which a control plane is in nobody's way. */
export const anyPorts: readonly string[] = ['--http.port=0', '--tx.port=0', '--registry.port=0']

/** Our own environment without what makes packages resolve to their sources. */
const env = { ...process.env, NODE_OPTIONS: '', npm_config_node_options: '' }

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with everything on stdout once `pattern` is in it; rejects if it ends before. */
  waitFor(pattern: RegExp): Promise<string>
}

/** `settee ARGS` out of the sources, whatever the environment says. */
export function startSettee(args: readonly string[], options: SpawnOptions = {}): Running {
  return start(process.execPath, ['--conditions=@settee/source', launcher, ...args], options)
}

export function start(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, ...options })
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // Not the event `close`: it stays away when the parent closes the IPC channel.
  const ended = Promise.all([
    once(child, 'exit'),
    once(child.stdout!, 'close'),
    once(child.stderr!, 'close'),
  ]).then(([[code]]) => ({ code: code as number | null, stdout, stderr }))
  return {
    child,
    ended,
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(stdout)) resolve(stdout)
        }
        child.stdout!.on('data', look)
        look()
        void ended.then(({ code }) =>
          reject(new Error(`ended with ${code} before ${pattern}\n${stdout}\n${stderr}`)),
        )
      })
    },
  }
}

export function runSettee(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return startSettee(args, options).ended
}
