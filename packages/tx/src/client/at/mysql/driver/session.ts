/**
 * What AT mode and a MySQL driver know of each other: the one seam between them. On this side are
 * `mysql2` and `mariadb` with all their ways to send a statement (`mysql2-*.ts`, `mariadb-*.ts`),
 * on the other side the AT logic, which knows neither.
 *
 * ```
 * application ─ driver call ─▶ gate (FIFO of one connection)
 *                                │ xid, or a local transaction is open
 *                                ▼
 *                        AtConnection.handle(call)
 *                          ├─ session.run('SELECT … FOR UPDATE')   own statements, raw values
 *                          ├─ call.run()                           the application's statement,
 *                          │                                       run by the driver for it
 *                          └─ session.run('INSERT INTO undo_log …')
 *                                │ resolves or rejects
 *                                ▼
 * application ◀─ callback, promise, `end` ─┘
 * ```
 *
 * The application hears of its statement only when {@link AtConnection.handle} has ended. Until
 * then everything else that it sends on the connection waits, so that `handle` has the connection
 * for itself, and a pool does not get it back.
 */

/** A value as the server's text has it: text, bytes of a binary column, or NULL. */
export type RawValue = string | Buffer | null

/** The server's definition of a result column. */
export interface RawField {
  /** As the query calls it. */
  readonly name: string
  /** As the table calls it; empty for an expression. */
  readonly orgName: string
  /** As the query calls the table; empty for an expression. */
  readonly table: string
  readonly orgTable: string
  readonly schema: string
  /** Number of the protocol: 3 LONG, 253 VAR_STRING, …; text of MariaDB JSON is 252 BLOB. */
  readonly type: number
  /** Bits of the protocol: 1 NOT NULL, 2 primary key, 32 unsigned, 128 binary, … */
  readonly flags: number
  /** Collation number of the values as sent; 63 is binary. */
  readonly charset: number
  /** Longest value in bytes. */
  readonly length: number
  readonly decimals: number
}

/** What the server says of a statement without rows, and of one with rows as far as it goes. */
export interface StatementResult {
  /** -1 for a statement that returns rows. */
  readonly affectedRows: number
  /** First generated key, as decimal text since it has 64 bits; `'0'` when there is none. */
  readonly insertId: string
  /** Text of the server, as `Rows matched: 1  Changed: 1  Warnings: 0`; empty when not known. */
  readonly message: string
  readonly warningCount: number
  /** Bits of {@link ServerStatus} after the statement; -1 when the driver does not tell. */
  readonly serverStatus: number
}

/** Result of an own statement, whose columns keep the exact text of the server. */
export interface RawResult extends StatementResult {
  readonly rows: readonly (readonly RawValue[])[]
  /** Empty for a statement without rows. */
  readonly fields: readonly RawField[]
}

/** Bits of the status that the server sends with each result. */
export const ServerStatus = {
  IN_TRANSACTION: 0x1,
  AUTOCOMMIT: 0x2,
  NO_BACKSLASH_ESCAPES: 0x200,
} as const

/** What of a session's state decides how its statements are read and run. */
export interface SessionState {
  readonly isInTransaction: boolean
  readonly isAutocommit: boolean
  /** `@@sql_mode`, upper case, as `ANSI_QUOTES,STRICT_TRANS_TABLES`. */
  readonly sqlMode: string
  /** Whether the server reads a backslash in a string as itself. */
  readonly hasNoBackslashEscapes: boolean
  /** Whether `"a"` is an identifier. */
  readonly hasAnsiQuotes: boolean
  /** The default database; undefined when there is none. */
  readonly database: string | undefined
  /** `10.11.19-MariaDB`, `8.4.2`. */
  readonly version: string
  readonly isMariadb: boolean
  /** `@@auto_increment_increment`: distance between the keys that one INSERT generates. */
  readonly autoIncrementIncrement: number
}

/** A value of an own statement. A `Date` is written in UTC; use text where that is not meant. */
export type BoundValue = string | number | bigint | boolean | Uint8Array | Date | null | undefined

/** One connection to the server, as AT mode uses it for its own statements. */
export interface MysqlSession {
  /** Where it is connected; undefined with `mariadb`, which does not tell. */
  readonly address: MysqlAddress | undefined
  /**
   * Runs an own statement past every interception, in the text protocol. Each `?` outside of
   * strings, comments and quoted names takes a value, written so that it is safe in the session's
   * sql_mode. The application's settings (typeCast, dateStrings, bigNumberStrings …) do not apply:
   * every value is the server's text. One statement at a time.
   * @throws the driver's error, with `errno`, `sqlState` and `code`; also when the connection is
   *   lost before the answer: then `fatal` is true, and nobody knows whether it ran.
   */
  run(sql: string, values?: readonly BoundValue[]): Promise<RawResult>
  /** The state now; asks the server when a statement may have changed it since the last answer. */
  state(): Promise<SessionState>
  /**
   * Status bits of the last result on this connection that AT mode saw, be it of an own statement
   * or of the application's; -1 before the first. Costs nothing, unlike {@link state}.
   */
  readonly serverStatus: number
  /** Whether the connection is lost or closed, so that every statement would fail. */
  readonly isClosed: boolean
  /** Closes the connection at once, as after a rollback that failed. The driver replaces it. */
  destroy(): void
}

/** Where a connection goes. */
export interface MysqlAddress {
  readonly host: string
  readonly port: number
  /** Undefined when the connection was opened without a database. */
  readonly database: string | undefined
}

/** The text of a statement and what is bound to its placeholders. */
export interface StatementText {
  readonly sql: string
  /** One for each `?`, in order; empty when the text has the values in it. */
  readonly values: readonly unknown[]
}

export interface RunOptions {
  /**
   * Keeps the results of the runs before, so that the application sees all of them as the results
   * of several statements. Default: a run replaces what the run before has returned.
   */
  readonly isAppended?: boolean
}

/** One statement of the application, held before the driver sends it. */
export interface StatementCall extends StatementText {
  /**
   * The global transaction of the caller. Undefined when it has none; the call comes here all the
   * same while {@link AtConnection.isOpen}.
   */
  readonly xid: string | undefined
  /**
   * Whether it goes through COM_STMT_EXECUTE, with `values` in binary. Otherwise the driver writes
   * the values into the text; `sql` then is the text before that if every value is a scalar and the
   * text has exactly as many `?` as there are values, else the finished text without values.
   */
  readonly isPrepared: boolean
  /**
   * The value rows of a `batch` of the mariadb driver, while `values` is empty: {@link run} without
   * arguments runs them all. Undefined for every other call.
   */
  readonly batch: readonly (readonly unknown[])[] | undefined
  /**
   * Runs the statement as the driver's own command, so that all its options hold, and resolves when
   * the server has answered; the application hears nothing yet. It may run again, for one after a
   * rollback; rows of a stream that were sent on already are then sent again, so that only what
   * sends no rows, or has {@link buffer}ed them, should.
   * @param other text to run instead; the protocol stays. Values of a `run` in the text protocol
   *   must be scalars.
   * @throws the driver's error; to let it through makes it the application's error.
   */
  run(other?: StatementText, options?: RunOptions): Promise<StatementResult>
  /** From now on keeps rows of a stream back until `handle` ends. */
  buffer(): void
}

/**
 * AT mode on one connection: the other side of the seam. One object lives as long as the connection
 * and keeps its local transaction.
 */
export interface AtConnection {
  /**
   * Whether a local transaction that began in a global one is open, so that every statement has to
   * come here, also those outside of any global transaction. Read synchronously at every call.
   */
  readonly isOpen: boolean
  /**
   * Takes a statement: BEGIN, COMMIT, SAVEPOINT and the like too, which arrive as text whichever
   * way they were called. Never called while another call is under way. When it resolves, the
   * application gets the result of the last {@link StatementCall.run}; when it rejects, it gets the
   * error. It must run the statement at least once, or reject.
   */
  handle(call: StatementCall): Promise<void>
  /**
   * The connection goes back to its pool while {@link isOpen}: rolls back what is open. When it
   * rejects, the connection is closed instead.
   */
  release(): Promise<void>
  /**
   * The server has rolled back by itself: the session was reset, its user changed, or it is lost.
   */
  reset(): void
}

/** Makes the AT side of a connection when its first statement in a global transaction comes. */
export type ConnectAt = (session: MysqlSession) => AtConnection

/** A connection of the pool for AT mode alone, as phase two needs it. */
export interface OwnSession extends MysqlSession {
  /** Gives it back; `isBroken` closes it instead, for one when a transaction may still be open. */
  release(isBroken?: boolean): void
}

/** A driver's pool (or single connection) with AT mode installed. */
export interface MysqlSource {
  /** Undefined with `mariadb`, which does not tell: the application has to name the resource. */
  readonly address: MysqlAddress | undefined
  /**
   * Takes a connection that nothing intercepts. Of a single connection there is only that one: the
   * promise resolves when the gate is free, and the application waits until it is released.
   * @throws the driver's error when none can be had.
   */
  connect(): Promise<OwnSession>
}
