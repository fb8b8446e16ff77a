/**
 * What AT mode needs of the `pg` driver, as structural types: `pg` belongs to the application and
 * is no dependency of this package.
 */

export interface PgField {
  readonly name: string
  /** The table that the column was read from; 0 for an expression. */
  readonly tableID: number
  readonly dataTypeID: number
  readonly format: string
}

export interface PgResult {
  command: string
  rowCount: number | null
  // `any` is what pg itself says of a row, and the only type that every application's rows fit.
  // oxlint-disable-next-line typescript/no-explicit-any
  rows: any[]
  fields: PgField[]
}

/** Turns the text of a value into what the application sees. */
export type TypeParser = (text: string) => unknown

export interface PgTypes {
  getTypeParser(oid: number, format?: 'text'): TypeParser
}

/** A query in the object form of the driver. */
export interface PgQuery {
  text: string
  values?: unknown[] | undefined
  rowMode?: 'array' | undefined
  types?: PgTypes | undefined
}

export interface PgClient extends PgTypes {
  query(query: PgQuery): Promise<PgResult>
  /** `I` idle, `T` in a transaction, `E` in a failed one. Drivers before 8.17 do not have it. */
  getTransactionStatus?(): string | null
  release(error?: Error | boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export interface PgPool {
  connect(): Promise<PgClient>
  query(query: PgQuery): Promise<PgResult>
  readonly options: {
    readonly connectionString?: string | undefined
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly database?: string | undefined
  }
}

/** What runs a query: one connection, or any of a pool's. */
export type Connection = Pick<PgClient | PgPool, 'query'>

export type Callback = (error: unknown, result?: PgResult) => void

/** A Query object, cursor or stream, which sends itself. */
export interface PgSubmittable {
  readonly text?: string
  /** What a QueryStream reads from. */
  readonly cursor?: { readonly text: string }
  submit(connection: unknown): unknown
  handleError(error: unknown, connection?: unknown): void
}

/** The arguments of `query`, in whichever of its forms they came. */
export interface QueryCall {
  /** Undefined for what sends itself. */
  readonly query: PgQuery | undefined
  readonly submittable: PgSubmittable | undefined
  readonly callback: Callback | undefined
}

/** Sorts out `(text)`, `(text, values)`, `({text, values})`, each with or without a callback. */
export function readQueryCall(args: readonly unknown[]): QueryCall {
  const [first, second, third] = args
  const callback = [second, third].find((one) => typeof one === 'function') as Callback | undefined
  const values = Array.isArray(second) ? { values: second as unknown[] } : {}
  const call = { query: undefined, submittable: undefined, callback }
  if (typeof first === 'string') return { ...call, query: { text: first, ...values } }
  if (typeof first === 'object' && first !== null && 'submit' in first) {
    return { ...call, submittable: first as PgSubmittable }
  }
  if (typeof first !== 'object' || first === null || !('text' in first)) return call
  return { ...call, query: { ...(first as PgQuery), ...values } }
}

/** Hands a call to the driver as it came, in any of its forms. */
export function passQuery(connection: Connection, args: readonly unknown[]): unknown {
  return (connection as { query(...args: readonly unknown[]): unknown }).query(...args)
}

/** `target` in everything but the methods in `own`. */
export function withOwn<Target extends object>(target: Target, own: object): Target {
  const methods = new Map<string | symbol, unknown>(Object.entries(own))
  return new Proxy(target, {
    get: (_, key, receiver) => methods.get(key) ?? Reflect.get(target, key, receiver),
  })
}

/** Gives a promise the way in which the caller wants to hear of it. */
export function answer(promise: Promise<PgResult>, callback: Callback | undefined): unknown {
  if (callback === undefined) return promise
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  )
  return undefined
}

/** All columns in the exact text form in which the server sent them. */
export const rawText: PgTypes = { getTypeParser: () => (text: string) => text }

/**
 * Whether the connection is in a transaction: `I`, `T` or `E`; undefined when the driver cannot
 * say. The driver hands out an error before it has read the status behind it, so that anything but
 * `I` is asked for again.
 */
export async function transactionStatus(client: PgClient): Promise<string | undefined> {
  const status = client.getTransactionStatus?.() ?? undefined
  if (status === undefined || status === 'I') return status
  await client.query({ text: '' })
  return client.getTransactionStatus?.() ?? undefined
}

/**
 * Runs `work` with a connection of the pool. What `work` leaves open is rolled back, and a
 * connection where that fails is closed.
 */
export async function withConnection<Result>(
  pool: PgPool,
  work: (client: PgClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  client.on('error', ignoreError)
  let isDone = false
  try {
    const result = await work(client)
    isDone = true
    return result
  } finally {
    client.release(!(await isIdle(client, isDone)))
    client.removeListener('error', ignoreError)
  }
}

/**
 * Takes the errors of a connection while nothing is sent on it, such as a restart of the server:
 * without a listener they would end the process. The next query on the connection fails anyway.
 */
export function ignoreError(): void {}

/** Ends an open transaction; false when the connection is of no use any more. */
async function isIdle(client: PgClient, isDone: boolean): Promise<boolean> {
  try {
    const status = await transactionStatus(client)
    const isOpen = status === undefined ? !isDone : status !== 'I'
    if (isOpen) await client.query({ text: 'ROLLBACK' })
    return true
  } catch {
    return false
  }
}

/** The five-letter SQLSTATE of a server's error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[\dA-Z]{5}$/.test(error.code) ? error.code : undefined
}

/** An identifier as SQL, in quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
