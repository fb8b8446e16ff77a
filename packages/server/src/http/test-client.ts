/** An HTTP client for the tests of this package that sends whatever it is told. */
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  /** The body as JSON. */
  json<Body>(): Body
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

function open(
  url: string,
  path: string,
  { body, ...options }: AskOptions = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    request({ host: hostname.replace(/[[\]]/g, ''), port, path, agent: false, ...options }, resolve)
      .on('error', reject)
      .end(body)
  })
}

/** @param path is sent as it is. */
export async function ask(url: string, path: string, options?: AskOptions): Promise<Answer> {
  const response = await open(url, path, options)
  const bytes = Buffer.concat(await response.toArray())
  const { statusCode: status = 0, headers } = response
  const text = bytes.toString()
  return { status, headers, bytes, text, json: () => JSON.parse(text) }
}

export interface Following {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Resolves with the first value of `topic`, seen or to come, that fulfils `predicate`. */
  until<Value>(topic: string, predicate?: (value: Value) => boolean): Promise<Value>
  /** Resolves when the server ended the stream; says whether it ended in order. */
  readonly ended: Promise<boolean>
  /** Events so far, by topic. */
  count(topic: string): number
  close(): void
}

/** Follows an event stream. */
export async function follow(
  url: string,
  topics: string,
  options?: AskOptions,
): Promise<Following> {
  const path = `/api/v1/events?topics=${encodeURIComponent(topics)}`
  const response = await open(url, path, options)
  const seen: { topic: string; value: unknown }[] = []
  const checks = new Set<() => void>()
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const events = (text + chunk).split('\n\n')
    text = events.pop()!
    for (const event of events) {
      const match = /^event: (.*)\ndata: (.*)$/.exec(event)
      if (match !== null) seen.push({ topic: match[1]!, value: JSON.parse(match[2]!) })
    }
    for (const check of checks) check()
  })
  const ended = new Promise<boolean>((resolve) => {
    response.on('error', () => {}).on('close', () => resolve(response.complete))
  })
  return {
    status: response.statusCode!,
    headers: response.headers,
    ended,
    until: <Value>(topic: string, predicate: (value: Value) => boolean = () => true) =>
      new Promise<Value>((resolve, reject) => {
        const check = (): void => {
          const found = seen.find(
            (event) => event.topic === topic && predicate(event.value as Value),
          )
          if (found === undefined) return
          checks.delete(check)
          resolve(found.value as Value)
        }
        checks.add(check)
        void ended.then(() => reject(new Error(`the stream ended before ${topic} was as wanted`)))
        check()
      }),
    count: (topic) => seen.filter((event) => event.topic === topic).length,
    close: () => response.destroy(),
  }
}
