/**
 * One statement of the application on `mysql2`: a command that the driver made and that was held
 * before it was sent.
 *
 * The driver runs the very command, so that typeCast, nestTables, streams, timeouts and whatever
 * else it can do stay its own. Held back are only the ways in which the command speaks: `onResult`
 * and `emit` are replaced until AT mode is done with the statement. Rows of a stream pass, unless
 * they are to be buffered; what says that the statement has succeeded never does.
 */
import type { AsyncResource } from 'node:async_hooks'
import { AnswerReader } from './mysql2-answer.ts'
import {
  isExecute,
  isQuery,
  type ExecuteCommand,
  type QueryCommand,
  type ResultCallback,
} from './mysql2-driver.ts'
import { readText } from './mysql2-text.ts'
import type { Mysql2Session } from './mysql2-session.ts'
import { writeValues } from './sql-literals.ts'
import type { RunOptions, StatementCall, StatementResult, StatementText } from './session.ts'

type Statement = QueryCommand | ExecuteCommand
type Event = readonly [name: string | symbol, ...args: unknown[]]

export class Mysql2Call implements StatementCall {
  readonly xid: string | undefined
  readonly isPrepared: boolean
  readonly batch = undefined
  readonly sql: string
  readonly values: readonly unknown[]
  readonly #command: Statement
  readonly #session: Mysql2Session
  /** Makes callbacks and listeners run where the application made the call. */
  readonly #scope: AsyncResource
  readonly #onResult: ResultCallback | undefined
  readonly #answer: AnswerReader
  /** The command as the driver made it, to run it once more. */
  readonly #fresh: Record<string, unknown>
  #runs = 0
  #isBuffered = false
  /** What its listeners are told when AT mode is done. */
  #held: Event[] = []
  /** What its callback is told then. */
  #outcome: Parameters<ResultCallback> | undefined
  #failure: { readonly error: unknown } | undefined
  #hasEnded = false
  /** A timeout was reported already, while the server went on. */
  #hasTimedOut = false
  #settle: (() => void) | undefined

  constructor(
    command: Statement,
    session: Mysql2Session,
    caller: { readonly xid: string | undefined; readonly scope: AsyncResource },
  ) {
    this.xid = caller.xid
    this.#scope = caller.scope
    this.#command = command
    this.#session = session
    this.isPrepared = isExecute(command)
    const { sql, values } = readText(command, session.connection)
    this.sql = sql
    this.values = values
    this.#onResult = command.onResult
    this.#fresh = stateOf(command)
    this.#answer = new AnswerReader(command, (status) => session.noteStatus(status))
    if (command.onResult !== undefined) command.onResult = (...args) => this.#hearResult(args)
    command.emit = (name, ...args: unknown[]) => this.#hearEvent(name, args)
    // A file of the client's would reach rows that no image shows; the driver refuses without this.
    command._streamFactory = undefined
  }

  buffer(): void {
    this.#isBuffered = true
  }

  async run(
    other?: StatementText,
    { isAppended = false }: RunOptions = {},
  ): Promise<StatementResult> {
    this.#restore(isAppended)
    await this.#setText(other)
    this.#runs++
    await this.#session.watch(
      new Promise<void>((resolve) => {
        this.#settle = resolve
        this.#session.send(this.#command)
      }),
    )
    const failure = this.#failure as { readonly error: unknown } | undefined
    if (failure !== undefined) {
      this.#session.forgetState()
      throw failure.error
    }
    this.#session.noteStatement(this.#command)
    return this.#answer.result
  }

  /** Lets the application have the outcome of the last run. */
  deliver(): void {
    const { held, outcome } = this.#release()
    // Listeners may throw, which must not end up as a rejection of ours.
    process.nextTick(() => {
      for (const [name, ...args] of held) this.#emit(name, args)
      this.#emit('end', [])
      if (outcome !== undefined) process.nextTick(() => this.#callBack(outcome))
    })
  }

  /** Lets it have an error, whatever the runs have brought. */
  fail(error: unknown): void {
    this.#release()
    process.nextTick(() => {
      if (!this.#hasTimedOut) this.#report(error)
      this.#emit('end', [])
    })
  }

  #report(error: unknown): void {
    if (this.#onResult !== undefined) this.#callBack([error])
    else this.#emit('error', [error])
  }

  #callBack(outcome: Parameters<ResultCallback>): void {
    this.#scope.runInAsyncScope(this.#onResult!, undefined, ...outcome)
  }

  #emit(name: string | symbol, args: readonly unknown[]): boolean {
    return this.#scope.runInAsyncScope(() =>
      prototypeEmit(this.#command).call(this.#command, name, ...args),
    )
  }

  #release(): { held: readonly Event[]; outcome: Parameters<ResultCallback> | undefined } {
    const command = this.#command
    delete (command as { emit?: unknown }).emit
    command.onResult = this.#onResult
    return { held: this.#held, outcome: this.#outcome }
  }

  #hearResult(outcome: Parameters<ResultCallback>): void {
    if (outcome[0] === null || outcome[0] === undefined) this.#outcome = outcome
    else this.#hearError(outcome[0])
    this.#settleIfDone()
  }

  /**
   * A timeout is for callers who do not want to wait for the server any longer: they hear at once.
   */
  #hearError(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    if (this.#hasEnded || !isTimeout(error)) return
    this.#hasTimedOut = true
    this.#report(error)
  }

  #hearEvent(name: string | symbol, args: unknown[]): boolean {
    const isOk = this.#answer.onEvent(name, args[0])
    if (name === 'end') this.#hasEnded = true
    else if (name === 'error') this.#hearError(args[0])
    else if (isOk || this.#isBuffered || this.#held.length > 0) this.#held.push([name, ...args])
    else return this.#emit(name, args)
    this.#settleIfDone()
    return true
  }

  /** After `end` the driver still owes the callback the rows; after a timeout, the `end`. */
  #settleIfDone(): void {
    if (!this.#hasEnded) return
    const isAnswered = this.#outcome !== undefined || this.#failure !== undefined
    if (this.#onResult === undefined || isAnswered) this.#settle?.()
  }

  /** Makes the command as new, or one that goes on behind the results that it has. */
  #restore(isAppended: boolean): void {
    this.#hasEnded = false
    this.#outcome = undefined
    this.#failure = undefined
    if (this.#runs === 0) return
    if (!isAppended) this.#held = []
    const command = this.#command as unknown as Record<string, unknown>
    const { _rows: rows, _fields: fields } = command
    for (const [key, value] of Object.entries(this.#fresh)) {
      command[key] = Array.isArray(value) ? [] : value
    }
    if (!isAppended) return
    Object.assign(command, { _rows: rows, _fields: fields, _resultIndex: (rows as []).length })
  }

  async #setText(other: StatementText | undefined): Promise<void> {
    const command = this.#command
    if (isQuery(command)) {
      command.sql = await this.#queryText(command, other)
      return
    }
    if (other === undefined) return
    command.statement = await this.#session.prepare(command, other.sql)
    command.parameters = [...other.values]
  }

  /** The driver's text is right unless the session reads no backslashes. */
  async #queryText(command: QueryCommand, other: StatementText | undefined): Promise<string> {
    const text = other ?? this
    if (text.values.length === 0) {
      if (other === undefined) await this.#session.checkFormatted(command)
      return text.sql
    }
    if (other === undefined && !(await this.#session.state()).hasNoBackslashEscapes) {
      return this.#fresh.sql as string
    }
    const mode = await this.#session.state()
    return writeValues(text.sql, text.values, mode, (value) => this.#session.write(value, mode))
  }
}

/** How a command speaks and who listens: the same in every run. */
const lasting: ReadonlySet<string> = new Set([
  'onResult',
  'execute',
  'emit',
  '_events',
  '_eventsCount',
  '_maxListeners',
])

/** What the driver keeps in a command while it runs. */
function stateOf(command: Statement): Record<string, unknown> {
  return Object.fromEntries(Object.entries(command).filter(([key]) => !lasting.has(key)))
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT'
}

function prototypeEmit(command: Statement): Statement['emit'] {
  return (Object.getPrototypeOf(command) as Statement).emit
}
