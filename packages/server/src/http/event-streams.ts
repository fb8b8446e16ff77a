/**
 * Server-sent events: each stream follows a few topics and gets a topic's JSON at the start and
 * again when it has changed. One timer looks for all streams; it sleeps while there are none, so a
 * console that nobody watches costs nothing.
 */
import type { ServerResponse } from 'node:http'
import { serverError } from '../errors.ts'

/** What can be followed. */
export interface Topic {
  /** Grows whenever the topic's JSON would be different; cheap, asked four times a second. */
  version(): number
  read(): unknown
}

export interface EventStreams {
  /** Turns the response into a stream of `topics`. Throws SETTEE_HTTP_TOO_MANY_STREAMS. */
  open(response: ServerResponse, topics: ReadonlyMap<string, Topic>): void
  /** Ends all streams. */
  close(): void
}

interface Stream {
  readonly response: ServerResponse
  readonly topics: ReadonlyMap<string, Topic>
  readonly sentVersions: Map<string, number>
  quietLooks: number
}

export interface EventStreamOptions {
  /** Time between looks, in ms. Default 250. */
  readonly lookMs?: number
  /** Streams at once. Default 100. */
  readonly maxStreams?: number
}

/** Looks without news after which a comment is sent, so that a dead connection is noticed. */
const looksPerComment = 40

export function createEventStreams(options: EventStreamOptions = {}): EventStreams {
  const { lookMs = 250, maxStreams = 100 } = options
  const streams = new Set<Stream>()
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    for (const stream of streams) sendNews(stream)
  }

  function remove(stream: Stream): void {
    streams.delete(stream)
    if (streams.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    open(response, topics) {
      if (streams.size >= maxStreams) {
        throw serverError(
          'SETTEE_HTTP_TOO_MANY_STREAMS',
          `${streams.size} event streams are open, which is the limit; close a console`,
        )
      }
      const stream: Stream = { response, topics, sentVersions: new Map(), quietLooks: 0 }
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      streams.add(stream)
      response.on('close', () => remove(stream))
      sendNews(stream)
      timer ??= setInterval(look, lookMs)
    },
    close() {
      for (const stream of streams) stream.response.end()
    },
  }
}

function sendNews(stream: Stream): void {
  const { response } = stream
  // A console that does not keep up is sent less, never a growing backlog.
  if (response.writableNeedDrain) return
  let text = ''
  for (const [name, topic] of stream.topics) {
    const version = topic.version()
    if (stream.sentVersions.get(name) === version) continue
    stream.sentVersions.set(name, version)
    text += `event: ${name}\ndata: ${JSON.stringify(topic.read())}\n\n`
  }
  if (text === '' && ++stream.quietLooks < looksPerComment) return
  stream.quietLooks = 0
  response.write(text === '' ? ': still here\n\n' : text)
}
