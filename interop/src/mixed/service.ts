/** A TypeScript service in a process of its own; see service-process.ts. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { SeataNamespace } from '@settee/tx'
import type { TestDatabase } from '../harness-databases.ts'

export type ServiceDatabase = Pick<
  TestDatabase,
  'kind' | 'host' | 'port' | 'user' | 'password' | 'name'
> & { readonly key: string }

export interface ServiceRequest {
  readonly id: number
  readonly xid: string
  /** As {@link keyOf}. */
  readonly key: string
  readonly statements: readonly string[]
}

export interface ServiceAnswer {
  /** 0 says that the service is ready. */
  readonly id: number
  readonly error?: string
}

export interface Service {
  /** Runs statements in the transaction `xid`, each a branch of its own. */
  join(xid: string, database: TestDatabase, statements: readonly string[]): Promise<void>
  /** Ends the process without any farewell and waits until it is gone. Harmless when it is. */
  kill(): Promise<void>
}

export interface ServiceOptions {
  readonly coordinator: string
  readonly applicationId: string
  readonly databases: readonly TestDatabase[]
  /** That of the Java peer. */
  readonly undoNamespace: SeataNamespace
}

const answerTimeoutMs = 30_000

/** Starts the process and waits until the coordinator knows it. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { coordinator, applicationId } = options
  const databases: ServiceDatabase[] = options.databases.map((database) => {
    const { kind, host, port, user, password, name } = database
    return { key: keyOf(database), kind, host, port, user, password, name }
  })
  const child = fork(
    join(import.meta.dirname, 'service-process.ts'),
    [coordinator, applicationId, JSON.stringify(databases), options.undoNamespace],
    { execArgv: ['--conditions=@settee/source'] },
  )
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  let lastId = 0

  const waiting = new Map<number, PromiseWithResolvers<void>>()
  child.on('message', ({ id, error }: ServiceAnswer) => {
    if (error === undefined) waiting.get(id)?.resolve()
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${applicationId} has ended`))
  })

  async function answerTo(id: number): Promise<void> {
    const settled = Promise.withResolvers<void>()
    waiting.set(id, settled)
    const timer = setTimeout(
      () => settled.reject(new Error(`${applicationId} did not answer`)),
      answerTimeoutMs,
    )
    await settled.promise.finally(() => clearTimeout(timer))
  }

  await answerTo(0)
  return {
    join(xid, database, statements) {
      const id = ++lastId
      const answered = answerTo(id)
      child.send({ id, xid, key: keyOf(database), statements } satisfies ServiceRequest)
      return answered
    },
    async kill() {
      process.off('exit', killAtExit)
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

function keyOf({ kind, name }: TestDatabase): string {
  return `${name}@${kind}`
}
