/**
 * Runs a statement and keeps what it changed: the rows before and after it, as the server printed
 * them. The image travels in the statement's own answer (returning.ts), behind a mark; the caller
 * gets the answer that the statement alone would have had.
 */
import { assert } from '@settee/kit'
import type { StatementUndoLog } from '../undo/undo-log.ts'
import type { AtEnvironment } from './environment.ts'
import { keyOf, rawKey, recordsOf, runMarked, type Image, type RawRow } from './image-rows.ts'
import type { KeyedRecords } from './lock-keys.ts'
import type { PgClient, PgQuery, PgResult } from './pg-driver.ts'
import {
  referenceOf,
  type ChangePlan,
  type LockPlan,
  type Pin,
  type Relation,
  type Target,
  type WritePlan,
} from './plan.ts'
import { rehearse } from './rehearsal.ts'
import { refuse } from '../refuse.ts'
import { matchesFields, type Table } from './table-meta.ts'
import type { Run, TouchedRow, TouchedTable } from './touched.ts'
import { checkRowCount, checkUndoable, refuseAltered, refuseNewKey } from './undoable.ts'
import { prepareWith } from './with-images.ts'

export interface Change {
  readonly result: PgResult
  /** What to undo, in the order in which it was done. */
  readonly undo: readonly StatementUndoLog[]
  /** The rows that SELECT … FOR UPDATE returned. */
  readonly locked: readonly KeyedRecords[]
}

/** A change that may be made: nothing has been sent but a look at the catalog. */
export type PreparedChange = () => Promise<Change>

/**
 * Looks whether the statement's changes can be undone.
 * @throws SETTEE_TX_UNSUPPORTED_SQL when they cannot; nothing has run then.
 */
export async function prepareChange(
  environment: AtEnvironment,
  client: PgClient,
  plan: ChangePlan,
  query: PgQuery,
): Promise<PreparedChange> {
  const relations =
    plan.kind === 'LOCK'
      ? plan.relations
      : plan.kind === 'WITH'
        ? plan.targets.map(({ relation }) => relation)
        : [plan.relation]
  const tables: Table[] = []
  for (const relation of relations) {
    const table = await environment.tables.byName(client, referenceOf(relation))
    if (table === undefined) return () => runUnknown(client, relation, query)
    tables.push(table)
  }
  await environment.functions.check(client, plan.calls)
  if (plan.kind === 'LOCK') {
    for (const { refusal } of tables) if (refusal !== undefined) throw refusal
    return () => runLock(environment, client, plan, query)
  }
  const run =
    plan.kind === 'WITH'
      ? prepareWith(environment, client, { plan, query, tables })
      : prepareWrite(environment, client, { plan, query, table: tables[0]! })
  const targets = plan.kind === 'WITH' ? plan.targets : [plan]
  for (const [i, target] of targets.entries()) checkUndoable(tables[i]!, target)
  const mustRehearse = targets.some(({ image }) => image === 'touched')
  return async () => changeOf(mustRehearse ? await rehearse(client, run) : await run())
}

/** A table that does not exist is the server's to complain about. */
async function runUnknown(client: PgClient, relation: Relation, query: PgQuery): Promise<never> {
  await client.query(query)
  throw refuse(`a change of ${relation.name}`, 'it is no known table', 'name a table')
}

async function runLock(
  environment: AtEnvironment,
  client: PgClient,
  plan: LockPlan,
  query: PgQuery,
): Promise<Change> {
  const { result, images } = await runMarked(client, query, plan.text)
  checkRowCount(environment, result.rowCount ?? 0, 'SELECT … FOR UPDATE')
  const locked: KeyedRecords[] = []
  for (const image of images) {
    const table = await tableOf(environment, client, image, (one) => {
      if (one.refusal !== undefined) throw one.refusal
    })
    if (image.rows.length > 0) locked.push(recordsOf(table, image.rows))
  }
  return { result, undo: [], locked }
}

interface Write {
  readonly plan: WritePlan
  readonly query: PgQuery
  readonly table: Table
}

function prepareWrite(
  environment: AtEnvironment,
  client: PgClient,
  { plan, query }: Write,
): () => Promise<Run> {
  const check = (table: Table): void => checkUndoable(table, plan)
  return async () => {
    const found =
      plan.pin === undefined
        ? undefined
        : await readBefore(environment, client, { plan, pin: plan.pin, query, check })
    const pinned = found?.rows.map((row) => row.at(-1))
    const values = pinned === undefined ? query.values : [...(query.values ?? []), pinned]
    const { result, images } = await runMarked(client, { ...query, values }, plan.text)
    const image = images[0]!
    checkRowCount(environment, image.rows.length, plan.verb)
    const half = image.fields.length / 2
    const fields = plan.image === 'both' ? image.fields.slice(0, half) : image.fields
    const shown = plan.image === 'touched' ? image.fields.slice(1) : fields
    const table = await tableOf(environment, client, { ...image, fields: shown }, check)
    const rows = image.rows.map((row) => touchedRow(plan, table, row))
    const touched = {
      table,
      target: plan,
      rows: found === undefined ? rows : paired(table, found, rows),
    }
    return { result, touched: [touched] }
  }
}

/** A row of an image of this form. */
function touchedRow({ image }: Target, table: Table, row: RawRow): TouchedRow {
  switch (image) {
    case 'after':
      return { before: undefined, after: row }
    case 'before':
      return { before: row, after: undefined }
    case 'touched':
      return { before: undefined, after: row.slice(1), existed: row[0] === 't' }
    default: {
      const [before, after] = [row.slice(0, row.length / 2), row.slice(row.length / 2)]
      const isThere = (one: RawRow): boolean => rawKey(table, one).every((text) => text !== null)
      return {
        before: isThere(before) ? before : undefined,
        after: isThere(after) ? after : undefined,
      }
    }
  }
}

interface Before {
  readonly plan: WritePlan
  readonly pin: Pin
  readonly query: PgQuery
  readonly check: (table: Table) => void
}

/** The rows that an UPDATE will find, locked, each with its address behind it. */
async function readBefore(
  environment: AtEnvironment,
  client: PgClient,
  { pin, query, check }: Before,
): Promise<Image> {
  const values = query.values ?? []
  const { images } = await runMarked(
    client,
    { text: '', values: pin.imageParameters.map((number) => values[number - 1]) },
    `${pin.imageText}\nLIMIT ${environment.limits.maxRows + 1} ${pin.lock}`,
  )
  const image = images[0]!
  // The version comes with the UPDATE: what was there then decides.
  const described = { ...image, version: undefined, fields: image.fields.slice(0, -1) }
  await tableOf(environment, client, described, check)
  checkRowCount(environment, image.rows.length, 'UPDATE')
  return image
}

/** The rows of an UPDATE beside those that were there before it. */
function paired(table: Table, found: Image, rows: readonly TouchedRow[]): TouchedRow[] {
  const before = new Map(found.rows.map((row) => [JSON.stringify(rawKey(table, row)), row]))
  return rows.map(({ after }) => {
    const match = before.get(JSON.stringify(rawKey(table, after!)))
    assert(match !== undefined, 'an UPDATE changed a row that its image does not have')
    return { before: match, after }
  })
}

/**
 * The table that the image came from. It is another one than the name meant before when the session
 * has another search_path, and has other columns or triggers when it was altered meanwhile.
 */
async function tableOf(
  environment: AtEnvironment,
  client: PgClient,
  { fields, version }: Pick<Image, 'fields' | 'version'>,
  check: (table: Table) => void,
): Promise<Table> {
  const oid = fields[0]?.tableID ?? 0
  const known = await environment.tables.byOid(client, oid)
  const isCurrent = version === undefined || version === known.version
  if (isCurrent && matchesFields(known, fields)) {
    check(known)
    return known
  }
  environment.tables.clear()
  const fresh = await environment.tables.byOid(client, oid)
  check(fresh)
  if (!matchesFields(fresh, fields)) throw refuseAltered(fresh)
  return fresh
}

// ----------------------------------------------------------------------- what is to be undone

function changeOf({ result, touched }: Run): Change {
  return {
    result,
    undo: orderForUndo(touched.flatMap(statementsOf)).map(({ undo }) => undo),
    locked: [],
  }
}

interface Undo {
  readonly table: Table
  readonly undo: StatementUndoLog
}

/**
 * A statement as one that deletes, one that updates and one that inserts: undone from the last to
 * the first, each finds the values free that it needs.
 */
function statementsOf({ table, target, rows }: TouchedTable): readonly Undo[] {
  const deleted = rows.flatMap(({ before, after }) => (after === undefined ? [before!] : []))
  const inserted = rows.flatMap(({ before, after }) => (before === undefined ? [after!] : []))
  const updated = rows.filter(({ before, after }) => before !== undefined && after !== undefined)
  const stored = new Set(target.columns)
  const before = recordsOf(
    table,
    updated.map((row) => row.before!),
    stored,
  )
  const after = recordsOf(
    table,
    updated.map((row) => row.after!),
    stored,
  )
  if (before.rows.some((row, i) => keyOf(row) !== keyOf(after.rows[i]!))) {
    throw refuseNewKey(table, table.primaryKey[0]!.name)
  }
  const none = { tableName: table.name, rows: [] }
  const statements = [
    { sqlType: 'DELETE', beforeImage: recordsOf(table, deleted), afterImage: none },
    { sqlType: 'UPDATE', beforeImage: before, afterImage: after },
    { sqlType: 'INSERT', beforeImage: none, afterImage: recordsOf(table, inserted) },
  ] as const
  return statements
    .filter(({ beforeImage, afterImage }) => beforeImage.rows.length + afterImage.rows.length > 0)
    .map((statement) => ({ table, undo: { ...statement, tableName: table.name } }))
}

/** Rows go before those that they point at, and come back after them, whatever the text's order. */
function orderForUndo(statements: readonly Undo[]): readonly Undo[] {
  const ordered = [...statements]
  // Each round brings one more to its place; a cycle of foreign keys has none that is right.
  for (let round = 1; round < ordered.length; round++) {
    for (let i = 1; i < ordered.length; i++) {
      const [first, second] = [ordered[i - 1]!, ordered[i]!]
      const isWrong =
        (second.undo.sqlType === 'INSERT' && pointsAt(first.table, second.table)) ||
        (first.undo.sqlType === 'DELETE' && pointsAt(second.table, first.table))
      if (isWrong) ordered.splice(i - 1, 2, second, first)
    }
  }
  return ordered
}

function pointsAt(child: Table, parent: Table): boolean {
  return child.oid !== parent.oid && child.references.includes(parent.oid)
}
