/**
 * Starting and stopping: whatever owns sockets, files or timers is a {@link Service}, and whoever
 * starts several stops them in reverse order, each within a limit.
 */

export interface Service {
  /** Short name for the start table and for logs. */
  readonly name: string
  /** Resolves when it is ready to serve. Rejects with a typed error and leaves nothing open. */
  start(): Promise<void>
  /** Stops taking work, finishes what runs, closes. Never rejects; a second call is harmless. */
  stop(): Promise<void>
}

/** Starts services in order; when one fails, stops those before it and rethrows. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = []
  try {
    for (const service of services) {
      await service.start()
      started.push(service)
    }
  } catch (error) {
    await stopAll(started)
    throw error
  }
}

/** Stops services in reverse order, waiting for each at most `limitMs` (default 10,000). */
export async function stopAll(services: readonly Service[], limitMs = 10_000): Promise<void> {
  for (const service of services.toReversed()) {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    await Promise.race([service.stop(), limit])
    clearTimeout(timer)
  }
}
