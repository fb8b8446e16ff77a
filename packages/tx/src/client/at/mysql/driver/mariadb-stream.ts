/**
 * A stream of rows that the application has at once, while its statement waits for AT mode: it gets
 * the rows of the driver's stream as they come, and its end when AT mode is done.
 */
import { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { isOk } from './mariadb-session.ts'

/** What the driver adds to a stream: `close` drops the rows that are still to come. */
type RowStream = Readable & { close?(): void }

export class StreamRelay {
  /** What the application reads. */
  readonly out: RowStream
  readonly #scope: AsyncResource = new AsyncResource('SetteeStatement')
  #source: RowStream | undefined
  /** Rows that are kept back. */
  #kept: unknown[] = []
  #isBuffered = false
  #isClosed = false

  constructor() {
    const out: RowStream = new Readable({
      objectMode: true,
      read: () => this.#source?.resume(),
      destroy: (error, callback) => {
        this.#close()
        callback(error)
      },
    })
    out.close = () => this.#close()
    this.out = out
  }

  buffer(): void {
    this.#isBuffered = true
  }

  /** Forgets what is kept, since the statement runs once more. */
  restart(): void {
    this.#kept = []
  }

  /** Relays the rows of a stream; resolves at its end with the last. */
  relay(source: RowStream): Promise<unknown> {
    this.#source = source
    let last: unknown
    return new Promise((resolve, reject) => {
      source.on('fields', (fields) => this.#inScope(() => this.out.emit('fields', fields)))
      source.on('data', (row) => {
        last = row
        this.#add(row)
      })
      source.on('error', reject)
      source.on('end', () => resolve(last))
    })
  }

  /** The driver tells of a statement without rows in a row, which says that it has succeeded. */
  #add(row: unknown): void {
    if (this.#isClosed) return
    if (this.#isBuffered || isOk(row)) this.#kept.push(row)
    else if (!this.#inScope(() => this.out.push(row))) this.#source?.pause()
  }

  end(): void {
    this.#source = undefined
    for (const row of this.#kept) this.out.push(row)
    this.out.push(null)
  }

  fail(error: Error): void {
    this.#source = undefined
    this.out.destroy(error)
  }

  /** The statement goes on to its end, without anyone to read its rows. */
  #close(): void {
    this.#isClosed = true
    this.#source?.resume()
  }

  #inScope<Result>(work: () => Result): Result {
    return this.#scope.runInAsyncScope(work)
  }
}
