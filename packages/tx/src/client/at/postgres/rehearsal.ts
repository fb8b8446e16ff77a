/**
 * Statements that update rows which only they themselves can tell, before PostgreSQL 18: INSERT …
 * ON CONFLICT DO UPDATE, and UPDATE in a WITH clause. They run twice: the first run says which rows
 * it touches and is taken back, then those rows are read and locked, and the second run changes
 * them. When it touches a row that the first one did not know, both are repeated.
 *
 * ```
 * SAVEPOINT s; run → keys; ROLLBACK TO s; SELECT those FOR NO KEY UPDATE → rows before; run → after
 *      ▲                                                                                     │
 *      └────────────────────────── ROLLBACK TO s ◄── a row that is not among them ───────────┘
 * ```
 */
import { txError } from '../../../errors.ts'
import { rawKey, runRaw, type RawRow } from './image-rows.ts'
import { keyCondition } from './key-condition.ts'
import { quoteIdentifier, type PgClient } from './pg-driver.ts'
import type { Run, TouchedTable } from './touched.ts'

/** Rehearsals while others insert the same rows at the same time. */
const maxRehearsals = 10

const savepoint = '"settee:rehearsal"'

export async function rehearse(client: PgClient, run: () => Promise<Run>): Promise<Run> {
  await client.query({ text: `SAVEPOINT ${savepoint}` })
  for (let left = maxRehearsals; left > 0; left--) {
    const { touched } = await run()
    await client.query({ text: `ROLLBACK TO SAVEPOINT ${savepoint}` })
    const before: Map<string, RawRow>[] = []
    for (const one of touched) before.push(await readRows(client, one))
    const done = await run()
    const known = done.touched.map((one, i) => withBefore(one, before[i]!))
    if (known.every((one) => one !== undefined)) {
      await client.query({ text: `RELEASE SAVEPOINT ${savepoint}` })
      return { result: done.result, touched: known }
    }
    await client.query({ text: `ROLLBACK TO SAVEPOINT ${savepoint}` })
  }
  throw txError(
    'SETTEE_TX_LOCK_CONFLICT',
    `other transactions inserted the rows of a statement ${maxRehearsals} times while it ran; ` +
      'try again',
  )
}

/** The rows that a run touched, as they are now, locked as an UPDATE locks them. */
async function readRows(
  client: PgClient,
  { table, target, rows }: TouchedTable,
): Promise<Map<string, RawRow>> {
  if (target.image !== 'touched' || rows.length === 0) return new Map()
  const keys = rows.map(({ after }) => rawKey(table, after!))
  const columns = table.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const values = table.primaryKey.map((_, i) => keys.map((key) => key[i]!))
  const text = `SELECT ${columns} FROM ${table.sql} WHERE ${keyCondition(table)} FOR NO KEY UPDATE`
  const found = await runRaw(client, { text, values }, text)
  return new Map(
    (found.rows as RawRow[]).map((row) => [JSON.stringify(rawKey(table, row)), row] as const),
  )
}

/** The touched rows with what they were before; undefined when one was there unknown. */
function withBefore(
  one: TouchedTable,
  before: ReadonlyMap<string, RawRow>,
): TouchedTable | undefined {
  if (one.target.image !== 'touched') return one
  const rows = one.rows.map(({ after, existed }) => ({
    before: before.get(JSON.stringify(rawKey(one.table, after!))),
    after,
    existed: existed === true,
  }))
  return rows.some((row) => row.existed && row.before === undefined) ? undefined : { ...one, rows }
}
