/**
 * Runs a statement and keeps what it changed: the rows before and after it, as the server printed
 * them. The image travels in the statement's own answer (RETURNING), behind a mark; the caller gets
 * the answer that the statement alone would have had.
 */
import { assert } from '@settee/kit'
import type { Field, Row, StatementUndoLog, UndoValue } from '../undo/undo-log.ts'
import {
  markName,
  type InsertOrDeletePlan,
  referenceOf,
  type LockPlan,
  type UpdatePlan,
} from './analyze-sql.ts'
import { toUndoValue } from './column-values.ts'
import type { AtEnvironment } from './environment.ts'
import type { KeyedRecords } from './lock-keys.ts'
import { rawText, type PgClient, type PgField, type PgQuery, type PgResult } from './pg-driver.ts'
import { refuse } from './statement-kinds.ts'
import { keyText, matchesFields, type Column, type Table } from './table-meta.ts'

export type ChangePlan = InsertOrDeletePlan | UpdatePlan | LockPlan

export interface Change {
  readonly result: PgResult
  /** Undefined when no row was changed, and for SELECT … FOR UPDATE. */
  readonly undo?: StatementUndoLog
  /** The rows that SELECT … FOR UPDATE returned. */
  readonly locked?: KeyedRecords
}

/** A change that may be made: nothing has been sent but a look at the catalog. */
export type PreparedChange = () => Promise<Change>

type RawRow = readonly (string | null)[]

interface Image {
  /** {@link Table.version} when the statement ran; undefined without rows. */
  readonly version: string | undefined
  readonly fields: readonly PgField[]
  readonly rows: readonly RawRow[]
}

/**
 * Looks whether the table's changes can be undone.
 * @throws SETTEE_TX_UNSUPPORTED_SQL when they cannot; nothing has run then.
 */
export async function prepareChange(
  environment: AtEnvironment,
  client: PgClient,
  plan: ChangePlan,
  query: PgQuery,
): Promise<PreparedChange> {
  const table = await environment.tables.byName(client, referenceOf(plan.relation))
  if (table === undefined) return () => runUnknown(client, plan, query)
  await environment.functions.check(client, plan.calls)
  checkUndoable(table, plan)
  return () => {
    if (plan.kind === 'UPDATE') return runUpdate(environment, client, plan, query)
    return runReturning(environment, client, plan, query)
  }
}

/** A table that does not exist is the server's to complain about. */
async function runUnknown(client: PgClient, plan: ChangePlan, query: PgQuery): Promise<never> {
  await client.query(query)
  throw refuse(`${plan.kind} of ${plan.relation.name}`, 'it is no known table', 'name a table')
}

async function runReturning(
  environment: AtEnvironment,
  client: PgClient,
  plan: InsertOrDeletePlan | LockPlan,
  query: PgQuery,
): Promise<Change> {
  const { result, image } = await runMarked(client, query, plan.text)
  const table = await tableOf(environment, client, plan, image)
  checkRowCount(environment, image.rows.length, plan.kind)
  const records = recordsOf(table, image.rows)
  const isKept = plan.kind === 'LOCK'
  if (records.rows.length === 0) return { result }
  if (isKept) return { result, locked: records }
  const none = { tableName: table.name, rows: [] }
  const isInsert = plan.kind === 'INSERT'
  const undo = {
    sqlType: plan.kind,
    tableName: table.name,
    beforeImage: isInsert ? none : records,
    afterImage: isInsert ? records : none,
  }
  return { result, undo }
}

async function runUpdate(
  environment: AtEnvironment,
  client: PgClient,
  plan: UpdatePlan,
  query: PgQuery,
): Promise<Change> {
  const values = query.values ?? []
  // The lock is the one that the UPDATE itself takes, so that foreign keys to the row go on.
  const limit = `LIMIT ${environment.limits.maxRows + 1} FOR NO KEY UPDATE`
  const found = await runMarked(
    client,
    { text: '', values: plan.imageParameters.map((number) => values[number - 1]) },
    `${plan.imageText}\n${limit}`,
  )
  // The version comes with the UPDATE: what was there then decides.
  const fields = found.image.fields.slice(0, -1)
  await tableOf(environment, client, plan, { ...found.image, version: undefined, fields })
  checkRowCount(environment, found.image.rows.length, plan.kind)
  const pinned = found.image.rows.map((row) => row.at(-1))
  const { result, image } = await runMarked(
    client,
    { ...query, values: [...values, pinned] },
    plan.text,
  )
  if (image.rows.length === 0) return { result }

  const table = await tableOf(environment, client, plan, image)
  const stored = new Set(plan.columns)
  const after = recordsOf(table, image.rows, stored)
  const beforeByKey = new Map(
    recordsOf(table, found.image.rows, stored).rows.map((row) => [keyOf(row), row]),
  )
  const before = after.rows.map((row) => {
    const match = beforeByKey.get(keyOf(row))
    assert(match !== undefined, 'an UPDATE changed a row that its image does not have')
    return match
  })
  const undo = {
    sqlType: plan.kind,
    tableName: table.name,
    beforeImage: { tableName: table.name, rows: before },
    afterImage: after,
  }
  return { result, undo }
}

/** Runs `text` and parts its answer into the caller's columns and the image behind the mark. */
async function runMarked(
  client: PgClient,
  query: PgQuery,
  text: string,
): Promise<{ result: PgResult; image: Image }> {
  // Only these properties: a name would clash with the same statement outside of the transaction.
  const result = await client.query({
    text,
    values: query.values === undefined || query.values.length === 0 ? undefined : query.values,
    rowMode: 'array',
    types: rawText,
  })
  const { fields } = result
  const rows = result.rows as RawRow[]
  const mark = fields.findLastIndex((field) => field.name === markName)
  if (fields.some((field) => field.format === 'binary')) {
    throw refuse('a change', 'the connection asks for binary results', 'set binary: false')
  }
  const version = rows[0]?.[mark]
  if (version === null) {
    throw refuse(
      'a change',
      'the session prints dates, intervals or floats in a form that loses digits or order',
      "SET DateStyle = 'ISO', IntervalStyle = 'postgres', extra_float_digits = 1",
    )
  }
  const image = {
    version,
    fields: fields.slice(mark + 1),
    rows: rows.map((row) => row.slice(mark + 1)),
  }
  return { result: answerOf(client, query, result, mark), image }
}

/** The answer without the image, its rows parsed as the caller wants them. */
function answerOf(client: PgClient, query: PgQuery, result: PgResult, mark: number): PgResult {
  const types = query.types ?? client
  const fields = result.fields.slice(0, mark)
  const parsers = fields.map((field) => types.getTypeParser(field.dataTypeID, 'text'))
  const isArray = query.rowMode === 'array'
  const parsed = (row: RawRow): unknown[] =>
    parsers.map((parse, i) => (row[i] === null ? null : parse(row[i]!)))
  const rows = (result.rows as RawRow[]).map((row) => {
    const cells = parsed(row)
    return isArray ? cells : Object.fromEntries(fields.map((field, i) => [field.name, cells[i]]))
  })
  return Object.assign(result, { fields, rows: mark === 0 ? [] : rows, rowAsArray: isArray })
}

/**
 * The table that the image came from. It is another one than the name meant before when the session
 * has another search_path, and has other columns or triggers when it was altered meanwhile.
 */
async function tableOf(
  environment: AtEnvironment,
  client: PgClient,
  plan: ChangePlan,
  { fields, version }: Image,
): Promise<Table> {
  const oid = fields[0]?.tableID ?? 0
  const known = await environment.tables.byOid(client, oid)
  const isCurrent = version === undefined || version === known.version
  if (isCurrent && matchesFields(known, fields)) {
    checkUndoable(known, plan)
    return known
  }
  environment.tables.clear()
  const fresh = await environment.tables.byOid(client, oid)
  checkUndoable(fresh, plan)
  if (!matchesFields(fresh, fields)) {
    throw refuse(`a change of ${fresh.name}`, 'the table was altered meanwhile', 'try again')
  }
  return fresh
}

function checkUndoable(table: Table, plan: ChangePlan): void {
  if (table.refusal !== undefined) throw table.refusal
  if (plan.kind === 'DELETE' && table.cascades.some((cascade) => cascade.onDelete)) {
    throw refuse(
      `DELETE FROM ${table.name}`,
      `a foreign key of ${table.cascades[0]!.table} changes rows there by itself`,
      'delete those rows first and let the key be ON DELETE NO ACTION',
    )
  }
  if (plan.kind !== 'UPDATE') return
  const keyColumn = table.primaryKey.find((column) => plan.columns.includes(column.name))
  if (keyColumn !== undefined) {
    throw refuse(
      `UPDATE ${table.name} SET ${keyColumn.name}`,
      'the row cannot be found again when its primary key changes',
      'insert a new row and delete the old one',
    )
  }
  const numbered = table.columns.find(
    ({ name, isAlwaysIdentity }) => isAlwaysIdentity && plan.columns.includes(name),
  )
  if (numbered !== undefined) {
    throw refuse(
      `UPDATE ${table.name} SET ${numbered.name}`,
      'it is GENERATED ALWAYS, so that its number cannot be restored',
      'make it GENERATED BY DEFAULT or leave it as it is',
    )
  }
  const cascade = table.cascades.find(
    ({ onUpdate, columns }) => onUpdate && columns.some((name) => plan.columns.includes(name)),
  )
  if (cascade !== undefined) {
    throw refuse(
      `UPDATE ${table.name}`,
      `a foreign key of ${cascade.table} changes rows there by itself`,
      'let the key be ON UPDATE NO ACTION',
    )
  }
}

function checkRowCount({ limits }: AtEnvironment, count: number, kind: string): void {
  if (count <= limits.maxRows) return
  throw refuse(
    `${kind} of more than ${limits.maxRows} rows`,
    'each row is kept and locked until the transaction ends',
    'change fewer rows at a time or raise maxRows',
  )
}

/** Image rows as records: the columns that can be written, of an UPDATE only those in `stored`. */
function recordsOf(
  table: Table,
  rows: readonly RawRow[],
  stored?: ReadonlySet<string>,
): KeyedRecords {
  const columns = table.columns.flatMap((column, i) => {
    const isKept = column.isPrimaryKey || stored === undefined || stored.has(column.name)
    return column.isGenerated || !isKept ? [] : [{ column, i }]
  })
  return {
    tableName: table.name,
    rows: rows.map((row) => {
      const fields = columns.map(({ column, i }) => ({
        name: column.name,
        isPrimaryKey: column.isPrimaryKey,
        jdbcType: column.jdbcType,
        value: toUndoValue(column.typeName, row[i]!),
      }))
      return { fields, lockKey: lockKeyOf(columns, fields) }
    }),
  }
}

function lockKeyOf(
  columns: readonly { readonly column: Column }[],
  fields: readonly Field[],
): readonly string[] {
  return fields.flatMap(({ isPrimaryKey, value }, i) =>
    isPrimaryKey ? [keyText(columns[i]!.column, value?.text ?? '')] : [],
  )
}

/** A peer may have written a number of the same value in another form. */
function comparable(value: UndoValue): string | undefined {
  if (value?.javaType !== 'java.math.BigDecimal') return value?.text
  return value.text.includes('.') ? value.text.replace(/\.?0+$/, '') : value.text
}

/** A row's primary key as one string, the same for its images before and after. */
export function keyOf(row: Row): string {
  return JSON.stringify(
    row.fields.filter((field) => field.isPrimaryKey).map(({ value }) => comparable(value)),
  )
}
