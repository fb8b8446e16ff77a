/**
 * AT mode for `postgres` (postgres.js): the function `sql` with tagged queries, `unsafe`, `begin`
 * and savepoints aware of global transactions. Inside of one, what only reads goes on as ever; what
 * writes is held until its text is known, and runs on a connection of AT mode. Refused inside of
 * one are `reserve` and `file`, cursors, `forEach`, `describe` and streams of what writes, and
 * transactions that began outside of it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { branchXid } from '../../../branch-context.ts'
import { AtClient } from '../at-client.ts'
import type { AtEnvironment } from '../environment.ts'
import { retryOnConflict } from '../../global-lock.ts'
import { runAlone } from '../local-branch.ts'
import { withConnection, type PgPool, type PgQuery, type PgResult } from '../pg-driver.ts'
import { isTransactionPlan } from '../plan.ts'
import { refuse } from '../../refuse.ts'
import {
  asClient,
  parsersOf,
  type JsOptions,
  type JsQuery,
  type JsReserved,
  type JsRoot,
  type JsSql,
} from './driver.ts'
import { isTemplate, textOf } from './query-text.ts'

/** Puts AT mode on the function; `pool` has its connections. */
export function createAtSql<Sql extends JsRoot>(
  environment: AtEnvironment,
  pool: PgPool,
  sql: Sql,
): Sql {
  const isInside = (): boolean => branchXid() !== undefined
  return wrapSql(sql, {
    isHeld: isInside,
    run: (query, send) => runOnPool(environment, pool, sql, { query, send }),
    own: {
      begin: (...args: readonly [unknown, unknown]) => {
        const [options, work] = typeof args[0] === 'function' ? ['', args[0]] : args
        if (isInside()) return begin(environment, sql, String(options), work as Work)
        return sql.begin(options, (scope: JsSql) => (work as Work)(guard(scope)))
      },
      reserve: async () => {
        if (!isInside()) return guard(await sql.reserve())
        throw refuse('reserve', 'its connection would not be one of AT mode', 'use begin')
      },
    },
  })
}

type Work = (sql: JsSql) => unknown

/** Runs a query instead of the package; `send` is what the package would have done. */
type Run = (query: JsQuery, send: () => void) => Promise<void>

interface Wrapping {
  /** Whether queries are run by `run`. */
  readonly isHeld: () => boolean
  readonly run: Run
  /** Properties instead of those of the package. */
  readonly own: Readonly<Record<string | symbol, unknown>>
}

function wrapSql<Sql extends JsSql>(sql: Sql, { isHeld, run, own }: Wrapping): Sql {
  const held = (query: unknown): unknown => {
    if (isHeld()) hold(query as JsQuery, run)
    return query
  }
  const properties: Wrapping['own'] = {
    unsafe: (...args: Parameters<JsSql['unsafe']>) => held(sql.unsafe(...args)),
    file: (...args: unknown[]) => {
      if (!isHeld()) return (sql as unknown as { file: Work }).file(args as never)
      throw refuse('file', 'its text is not known yet', 'read the file and use unsafe')
    },
    ...own,
  }
  return new Proxy(sql, {
    apply: (_target, _self, args: [unknown, ...unknown[]]) =>
      isTemplate(args[0]) ? held(sql(...args)) : sql(...args),
    get: (target, key, receiver) =>
      Object.hasOwn(properties, key) ? properties[key] : Reflect.get(target, key, receiver),
  })
}

/** A query sends itself when somebody waits for it, in the context of whoever made it. */
function hold(query: JsQuery, run: Run): void {
  const send = query.handler
  const inContext = AsyncLocalStorage.snapshot()
  query.handler = (sent) => {
    inContext(() => run(sent, () => void send(sent))).catch((error: unknown) => sent.reject(error))
  }
}

/**
 * A transaction or connection from outside of a global transaction, which cannot be used in one.
 */
function guard<Sql extends JsSql>(scope: Sql): Sql {
  return wrapSql(scope, {
    isHeld: () => branchXid() !== undefined,
    run: () =>
      Promise.reject(
        refuse(
          'a query of a transaction or connection from outside of it',
          'its changes would belong to both',
          'begin it inside of the global transaction',
        ),
      ),
    own: {
      savepoint: (...args: unknown[]) => {
        const work = args.pop() as Work
        const own = scope as unknown as { savepoint(...rest: unknown[]): unknown }
        return own.savepoint(...args, (inner: JsSql) => work(guard(inner)))
      },
    },
  })
}

interface Held {
  readonly query: JsQuery
  readonly send: () => void
}

async function runOnPool(
  environment: AtEnvironment,
  pool: PgPool,
  sql: JsRoot,
  { query, send }: Held,
): Promise<void> {
  const own = ownQuery(sql, query)
  const plan = await environment.planOf(pool, own.text)
  if (plan.kind === 'PASS') {
    await environment.functions.check(pool, plan.calls)
    return send()
  }
  if (isSpecial(query)) throw refuseSpecial()
  if (isTransactionPlan(plan)) {
    throw refuse(`${plan.kind} on a pool`, 'the next query may get another connection', 'use begin')
  }
  const xid = branchXid()
  const result =
    plan.kind === 'MANY'
      ? await withConnection(pool, (client) => new AtClient(environment, client).run(own))
      : await retryOnConflict(environment, xid!, () =>
          withConnection(pool, (client) =>
            runAlone(environment, client, { xid: xid!, plan, query: own }),
          ),
        )
  query.resolve(answerOf(sql.options, query, result))
}

async function begin(
  environment: AtEnvironment,
  sql: JsRoot,
  options: string,
  work: Work,
): Promise<unknown> {
  const reserved = await sql.reserve()
  const at = new AtClient(environment, asClient(sql, reserved))
  try {
    await at.run({ text: `BEGIN ${options.replaceAll(/[^a-z ]/gi, '')}` })
    const result = await settle(work(scopeOf(sql, reserved, at)))
    const { command } = await at.commit()
    if (command !== 'COMMIT' && at.failure !== undefined) throw at.failure
    return result
  } catch (error) {
    await at.rollBack(error)
    throw error
  } finally {
    reserved.release()
  }
}

/** The package lets work return an array of queries. */
function settle(result: unknown): Promise<unknown> {
  return Array.isArray(result) ? Promise.all(result) : Promise.resolve(result)
}

/** The function inside of `begin`. */
function scopeOf(sql: JsRoot, reserved: JsReserved, at: AtClient, depth = 0): JsSql {
  let count = 0
  return wrapSql(reserved, {
    isHeld: () => true,
    async run(query, send) {
      const own = ownQuery(sql, query)
      if (isSpecial(query)) {
        const handleError = (error: unknown): void => query.reject(error)
        at.query([{ text: own.text, submit: send, handleError }])
      } else query.resolve(answerOf(sql.options, query, await at.run(own)))
    },
    own: {
      release: undefined,
      savepoint: async (...args: unknown[]) => {
        const work = args.pop() as Work
        const name = `"settee:${depth}:${count++}"`
        await at.run({ text: `SAVEPOINT ${name}` })
        try {
          return await settle(work(scopeOf(sql, reserved, at, depth + 1)))
        } catch (error) {
          await at.run({ text: `ROLLBACK TO ${name}` })
          throw error
        }
      },
    },
  })
}

/** What only the package itself can run. */
function isSpecial(query: JsQuery): boolean {
  const { cursorFn, forEachFn, onlyDescribe, streaming } = query
  return (
    cursorFn !== undefined || forEachFn !== undefined || onlyDescribe === true || streaming === true
  )
}

function refuseSpecial(): Error {
  return refuse(
    'a cursor, forEach, describe or stream of a statement that does more than read',
    'it speaks to the server by itself, past the undo log',
    'wait for its result, or run it outside of the transaction',
  )
}

function ownQuery(sql: JsRoot, query: JsQuery): PgQuery {
  const { text, values } = textOf(sql, query)
  const asBytes = { getTypeParser: () => (cell: string) => Buffer.from(cell) }
  const types = query.isRaw === true ? asBytes : parsersOf(sql.options)
  return { text, values: [...values], rowMode: 'array', types }
}

/** The answer in the form of the package: rows with properties that are not enumerable. */
function answerOf(options: JsOptions, query: JsQuery, result: PgResult): unknown {
  if (Array.isArray(result)) return result.map((one: PgResult) => answerOf(options, query, one))
  const { command, rowCount, fields } = result
  const { value, row } = options.transform
  const columns = fields.map(({ name, dataTypeID, tableID }) => ({
    name,
    type: dataTypeID,
    table: tableID,
  }))
  const rows = (result.rows as unknown[][]).map((cells) => {
    const seen =
      query.isRaw === true || value.from === undefined
        ? cells
        : cells.map((cell, i) => value.from!(cell, columns[i]!))
    const shaped =
      query.isRaw === undefined || query.isRaw === false
        ? Object.fromEntries(columns.map(({ name }, i) => [name, seen[i]]))
        : seen
    return row.from === undefined ? shaped : row.from(shaped)
  })
  return Object.defineProperties(rows, {
    command: { value: command },
    count: { value: rowCount },
    columns: { value: columns },
  })
}
