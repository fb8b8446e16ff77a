/** What an application sees of a statement, in a form in which two drivers' outcomes compare. */
import type { EventEmitter } from 'node:events'
import type mysql from 'mysql2'

export type Done = (error: unknown, ...results: unknown[]) => void

/** What a callback is told. */
export function told(call: (done: Done) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => {
    call((error, ...results) => resolve([plain(error), ...results.map(plain)]))
  })
}

/** What the listeners of a command hear, until its end. */
export function heard(command: unknown): Promise<unknown[]> {
  const events: unknown[] = []
  const emitter = command as EventEmitter
  for (const name of ['fields', 'result', 'error']) {
    emitter.on(name, (...args: unknown[]) => events.push([name, ...args.map(plain)]))
  }
  return new Promise((resolve) => {
    emitter.on('end', () => resolve([...events, 'end']))
  })
}

/** The rows of a stream, and its error. */
export async function streamed(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  try {
    for await (const row of rows) seen.push(plain(row))
  } catch (error) {
    seen.push(plain(error))
  }
  return seen
}

/** The outcome of a promise, be it a value or an error. */
export function settled(running: Promise<unknown>): Promise<unknown> {
  return running.then(plain, plain)
}

/** What tells two outcomes apart, whoever made them. */
function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, code, errno, sqlState, sql } = value as Error & Record<string, unknown>
    return { name, message: withoutIds(message), code, errno, sqlState, sql }
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if ('columnType' in value && 'name' in value) return { column: nameOf(value.name, value) }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

function nameOf(name: unknown, column: object): unknown {
  return typeof name === 'function' ? (name as () => unknown).call(column) : name
}

/** The mariadb driver puts the number of the connection into its messages. */
function withoutIds(message: string): string {
  return message.replaceAll(/conn(?:ection)?(?:: ?| )\d+/g, 'conn')
}

/** A connection of the pool, in the callback API. */
export function connectionOf(pool: mysql.Pool): Promise<mysql.PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)))
  })
}

/** Rows and counts of the mariadb driver, which has its own classes and bigints. */
export function plainRows(rows: unknown): unknown {
  const text = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  )
  return JSON.parse(text)
}
