/**
 * Stored functions that a statement calls. One that may write changes rows that no image shows. The
 * database believes what a function declares of itself, and so does this: READS SQL DATA and NO SQL
 * may run; MODIFIES SQL DATA and CONTAINS SQL, which is what a function has that declares nothing,
 * are refused. Functions are looked up by name; those of the server itself are in no list.
 */
import type { Clock } from '@settee/kit'
import { refuse } from '../refuse.ts'
import type { MysqlSession } from './driver/session.ts'
import type { NamedCall } from './expressions.ts'

export interface RoutineCache {
  /** @throws SETTEE_TX_UNSUPPORTED_SQL when one of the calls may write. */
  check(session: MysqlSession, calls: readonly NamedCall[]): Promise<void>
}

export interface RoutineCacheOptions {
  /** How long a function is believed to be unchanged, in ms. */
  readonly ttlMs: number
  /** Most names that are kept. */
  readonly maxNames: number
  readonly clock: Clock
}

interface WritingFunction {
  readonly schema: string
  readonly name: string
  readonly access: string
}

export function createRoutineCache(options: RoutineCacheOptions): RoutineCache {
  const { clock, maxNames, ttlMs } = options
  const known = new Map<string, readonly WritingFunction[]>()
  let expiresMs = 0

  async function learn(session: MysqlSession, names: readonly string[]): Promise<void> {
    if (expiresMs <= clock.monotonic() || known.size >= maxNames) {
      known.clear()
      expiresMs = clock.monotonic() + ttlMs
    }
    const unknown = [...new Set(names)].filter((name) => !known.has(name))
    if (unknown.length === 0) return
    const { rows } = await session.run(
      'SELECT ROUTINE_SCHEMA, ROUTINE_NAME, SQL_DATA_ACCESS FROM information_schema.ROUTINES ' +
        "WHERE ROUTINE_TYPE = 'FUNCTION' AND SQL_DATA_ACCESS IN " +
        "('CONTAINS SQL', 'MODIFIES SQL DATA') AND ROUTINE_NAME IN " +
        `(${unknown.map(() => '?').join(', ')})`,
      unknown,
    )
    const found = rows.map(([schema, name, access]) => ({
      schema: String(schema),
      name: String(name),
      access: String(access),
    }))
    for (const name of unknown) {
      const functions = found.filter((one) => one.name.toLowerCase() === name.toLowerCase())
      known.set(name, functions)
    }
  }

  return {
    async check(session, calls) {
      if (calls.length === 0) return
      await learn(
        session,
        calls.map(({ name }) => name),
      )
      const database = (await session.state()).database
      for (const call of calls) {
        const schema = call.schema ?? database
        const found = known.get(call.name)?.find((one) => one.schema === schema)
        if (found !== undefined) throw refuseFunction(found)
      }
    },
  }
}

function refuseFunction({ schema, name, access }: WritingFunction): Error {
  return refuse(
    `a call of the function ${schema}.${name}`,
    `it is declared ${access}, and what it writes cannot be undone`,
    'declare it READS SQL DATA or NO SQL if it writes nothing',
  )
}
