/**
 * Functions that a statement calls. A volatile function of the database may write rows, which no
 * image shows, and the condition of an UPDATE runs twice, for the image and for the statement. So
 * volatile functions are refused where they could do harm:
 *
 * ```
 *                                        WHERE and WITH of UPDATE    elsewhere
 * of PostgreSQL: random(), nextval() …   refused                     allowed, but lo_…()
 * any other, unless it is known          refused                     refused
 * ```
 *
 * Functions are found by name, whatever their arguments are. Not looked at are functions behind
 * operators, casts, column defaults and views.
 */
import type { Clock } from '@settee/kit'
import type { Connection } from './pg-driver.ts'
import { refuse } from '../refuse.ts'

export interface FunctionCall {
  readonly schema: string | undefined
  readonly name: string
  /** It runs for the image too. */
  readonly isRepeated: boolean
}

export interface FunctionCache {
  /** @throws SETTEE_TX_UNSUPPORTED_SQL when one of the calls is volatile where it must not be. */
  check(client: Connection, calls: readonly FunctionCall[]): Promise<void>
}

/** A volatile function of the database. */
interface VolatileFunction {
  readonly schema: string
  readonly name: string
  readonly isHarmless: boolean
}

export interface FunctionCacheOptions {
  /** How long a function is believed to be unchanged, in ms. */
  readonly ttlMs: number
  /** Most names that are kept. */
  readonly maxNames: number
  readonly clock: Clock
}

export function createFunctionCache(options: FunctionCacheOptions): FunctionCache {
  const { clock, maxNames, ttlMs } = options
  const known = new Map<string, readonly VolatileFunction[]>()
  let expiresMs = 0

  async function learn(client: Connection, calls: readonly FunctionCall[]): Promise<void> {
    if (expiresMs <= clock.monotonic() || known.size >= maxNames) {
      known.clear()
      expiresMs = clock.monotonic() + ttlMs
    }
    const names = [...new Set(calls.map(({ name }) => name))].filter((name) => !known.has(name))
    if (names.length === 0) return
    const { rows } = await client.query({ text: volatileSql, values: [names] })
    for (const name of names) {
      known.set(
        name,
        (rows as VolatileFunction[]).filter((row) => row.name === name),
      )
    }
  }

  return {
    async check(client, calls) {
      if (calls.length === 0) return
      await learn(client, calls)
      for (const { schema, name, isRepeated } of calls) {
        const found = (known.get(name) ?? []).find(
          (one) =>
            (schema === undefined || schema === one.schema) && (isRepeated || !one.isHarmless),
        )
        if (found !== undefined) throw refuseFunction(found)
      }
    },
  }
}

/**
 * PostgreSQL's own functions write no rows, except for large objects. Of its extensions those that
 * make random values are harmless too.
 */
const volatileSql = `
SELECT DISTINCT n.nspname AS schema, p.proname AS name,
  n.nspname = 'pg_catalog' AND p.proname !~ '^lo(_|write$)' OR
  l.lanname = 'c' AND p.proname ~ '^(uuid_generate_v[0-9]|gen_random_|gen_salt$)' AS "isHarmless"
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.provolatile = 'v' AND p.proname = ANY ($1::pg_catalog.text[])`

function refuseFunction({ schema, name, isHarmless }: VolatileFunction): Error {
  const what = `a call of the volatile function ${schema}.${name}`
  return isHarmless
    ? refuse(
        `${what} in the condition of an UPDATE`,
        'it may answer otherwise when the condition is looked at again',
        'call it before and send its answer as a parameter',
      )
    : refuse(
        what,
        'what it writes cannot be undone',
        'declare it STABLE if it writes nothing, or send its statements one by one',
      )
}

/** The calls below a node of the grammar's tree, each name once. */
export function callsOf(node: unknown, isRepeated = false): readonly FunctionCall[] {
  const calls = new Map<string, FunctionCall>()
  collect(node, isRepeated, calls)
  return [...calls.values()]
}

function collect(node: unknown, isRepeated: boolean, calls: Map<string, FunctionCall>): void {
  if (typeof node !== 'object' || node === null) return
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    if (key === 'FuncCall') {
      const { funcname = [] } = value as { funcname?: { String?: { sval?: string } }[] }
      const [name = '', schema] = funcname.map((part) => part.String?.sval ?? '').toReversed()
      calls.set(JSON.stringify([schema, name]), { schema, name, isRepeated })
    }
    collect(value, isRepeated, calls)
  }
}
