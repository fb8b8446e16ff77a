/**
 * What a session's state is, and for how long an answer about it holds. Asking costs a round trip,
 * so the answer is kept until a statement passes that may have changed it.
 */
import { ServerStatus, type RawResult, type SessionState } from './session.ts'

/** One row: everything but the status bits, which come with its result. */
export const stateQuery: string =
  'SELECT @@sql_mode, DATABASE(), @@version, @@auto_increment_increment'

export function readState({ rows, serverStatus }: RawResult): SessionState {
  const [sqlMode, database, version, increment] = (rows[0] ?? []).map((value) =>
    value === null ? undefined : String(value),
  )
  const modes = (sqlMode ?? '').toUpperCase()
  return withStatus(
    {
      isInTransaction: false,
      isAutocommit: true,
      sqlMode: modes,
      hasNoBackslashEscapes: false,
      hasAnsiQuotes: modes.split(',').includes('ANSI_QUOTES'),
      database,
      version: version ?? '',
      isMariadb: /mariadb/i.test(version ?? ''),
      autoIncrementIncrement: Number(increment ?? 1),
    },
    serverStatus,
  )
}

/** The same state with the bits of a later result. */
export function withStatus(state: SessionState, serverStatus: number): SessionState {
  return {
    ...state,
    isInTransaction: (serverStatus & ServerStatus.IN_TRANSACTION) !== 0,
    isAutocommit: (serverStatus & ServerStatus.AUTOCOMMIT) !== 0,
    hasNoBackslashEscapes: (serverStatus & ServerStatus.NO_BACKSLASH_ESCAPES) !== 0,
  }
}

const harmless = /^\s*(?:select|insert|update|delete|replace|savepoint)\b[^;]*$/i

/**
 * Whether a statement leaves sql_mode, default database and variables as they are. Anything but one
 * plain statement may change them, for one a `SET` behind a semicolon or in a comment that runs.
 */
export function keepsState(sql: string): boolean {
  return harmless.test(sql) && !sql.includes('/*')
}
