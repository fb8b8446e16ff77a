/**
 * The settings of a session under which each value of an undo log goes back to the byte. They are
 * put back afterwards, because the connection belongs to the application's pool.
 */
import type { MysqlSession, RawValue } from './driver/session.ts'

/**
 * Values that do not fit are errors; dates with zeros fit, and so does the number 0 in a column
 * that would take the next number for it.
 */
const sqlMode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'

/** For values that a column held and its type forbids, such as no member in an ENUM. */
export const looseMode: string =
  "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'"
export const strictMode: string = `SET SESSION sql_mode = '${sqlMode}'`

/**
 * Runs `work` under these settings.
 * @param lockTimeoutMs longest wait for a row lock, in ms; the server counts seconds.
 */
export async function withUndoSettings<Result>(
  session: MysqlSession,
  lockTimeoutMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const { rows } = await session.run('SELECT @@sql_mode, @@time_zone, @@innodb_lock_wait_timeout')
  const [mode, zone, timeout] = rows[0]!.map(textOf)
  await set(session, sqlMode, '+00:00', String(Math.max(1, Math.ceil(lockTimeoutMs / 1000))))
  const result = await work()
  await set(session, mode!, zone!, timeout!)
  return result
}

function textOf(value: RawValue): string {
  return value === null ? '' : value.toString()
}

async function set(
  session: MysqlSession,
  mode: string,
  zone: string,
  timeout: string,
): Promise<void> {
  await session.run(
    'SET SESSION sql_mode = ?, SESSION time_zone = ?, SESSION innodb_lock_wait_timeout = ?',
    [mode, zone, Number(timeout)],
  )
}
