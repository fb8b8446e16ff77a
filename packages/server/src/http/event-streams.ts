/**
 * Server-sent events: each stream follows a few topics and gets a topic's JSON at the start and
 * again when it has changed.
 *
 *     look, every 250 ms ──► topic changed? ──► JSON, made once for all streams ──► each stream
 *
 * The looks sleep while there are no streams, so a console that nobody watches costs nothing. A
 * reader that does not keep up is sent less, and is let go when it does not read at all.
 */
import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '@settee/kit'
import { serverError } from '../errors.ts'

/** What can be followed. Topics of the same name must be the same thing. */
export interface Topic {
  /** Grows whenever the topic's JSON would be different; cheap, asked four times a second. */
  version(): number
  /** Undefined when there is nothing to tell, as of an unknown transaction. */
  read(): unknown
}

export interface EventStreams {
  /**
   * Turns the response into a stream of `topics`.
   * @throws SETTEE_HTTP_TOO_MANY_STREAMS; SETTEE_HTTP_UNAVAILABLE when closed.
   */
  open(response: ServerResponse, topics: ReadonlyMap<string, Topic>): void
  /** Ends all streams and opens no more. */
  close(): void
}

export interface EventStreamOptions {
  readonly clock: Clock
  /** Time between looks, in ms. Default 250. */
  readonly lookMs?: number
  /** Streams at once. Default 100. */
  readonly maxStreams?: number
  /** Looks without news after which a comment is sent: a sign of life. Default 40, of 10 s. */
  readonly looksPerComment?: number
  /** Looks at which a stream could not be sent to until it is let go. Default 120, of 30 s. */
  readonly maxStalledLooks?: number
}

interface Stream {
  readonly response: ServerResponse
  readonly topics: ReadonlyMap<string, Topic>
  readonly sentVersions: Map<string, number>
  quietLooks: number
  stalledLooks: number
}

/** Events that were made at this look, by topic. */
type LookCache = Map<string, string>

export function createEventStreams(options: EventStreamOptions): EventStreams {
  const { clock, lookMs = 250, maxStreams = 100 } = options
  const { looksPerComment = 40, maxStalledLooks = 120 } = options
  const streams = new Set<Stream>()
  let timer: Timer | undefined
  let isClosed = false

  function look(): void {
    const made: LookCache = new Map()
    for (const stream of streams) {
      try {
        visit(stream, made)
      } catch {
        // Its console connects again, and the answer to that says what is wrong.
        stream.response.destroy()
      }
    }
    timer = streams.size > 0 ? clock.after(lookMs, look) : undefined
  }

  function visit(stream: Stream, made: LookCache): void {
    const { response } = stream
    if (response.writableNeedDrain) {
      if (++stream.stalledLooks >= maxStalledLooks) response.destroy()
      return
    }
    stream.stalledLooks = 0
    const news = takeNews(stream, made)
    if (news === '' && ++stream.quietLooks < looksPerComment) return
    stream.quietLooks = 0
    response.write(news === '' ? ': still here\n\n' : news)
  }

  return {
    open(response, topics) {
      if (isClosed) {
        throw serverError('SETTEE_HTTP_UNAVAILABLE', 'the control plane is stopping; try again')
      }
      if (streams.size >= maxStreams) {
        throw serverError(
          'SETTEE_HTTP_TOO_MANY_STREAMS',
          `${streams.size} event streams are open, which is the limit; close a console`,
        )
      }
      const sentVersions = new Map<string, number>()
      const stream: Stream = { response, topics, sentVersions, quietLooks: 0, stalledLooks: 0 }
      const news = takeNews(stream, new Map())
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      response.write(news === '' ? ': nothing yet\n\n' : news)
      streams.add(stream)
      response.on('close', () => streams.delete(stream))
      timer ??= clock.after(lookMs, look)
    },
    close() {
      isClosed = true
      timer?.cancel()
      for (const { response } of streams) response.end()
      streams.clear()
    },
  }
}

/** The events of what has changed since the last call; empty when nothing has. */
function takeNews(stream: Stream, made: LookCache): string {
  let news = ''
  for (const [name, topic] of stream.topics) {
    const version = topic.version()
    if (stream.sentVersions.get(name) === version) continue
    stream.sentVersions.set(name, version)
    let event = made.get(name)
    if (event === undefined) {
      event = encodeEvent(name, topic.read())
      made.set(name, event)
    }
    news += event
  }
  return news
}

function encodeEvent(name: string, value: unknown): string {
  return value === undefined ? '' : `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`
}
