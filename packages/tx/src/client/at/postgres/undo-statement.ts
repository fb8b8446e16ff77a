/**
 * Takes one statement back, if its rows are still as the statement left them.
 */
import { messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../../../errors.ts'
import type { DirtyImages, SqlWriter } from '../dirty-report.ts'
import type { Field, Row, StatementUndoLog, TableRecords, UndoValue } from '../undo/undo-log.ts'
import { toSqlText, toUndoValue } from './column-values.ts'
import { keyOf } from './image-rows.ts'
import { casts, keyCondition, unnested } from './key-condition.ts'
import { quoteIdentifier, rawText, sqlState, type PgClient } from './pg-driver.ts'
import type { Cascade, Column, Table, TableCache } from './table-meta.ts'

export interface Dirty {
  readonly error: SetteeError
  /** Those of its rows that somebody else changed. */
  readonly rows: readonly DirtyImages[]
}

/** The rows of a statement in the database, and what is needed to write them. */
export interface Target {
  readonly client: PgClient
  readonly table: Table
  /** The columns of the images. */
  readonly columns: readonly Column[]
}

/** Undoes `statement`; says what is dirty if its rows were changed by somebody else. */
export async function undoStatement(
  client: PgClient,
  tables: TableCache,
  statement: StatementUndoLog,
): Promise<Dirty | undefined> {
  const { beforeImage, afterImage } = statement
  const target = await findTarget(client, tables, statement)
  if (target === undefined) return dirty(statement, 'the table was dropped or altered')
  const { table, columns } = target
  const known = keyImage(statement)
  if (known.rows.length === 0 || (await sameRows(client, columns, beforeImage, afterImage))) {
    return undefined
  }
  const now = await readNow(target, known)
  if (!(await sameRows(client, columns, afterImage, now))) {
    if (await sameRows(client, columns, beforeImage, now)) return undefined
    const rows = await findDirtyRows(target, statement, now)
    return dirty(statement, 'its rows were changed since', rows)
  }
  const blocking = await findCascaded(client, table, statement)
  if (blocking !== undefined) {
    return dirty(statement, `rows of ${blocking} point at its rows by now`)
  }
  try {
    await reverse(client, table, columns, statement)
  } catch (error) {
    if (!isUnundoable(error)) throw error
    const reason =
      sqlState(error) === '23505' ? 'another row has taken its unique value' : messageOf(error)
    return dirty(statement, reason)
  }
  return undefined
}

/** The table of the statement with the columns of its images; undefined when one is gone. */
export async function findTarget(
  client: PgClient,
  tables: TableCache,
  statement: StatementUndoLog,
): Promise<Target | undefined> {
  const table = await findTable(client, tables, statement.tableName)
  const columns = table === undefined ? undefined : columnsOf(table, keyImage(statement))
  return table === undefined || columns === undefined ? undefined : { client, table, columns }
}

/** The image that has every row of the statement. */
export function keyImage({ sqlType, beforeImage, afterImage }: StatementUndoLog): TableRecords {
  return sqlType === 'INSERT' ? afterImage : beforeImage
}

/** One row of a statement in its three states; undefined where it does not exist. */
export interface RowStates {
  readonly before: Row | undefined
  readonly after: Row | undefined
  readonly now: Row | undefined
}

export function statesOf(statement: StatementUndoLog, now: TableRecords): readonly RowStates[] {
  const find = (image: TableRecords, key: string): Row | undefined =>
    image.rows.find((row) => keyOf(row) === key)
  return keyImage(statement).rows.map((row) => {
    const key = keyOf(row)
    const { beforeImage, afterImage } = statement
    return { before: find(beforeImage, key), after: find(afterImage, key), now: find(now, key) }
  })
}

/** Whether the row is the same in two states, also if they were printed differently. */
export async function isSameRow(
  { client, columns }: Target,
  some: Row | undefined,
  other: Row | undefined,
): Promise<boolean> {
  if (some === undefined || other === undefined) return some === other
  if (sameTexts(some, other)) return true
  return sameTexts(await reprint(client, columns, some), await reprint(client, columns, other))
}

async function findDirtyRows(
  target: Target,
  statement: StatementUndoLog,
  now: TableRecords,
): Promise<readonly DirtyImages[]> {
  const rows: DirtyImages[] = []
  for (const states of statesOf(statement, now)) {
    if (await isSameRow(target, states.now, states.after)) continue
    if (await isSameRow(target, states.now, states.before)) continue
    rows.push({ statement, tableSql: target.table.sql, ...states })
  }
  return rows
}

/** Values as literals without a type, which the column gives them. */
export const sqlWriter: SqlWriter = {
  name: quoteIdentifier,
  literal({ value }) {
    const text = toSqlText(value)
    if (text === null) return 'NULL'
    const quoted = `'${text.replaceAll("'", "''")}'`
    return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
  },
}

/**
 * Whether trying again cannot help: a constraint does not let the rows back (class 23), a value is
 * no longer one of its type (class 22), a right was taken away, or a column is always generated.
 */
export function isUnundoable(error: unknown): boolean {
  const state = sqlState(error)
  return state !== undefined && /^(2[23]...|42501|428C9)$/.test(state)
}

export function dirty(
  statement: StatementUndoLog,
  reason: string,
  rows: readonly DirtyImages[] = [],
): Dirty {
  const { sqlType, tableName } = statement
  const error = txError(
    'SETTEE_TX_DIRTY_DATA',
    `the ${sqlType} of ${tableName} cannot be undone: ${reason}; choose in the console which ` +
      'state its rows shall have, or correct them by hand and delete the row in undo_log',
    { details: { tableName, sqlType, reason } },
  )
  return { error, rows }
}

/** A name without a schema is one of `public`; a Java peer may mean its current schema by it. */
async function findTable(
  client: PgClient,
  tables: TableCache,
  name: string,
): Promise<Table | undefined> {
  const isPlain = /^("([^"]|"")+"|[^".]+)$/.test(name)
  const inPublic = isPlain ? await tables.byName(client, `public.${name}`) : undefined
  return inPublic ?? tables.byName(client, name)
}

/** The columns of the image; undefined when one of them is gone. */
function columnsOf(table: Table, image: TableRecords): readonly Column[] | undefined {
  const fields = image.rows[0]?.fields ?? []
  const columns = fields.map(({ name }) => table.columns.find((column) => column.name === name))
  return columns.every((column) => column !== undefined) ? columns : undefined
}

/** The rows with the keys of `image`, as they are now, locked. */
export async function readNow(
  { client, table, columns }: Target,
  image: TableRecords,
): Promise<TableRecords> {
  const list = columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const { rows } = await client.query({
    text: `SELECT ${list} FROM ${table.sql} WHERE ${keyCondition(table)} FOR UPDATE`,
    values: keyArrays(table, image.rows),
    rowMode: 'array',
    types: rawText,
  })
  const readRow = (row: readonly (string | null)[]): Row => ({
    fields: columns.map((column, i) => ({
      name: column.name,
      isPrimaryKey: column.isPrimaryKey,
      jdbcType: column.jdbcType,
      value: toUndoValue(column.typeName, row[i]!),
    })),
  })
  return { tableName: image.tableName, rows: (rows as (string | null)[][]).map(readRow) }
}

async function sameRows(
  client: PgClient,
  columns: readonly Column[],
  some: TableRecords,
  others: TableRecords,
): Promise<boolean> {
  if (some.rows.length !== others.rows.length) return false
  const byKey = new Map(others.rows.map((row) => [keyOf(row), row]))
  for (const row of some.rows) {
    const other = byKey.get(keyOf(row))
    if (other === undefined) return false
    if (sameTexts(row, other)) continue
    // Other peers and other settings print the same value differently, so the server compares.
    if (!sameTexts(await reprint(client, columns, row), await reprint(client, columns, other))) {
      return false
    }
  }
  return true
}

function sameTexts(some: Row, others: Row): boolean {
  return (
    some.fields.length === others.fields.length &&
    some.fields.every((field) => {
      const other = others.fields.find(({ name }) => name === field.name)
      return other !== undefined && field.value?.text === other.value?.text
    })
  )
}

/** The row with its values read and printed by the server. */
async function reprint(client: PgClient, columns: readonly Column[], row: Row): Promise<Row> {
  const list = row.fields.map(({ name }, i) => {
    const column = columns.find((one) => one.name === name)!
    return `$${i + 1}::text::${column.typeSql}`
  })
  const { rows } = await client.query({
    text: `SELECT ${list.join(', ')}`,
    values: row.fields.map(({ value }) => toSqlText(value)),
    rowMode: 'array',
    types: rawText,
  })
  const texts = (rows as (string | null)[][])[0]!
  const printed = (field: Field, i: number): UndoValue => {
    const column = columns.find((one) => one.name === field.name)!
    return toUndoValue(column.typeName, texts[i]!)
  }
  return { fields: row.fields.map((field, i) => ({ ...field, value: printed(field, i) })) }
}

/** A table whose rows would change by themselves when the inserted rows go. */
async function findCascaded(
  client: PgClient,
  table: Table,
  statement: StatementUndoLog,
): Promise<string | undefined> {
  if (statement.sqlType !== 'INSERT') return undefined
  for (const cascade of table.cascades.filter(({ onDelete }) => onDelete)) {
    const { rows } = await client.query({
      text: cascadedSql(table, cascade),
      values: keyArrays(table, statement.afterImage.rows),
    })
    if (rows.length > 0) return cascade.table
  }
  return undefined
}

function cascadedSql(table: Table, cascade: Cascade): string {
  const joined = cascade.columns
    .map((name, i) => {
      const foreign = quoteIdentifier(cascade.foreignColumns[i]!)
      return `child.${foreign} = parent.${quoteIdentifier(name)}`
    })
    .join(' AND ')
  // Rows of the same statement may point at each other.
  const others = cascade.isSelf ? ` AND NOT (${keyCondition(table, 'child.')})` : ''
  return (
    `SELECT 1 FROM ${cascade.table} AS child JOIN ${table.sql} AS parent ON ${joined} ` +
    `WHERE ${keyCondition(table, 'parent.')}${others} LIMIT 1`
  )
}

export async function reverse(
  client: PgClient,
  table: Table,
  columns: readonly Column[],
  statement: StatementUndoLog,
): Promise<void> {
  const { beforeImage, afterImage } = statement
  switch (statement.sqlType) {
    case 'INSERT':
      // One statement, so that rows that point at each other go together.
      await client.query({
        text: `DELETE FROM ${table.sql} WHERE ${keyCondition(table)}`,
        values: keyArrays(table, afterImage.rows),
      })
      return
    case 'DELETE': {
      const names = columns.map((column) => quoteIdentifier(column.name)).join(', ')
      await client.query({
        text:
          `INSERT INTO ${table.sql} (${names}) OVERRIDING SYSTEM VALUE ` +
          `SELECT ${casts(columns)} FROM ${unnested(columns)}`,
        values: arraysOf(columns, beforeImage.rows),
      })
      return
    }
    case 'UPDATE':
      // From the last row to the first: every state in between has been there before, so that a
      // unique column takes them all.
      for (const row of beforeImage.rows.toReversed()) await restoreRow(client, table, columns, row)
  }
}

async function restoreRow(
  client: PgClient,
  table: Table,
  columns: readonly Column[],
  row: Row,
): Promise<void> {
  const set = columns.filter((column) => !column.isPrimaryKey)
  const all = [...set, ...table.primaryKey]
  const assign = (column: Column, i: number): string =>
    `${quoteIdentifier(column.name)} = $${i + 1}::text::${column.typeSql}`
  await client.query({
    text:
      `UPDATE ${table.sql} SET ${set.map(assign).join(', ')} WHERE ` +
      table.primaryKey.map((column, i) => assign(column, set.length + i)).join(' AND '),
    values: all.map((column) => valueOf(row, column)),
  })
}

function keyArrays(table: Table, rows: readonly Row[]): unknown[] {
  return arraysOf(table.primaryKey, rows)
}

function arraysOf(columns: readonly Column[], rows: readonly Row[]): unknown[] {
  return columns.map((column) => rows.map((row) => valueOf(row, column)))
}

function valueOf(row: Row, column: Column): string | null {
  return toSqlText(row.fields.find(({ name }) => name === column.name)?.value ?? null)
}
