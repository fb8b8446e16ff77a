/** One statement of the application while AT mode runs it. */
import type { AtEnvironment } from './environment.ts'
import type { MysqlSession, RawResult, SessionState, StatementResult } from './driver/session.ts'
import type { LockableRecords } from './lock-keys.ts'
import { bindOwn, type Fragment, type OwnValue } from './sql-fragment.ts'
import type { StatementUndoLog } from '../undo/undo-log.ts'

export interface Execution {
  readonly environment: AtEnvironment
  readonly session: MysqlSession
  /** The session when the statement came. */
  readonly state: SessionState
  /** The values of the call, for own statements. */
  readonly values: readonly OwnValue[]
  /** Runs the application's statement in a form that has the same answer. */
  readonly run: (fragment: Fragment) => Promise<StatementResult>
  /** Keeps rows back that were sent already, so that the statement can run again. */
  readonly buffer: () => void
  /** Tables whose descriptions were compared with the server's in this local transaction. */
  readonly checked: Set<string>
}

export interface Change {
  /** What to undo, in the order in which it was done. */
  readonly undo: readonly StatementUndoLog[]
  /** Rows that SELECT … FOR UPDATE has locked. */
  readonly locked?: readonly LockableRecords[]
}

/** Runs an own statement with the parameters of the call. */
export function runOwn({ session, values }: Execution, fragment: Fragment): Promise<RawResult> {
  const bound = bindOwn(fragment, values)
  return session.run(bound.sql, bound.values)
}
