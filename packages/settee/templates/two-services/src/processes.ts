/** Child processes that say when they are ready, and that are stopped in order. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What the control plane says when it is ready; a service says no more than `kind`. */
export interface Ready {
  readonly kind: 'ready'
  readonly components: readonly { readonly name: string; readonly address: string }[]
}

export interface Child {
  readonly ready: Ready
  stop(): Promise<void>
}

/** Starts a script. What it has to say about a failure goes to this terminal. */
export async function startChild(
  script: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Child> {
  const child = fork(fileURLToPath(script), args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.on('message', (message: Ready) => {
      if (message.kind === 'ready') resolve(message)
    })
    child.once('exit', (code) => reject(new StartFailure(`${script} ended with ${code}`)))
  })
  return {
    ready,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const limit = setTimeout(() => child.kill('SIGKILL'), 5000)
      await exited
      clearTimeout(limit)
    },
  }
}

/** The child has said why. */
export class StartFailure extends Error {}
