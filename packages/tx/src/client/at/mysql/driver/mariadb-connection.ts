/**
 * AT mode on one connection of `mariadb`.
 *
 * The connection object that the application holds keeps the driver's connection in a private
 * field, out of reach, so that the interception is at the methods of this object, as own properties
 * of it: those of its prototype stay as they are, and `instanceof` as well. Every method that sends
 * a statement is replaced; one of a later version of the driver would have to be added here.
 */
import { Readable } from 'node:stream'
import { branchXid } from '../../../branch-context.ts'
import { txError } from '../../../../errors.ts'
import { Gate } from './gate.ts'
import {
  combineBatch,
  MariadbCall,
  readArguments,
  readStatement,
  type MariadbCallOptions,
} from './mariadb-call.ts'
import type { MariadbConnection, MariadbPrepared, MariadbSql } from './mariadb-driver.ts'
import { isInTransaction, MariadbSession, type Originals } from './mariadb-session.ts'
import { StreamRelay } from './mariadb-stream.ts'
import type { AtConnection, ConnectAt, StatementText } from './session.ts'

type CallOptions = Omit<MariadbCallOptions, 'xid'>
type StreamOptions = Omit<CallOptions, 'perform'> & {
  readonly open: (other: StatementText | undefined) => Readable
}

const installed = new WeakMap<MariadbConnection, MariadbInterception>()

/** Installs AT mode on a connection; harmless when it is there already. */
export function interceptConnection(
  connection: MariadbConnection,
  connectAt: ConnectAt,
): MariadbInterception {
  const existing = installed.get(connection)
  if (existing !== undefined) return existing
  const interception = new MariadbInterception(connection, connectAt)
  installed.set(connection, interception)
  return interception
}

export class MariadbInterception {
  readonly session: MariadbSession
  readonly #connection: MariadbConnection
  readonly #connectAt: ConnectAt
  readonly #original: Originals
  readonly #gate: Gate
  #at: AtConnection | undefined
  /** Wait for a moment in which nothing is under way and no transaction is open. */
  #idleWaiters: (() => void)[] = []

  constructor(connection: MariadbConnection, connectAt: ConnectAt) {
    this.#connection = connection
    this.#connectAt = connectAt
    this.#original = originalsOf(connection)
    this.session = new MariadbSession(connection, this.#original)
    // While AT mode asks the coordinator nothing is under way on the connection, so that nobody but
    // this hears of its loss; without a listener it would end the process.
    const ignore = (): void => {}
    this.#gate = new Gate(
      () => connection.on('error', ignore),
      () => {
        connection.removeListener('error', ignore)
        this.#wakeIdleWaiters()
      },
    )
    this.#installStatements()
    this.#installSession()
  }

  #installStatements(): void {
    const original = this.#original
    Object.assign(this.#connection, {
      query: (sql: MariadbSql, values?: unknown) => this.#query(sql, values),
      execute: (sql: MariadbSql, values?: unknown) => this.#execute(sql, values),
      batch: (sql: MariadbSql, values?: unknown) => this.#batch(sql, values),
      queryStream: (sql: MariadbSql, values?: unknown) => this.#queryStream(sql, values),
      prepare: (sql: MariadbSql) => this.#prepare(sql),
      beginTransaction: () => this.#fixed('START TRANSACTION', () => original.beginTransaction()),
      commit: () => this.#fixed('COMMIT', () => original.commit()),
      rollback: () => this.#fixed('ROLLBACK', () => original.rollback()),
      importFile: (options: object) => this.#importFile(options),
    })
  }

  #installSession(): void {
    const original = this.#original
    const { end, close, release } = this.#connection
    Object.assign(this.#connection, {
      changeUser: (options?: object) => this.#resetting(() => original.changeUser(options)),
      reset: () => this.#resetting(() => original.reset()),
      end: () => this.#leave(() => end.call(this.#connection)),
      close: () => this.#leave(async () => close?.call(this.#connection)),
      ...(release === undefined
        ? {}
        : { release: () => this.#leave(() => release.call(this.#connection)) }),
    })
  }

  /** Runs `work` when the application has no transaction open, and keeps the connection for it. */
  async exclusive(work: () => Promise<void>): Promise<void> {
    for (;;) {
      const isDone = await this.#gate.enqueue(async () => {
        const isOpen = this.#at?.isOpen === true || isInTransaction(this.#connection)
        if (isOpen && this.#connection.isValid()) return false
        this.session.forgetState()
        await work()
        return true
      })
      if (isDone) return
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    }
  }

  #wakeIdleWaiters(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const wake of waiters) wake()
  }

  #query(sql: MariadbSql, values: unknown): Promise<unknown> {
    const original = this.#original
    const { sql: text, values: given, options } = readArguments(sql, values)
    return this.#route(
      text,
      () => original.query(sql, values),
      () => ({
        text: readStatement({ sql: text, values: given }, this.#connection, false),
        isPrepared: false,
        perform: (other) =>
          other === undefined
            ? original.query(sql, values)
            : original.query({ ...options, namedPlaceholders: false, ...valuesOf(other) }),
      }),
    )
  }

  #execute(sql: MariadbSql, values: unknown): Promise<unknown> {
    const original = this.#original
    const { sql: text, values: given, options } = readArguments(sql, values)
    return this.#route(
      text,
      () => original.execute(sql, values),
      () => ({
        text: readStatement({ sql: text, values: given }, this.#connection, true),
        isPrepared: true,
        perform: (other) =>
          other === undefined
            ? original.execute(sql, values)
            : original.execute({ ...options, namedPlaceholders: false, ...valuesOf(other) }),
      }),
    )
  }

  #batch(sql: MariadbSql, values: unknown): Promise<unknown> {
    const original = this.#original
    const { sql: text, values: given, options } = readArguments(sql, values)
    return this.#route(
      text,
      () => original.batch(sql, values),
      () => {
        const sets = (Array.isArray(given) ? given : [given]).map((set) =>
          readStatement({ sql: text, values: set }, this.#connection, true),
        )
        return {
          text: { sql: sets[0]?.sql ?? text, values: [] },
          isPrepared: true,
          batch: sets.map((set) => set.values),
          combine: (outcomes) => combineBatch(outcomes, options.fullResult === true),
          perform: (other) =>
            other === undefined
              ? original.batch(sql, values)
              : original.execute({ ...options, namedPlaceholders: false, ...valuesOf(other) }),
        }
      },
    )
  }

  #fixed(sql: string, run: () => Promise<unknown>): Promise<unknown> {
    return this.#route(sql, run, () => ({
      text: { sql, values: [] },
      isPrepared: false,
      perform: (other) => (other === undefined ? run() : this.#original.query(valuesOf(other))),
    }))
  }

  #queryStream(sql: MariadbSql, values: unknown): Readable {
    const original = this.#original
    const { sql: text, values: given, options } = readArguments(sql, values)
    return this.#stream(
      text,
      () => original.queryStream(sql, values),
      () => ({
        text: readStatement({ sql: text, values: given }, this.#connection, false),
        isPrepared: false,
        open: (other) =>
          other === undefined
            ? original.queryStream(sql, values)
            : original.queryStream({ ...options, namedPlaceholders: false, ...valuesOf(other) }),
      }),
    )
  }

  async #prepare(sql: MariadbSql): Promise<MariadbPrepared> {
    const isFree = !this.#gate.isBusy
    const prepared = await (isFree
      ? this.#original.prepare(sql)
      : this.#gate.enqueue(() => this.#original.prepare(sql)))
    const options = typeof sql === 'string' ? {} : sql
    return this.#installPrepared(prepared, options)
  }

  #installPrepared(prepared: MariadbPrepared, prepareOptions: object): MariadbPrepared {
    const { execute, executeStream } = prepared
    const textOf = (values: unknown): StatementText =>
      readStatement({ sql: prepared.query, values }, this.#connection, true)
    const again = (other: StatementText, options: object | undefined): Promise<unknown> =>
      this.#original.execute({
        ...prepareOptions,
        ...options,
        namedPlaceholders: false,
        ...valuesOf(other),
      })
    return Object.assign(prepared, {
      execute: (values?: unknown, options?: object, ...rest: unknown[]) => {
        const run = (): Promise<unknown> => execute.call(prepared, values, options, ...rest)
        return this.#route(prepared.query, run, () => ({
          text: textOf(values),
          isPrepared: true,
          perform: (other) => (other === undefined ? run() : again(other, options)),
        }))
      },
      executeStream: (values?: unknown, options?: object, ...rest: unknown[]) => {
        const run = (): Readable => executeStream.call(prepared, values, options, ...rest)
        return this.#stream(prepared.query, run, () => ({
          text: textOf(values),
          isPrepared: true,
          open: (other) =>
            other === undefined ? run() : Readable.from(rowsOf(again(other, options))),
        }))
      },
    })
  }

  #importFile(options: object): Promise<void> {
    const xid = branchXid()
    if (xid !== undefined || this.#at?.isOpen === true) return Promise.reject(refuseImport())
    this.session.forgetState()
    const run = (): Promise<void> => this.#original.importFile(options)
    return this.#gate.isBusy ? this.#gate.enqueue(run) : this.#pass(run)
  }

  /** Hands a statement to the driver, or to AT mode. */
  #route(sql: string, pass: () => Promise<unknown>, describe: () => CallOptions): Promise<unknown> {
    const xid = branchXid()
    if (xid === undefined && !this.#gate.isBusy && this.#at?.isOpen !== true) {
      this.session.noteStatement(sql)
      return this.#pass(pass)
    }
    return this.#gate.enqueue(() => {
      if (xid !== undefined || this.#at?.isOpen === true) return this.#handle(xid, describe())
      this.session.noteStatement(sql)
      return pass()
    })
  }

  #stream(sql: string, open: () => Readable, describe: () => StreamOptions): Readable {
    const xid = branchXid()
    if (xid === undefined && !this.#gate.isBusy && this.#at?.isOpen !== true) {
      this.session.noteStatement(sql)
      return open()
    }
    const relay = new StreamRelay()
    void this.#gate
      .enqueue(async () => {
        if (xid === undefined && this.#at?.isOpen !== true) {
          await relay.relay(open())
          return
        }
        const { open: reopen, ...options } = describe()
        const perform = (other?: StatementText): Promise<unknown> => relay.relay(reopen(other))
        await this.#handle(xid, { ...options, perform, stream: relay })
      })
      .then(
        () => relay.end(),
        (error: unknown) => relay.fail(error as Error),
      )
    return relay.out
  }

  async #handle(xid: string | undefined, options: CallOptions): Promise<unknown> {
    const call = new MariadbCall(this.session, { ...options, xid })
    try {
      this.#at ??= this.#connectAt(this.session)
      await this.#at.handle(call)
      return call.outcome
    } finally {
      if (this.session.isClosed) this.#at?.reset()
    }
  }

  async #pass<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#idleWaiters.length === 0) return run()
    return run().finally(() => this.#wakeIdleWaiters())
  }

  async #resetting(run: () => Promise<void>): Promise<void> {
    await this.#gate.enqueue(async () => {
      try {
        await run()
      } finally {
        this.session.forgetState()
        this.#at?.reset()
      }
    })
  }

  /** Ends the connection or gives it back, behind everything that was sent. */
  async #leave(run: () => Promise<unknown>): Promise<void> {
    if (this.#gate.isBusy || this.#at?.isOpen === true) {
      await this.#gate.enqueue(async () => {
        if (this.#at?.isOpen !== true) return
        try {
          await this.#at.release()
        } catch {
          this.#original.destroy()
        }
      })
    }
    await run()
  }
}

function originalsOf(connection: MariadbConnection): Originals {
  const bind = <Name extends keyof Originals>(name: Name): Originals[Name] =>
    (connection[name] as (...args: never[]) => unknown).bind(connection) as Originals[Name]
  return {
    query: bind('query'),
    execute: bind('execute'),
    batch: bind('batch'),
    importFile: bind('importFile'),
    prepare: bind('prepare'),
    queryStream: bind('queryStream'),
    beginTransaction: bind('beginTransaction'),
    commit: bind('commit'),
    rollback: bind('rollback'),
    changeUser: bind('changeUser'),
    reset: bind('reset'),
    end: bind('end'),
    destroy: bind('destroy'),
    isValid: bind('isValid'),
    escape: bind('escape'),
  }
}

function valuesOf({ sql, values }: StatementText): { sql: string; values?: readonly unknown[] } {
  return values.length === 0 ? { sql } : { sql, values }
}

/** For a statement that the driver would have to prepare anew, which gives no stream. */
async function* rowsOf(running: Promise<unknown>): AsyncGenerator {
  const outcome = await running
  if (Array.isArray(outcome)) yield* outcome
  else yield outcome
}

export function refuseImport(): Error {
  return txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    'importFile in a global transaction was refused: its statements go past the undo log; ' +
      'run it outside of the transaction',
  )
}
