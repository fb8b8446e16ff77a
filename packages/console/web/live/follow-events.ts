/**
 * Follows one event stream for as long as it is wanted: opens it, reports what arrives, and after a
 * loss waits and opens it again. Network, clock and randomness come in as ports.
 */
import { stepConnection, type Connection } from './connection.ts'
import { createSseParser, type ServerEvent } from './sse-parser.ts'

export interface EventPorts {
  /** Opens the stream; rejects when the server cannot be reached or refuses. */
  readonly open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>
  readonly now: () => number
  /** A float in [0, 1). */
  readonly random: () => number
  /** Resolves after `delayMs`, or earlier when the reader asks to try now or `signal` aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>
}

export interface Following {
  /** Where the last stream left off, so that a change of topics is no loss. */
  readonly from: Connection
  readonly signal: AbortSignal
  /** A stream that is silent for longer counts as lost, in ms. Default 30,000. */
  readonly silenceLimitMs?: number
  readonly onConnection: (connection: Connection) => void
  readonly onEvent: (event: ServerEvent) => void
}

/** Resolves when `following.signal` aborts; never rejects. */
export async function followEvents(ports: EventPorts, following: Following): Promise<void> {
  const { signal } = following
  let connection = following.from
  while (!signal.aborted) {
    try {
      await readStream(ports, following, () => {
        connection = stepConnection(connection, { type: 'opened', at: ports.now() })
        following.onConnection(connection)
      })
    } catch {
      // Why it was lost does not change what to do: wait and open again.
    }
    if (signal.aborted) return
    const lost = { type: 'lost', at: ports.now(), chance: ports.random() } as const
    connection = stepConnection(connection, lost)
    following.onConnection(connection)
    await ports.wait(connection.retryAt - lost.at, signal)
  }
}

async function readStream(
  ports: EventPorts,
  following: Following,
  onOpened: () => void,
): Promise<void> {
  const silence = new AbortController()
  const limitMs = following.silenceLimitMs ?? 30_000
  const giveUp = (): void => silence.abort(new Error(`nothing arrived for ${limitMs} ms`))
  let watchdog = setTimeout(giveUp, limitMs)
  const signal = AbortSignal.any([following.signal, silence.signal])
  try {
    const reader = (await ports.open(signal)).getReader()
    signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined))
    onOpened()
    const decoder = new TextDecoder()
    const parser = createSseParser(following.onEvent)
    while (!signal.aborted) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(watchdog)
      watchdog = setTimeout(giveUp, limitMs)
      parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    clearTimeout(watchdog)
    // Ends the request also when the parser gave up on it.
    silence.abort()
  }
}
