/**
 * AT mode on one connection of `mysql2`.
 *
 * The interception is `addCommand` of the very connection object, as an own property of it. Every
 * statement ends there, whichever API it comes from: `query`, `execute`, `beginTransaction`, a
 * prepared statement's `execute` (which goes past the first two), the promise API, pools, and
 * whatever an ORM does with them. A Proxy around the object would not do: what the driver keeps of
 * it (prepared statements, `promise()`, the pool) still holds the object behind the Proxy, and
 * `instanceof` of a caller may not see through. Patching the driver's prototypes would reach other
 * applications' connections, and bundled copies of the driver not at all.
 */
import { AsyncResource } from 'node:async_hooks'
import { branchXid } from '../../../branch-context.ts'
import { Gate } from './gate.ts'
import { Mysql2Call } from './mysql2-call.ts'
import {
  isExecute,
  isPrepare,
  isQuery,
  resetsSession,
  type ExecuteCommand,
  type Mysql2Command,
  type Mysql2Connection,
  type QueryCommand,
} from './mysql2-driver.ts'
import { Mysql2Session } from './mysql2-session.ts'
import type { AtConnection, ConnectAt } from './session.ts'

type Send = (command: Mysql2Command) => unknown

const installed = new WeakMap<Mysql2Connection, Mysql2Interception>()

/** Installs AT mode on a connection; harmless when it is there already. */
export function interceptConnection(
  connection: Mysql2Connection,
  connectAt: ConnectAt,
): Mysql2Interception {
  const existing = installed.get(connection)
  if (existing !== undefined) return existing
  const interception = new Mysql2Interception(connection, connectAt)
  installed.set(connection, interception)
  return interception
}

export class Mysql2Interception {
  readonly session: Mysql2Session
  readonly #connection: Mysql2Connection
  readonly #connectAt: ConnectAt
  readonly #gate: Gate
  #at: AtConnection | undefined
  /** The driver's `addCommand`, which it replaces itself when the connection ends. */
  #send: Send
  /** The driver makes a command for AT mode right now. */
  #isOwn = false

  constructor(connection: Mysql2Connection, connectAt: ConnectAt) {
    this.#connection = connection
    this.#connectAt = connectAt
    const send = connection.addCommand
    this.#send = send
    this.session = new Mysql2Session(connection, {
      // Also when the application has called `end` already: the connection ends behind this.
      send: (command) => send.call(connection, command),
      prepare: (options, callback) => this.#asOwn(() => connection.prepare(options, callback)),
    })
    // While AT mode asks the coordinator nothing is under way on the connection, so that nobody but
    // this hears of its loss; without a listener it would end the process.
    const ignore = (): void => {}
    this.#gate = new Gate(
      () => connection.on('error', ignore),
      () => connection.removeListener('error', ignore),
    )
    this.#install()
  }

  #install(): void {
    const connection = this.#connection
    Object.defineProperty(connection, 'addCommand', {
      configurable: true,
      get: () => this.#add,
      set: (send: Send) => {
        this.#send = send
      },
    })
    const { close, _notifyError: notifyError } = connection
    connection.close = () => {
      close.call(connection)
      this.#lose(closedError())
    }
    // After an `end` of the application the driver tells nobody what became of later commands.
    connection.on('end', () => this.#lose(closedError()))
    connection._notifyError = (error) => {
      notifyError.call(connection, error)
      this.#lose(error)
    }
  }

  /** Whether it must not go back to the pool yet. */
  get isInUse(): boolean {
    return this.#gate.isBusy || this.#at?.isOpen === true
  }

  /**
   * Rolls back what is open, behind everything that was sent; closes the connection if it fails.
   */
  async settle(): Promise<void> {
    await this.#gate.enqueue(async () => {
      if (this.#at?.isOpen !== true) return
      try {
        await this.#at.release()
      } catch {
        this.#connection.destroy()
      }
    })
  }

  #asOwn<Result>(work: () => Result): Result {
    this.#isOwn = true
    try {
      return work()
    } finally {
      this.#isOwn = false
    }
  }

  #lose(error: Error): void {
    this.session.lose(error)
    this.#at?.reset()
  }

  readonly #add = <Command extends Mysql2Command>(command: Command): Command => {
    const send = this.#send
    const connection = this.#connection
    if (this.#isOwn) {
      send.call(connection, command)
      return command
    }
    const xid = branchXid()
    if (xid === undefined && !this.#gate.isBusy && this.#at?.isOpen !== true) {
      this.session.notePassed(command)
      send.call(connection, command)
      return command
    }
    const caller = { xid, scope: new AsyncResource('SetteeStatement') }
    void this.#gate.enqueue(() => this.#runHeld(command, caller, send))
    return command
  }

  /** Never rejects: the command itself tells the application. */
  async #runHeld(
    command: Mysql2Command,
    caller: { readonly xid: string | undefined; readonly scope: AsyncResource },
    send: Send,
  ): Promise<void> {
    const isStatement = isQuery(command) || (isExecute(command) && command.statement !== undefined)
    const isHandled = caller.xid !== undefined || this.#at?.isOpen === true
    const { lossError } = this.session
    if (lossError !== undefined) failCommand(command, lossError)
    else if (isStatement && isHandled) await this.#handle(command, caller)
    else await this.#pass(command, send)
  }

  async #handle(
    command: QueryCommand | ExecuteCommand,
    caller: { readonly xid: string | undefined; readonly scope: AsyncResource },
  ): Promise<void> {
    const call = new Mysql2Call(command, this.session, caller)
    try {
      this.#at ??= this.#connectAt(this.session)
      await this.#at.handle(call)
    } catch (error) {
      call.fail(error)
      return
    }
    call.deliver()
  }

  /** A command that is no statement, or one outside of transactions behind one inside. */
  async #pass(command: Mysql2Command, send: Send): Promise<void> {
    this.session.notePassed(command)
    const ended = new Promise<void>((resolve) => command.once('end', () => resolve()))
    send.call(this.#connection, command)
    // Only what decides about the next command is awaited: the rest is in order in the driver.
    if (!isPrepare(command) && !isExecute(command) && !resetsSession(command)) return
    try {
      await this.session.watch(ended)
    } catch {
      // The driver has told the command of it.
    }
    if (resetsSession(command)) this.#at?.reset()
  }
}

/** Tells a command that was never sent of the loss of its connection. */
function failCommand(command: Mysql2Command, error: Error): void {
  if (command.onResult !== undefined) command.onResult(error)
  else if (command.listenerCount('error') > 0) command.emit('error', error)
  command.emit('end')
}

function closedError(): Error {
  return Object.assign(new Error('The connection was closed while a statement was under way.'), {
    code: 'PROTOCOL_CONNECTION_LOST',
    fatal: true,
  })
}
