/**
 * Images in a statement's answer: the rows as the server printed them, behind marks, parted from
 * the caller's own columns; and the records that an undo log keeps of them.
 */
import type { Field, Row, UndoValue } from '../undo/undo-log.ts'
import { toUndoValue } from './column-values.ts'
import type { KeyedRecords } from './lock-keys.ts'
import { rawText, type PgClient, type PgField, type PgQuery, type PgResult } from './pg-driver.ts'
import { markName } from './returning.ts'
import { refuse } from '../refuse.ts'
import { keyText, type Column, type Table } from './table-meta.ts'

/** The texts of a row's columns. */
export type RawRow = readonly (string | null)[]

export interface Image {
  /** {@link Table.version} when the statement ran; undefined without rows. */
  readonly version: string | undefined
  readonly fields: readonly PgField[]
  readonly rows: readonly RawRow[]
}

/** Runs `text` instead of the query's own, for its answer as texts. */
export async function runRaw(client: PgClient, query: PgQuery, text: string): Promise<PgResult> {
  // Only these properties: a name would clash with the same statement outside of the transaction.
  const result = await client.query({
    text,
    values: query.values === undefined || query.values.length === 0 ? undefined : query.values,
    rowMode: 'array',
    types: rawText,
  })
  if (result.fields.some((field) => field.format === 'binary')) {
    throw refuse('a change', 'the connection asks for binary results', 'set binary: false')
  }
  return result
}

/** Runs `text` and parts its answer into the caller's columns and the images behind the marks. */
export async function runMarked(
  client: PgClient,
  query: PgQuery,
  text: string,
): Promise<{ result: PgResult; images: readonly Image[] }> {
  const result = await runRaw(client, query, text)
  const { fields } = result
  const rows = result.rows as RawRow[]
  const marks = fields.flatMap((field, i) => (field.name === markName ? [i] : []))
  const images = marks.map((mark, i) => {
    const end = marks[i + 1] ?? fields.length
    return {
      version: checkVersion(rows[0]?.[mark]),
      fields: fields.slice(mark + 1, end),
      rows: rows.map((row) => row.slice(mark + 1, end)),
    }
  })
  return { result: answerOf(client, query, result, marks[0] ?? fields.length), images }
}

/** Refuses what the session printed with loss. */
export function checkVersion(version: string | null | undefined): string | undefined {
  if (version !== null) return version
  throw refuse(
    'a change',
    'the session prints dates, intervals or floats in a form that loses digits or order',
    "SET DateStyle = 'ISO', IntervalStyle = 'postgres', extra_float_digits = 1",
  )
}

/** The answer's first `count` columns, its rows parsed as the caller wants them. */
export function answerOf(
  client: PgClient,
  query: PgQuery,
  result: PgResult,
  count: number,
): PgResult {
  const types = query.types ?? client
  const fields = result.fields.slice(0, count)
  const parsers = fields.map((field) => types.getTypeParser(field.dataTypeID, 'text'))
  const isArray = query.rowMode === 'array'
  const parsed = (row: RawRow): unknown[] =>
    parsers.map((parse, i) => (row[i] === null ? null : parse(row[i]!)))
  const rows = (result.rows as RawRow[]).map((row) => {
    const cells = parsed(row)
    return isArray ? cells : Object.fromEntries(fields.map((field, i) => [field.name, cells[i]]))
  })
  return Object.assign(result, { fields, rows: count === 0 ? [] : rows, rowAsArray: isArray })
}

/** Rows as records: the columns that can be written, of an UPDATE only those in `stored`. */
export function recordsOf(
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

/** The texts of the primary key, in its order; NULL where there is no row. */
export function rawKey(table: Table, row: RawRow): readonly (string | null)[] {
  return table.primaryKey.map((column) => row[table.columns.indexOf(column)]!)
}

/**
 * The columns of a row that the server printed as a composite value: `(1,"a ""b""",)`. A column
 * that is NULL has no characters at all.
 */
export function parseRecord(text: string): RawRow {
  const cells: (string | null)[] = []
  for (let at = 1; at < text.length; at++) {
    let cell = ''
    let isNull = true
    let isQuoted = false
    for (; isQuoted || (text[at] !== ',' && text[at] !== ')'); at++) {
      isNull = false
      if (text[at] === '"' && isQuoted && text[at + 1] === '"') cell += text[at++]
      else if (text[at] === '"') isQuoted = !isQuoted
      else if (text[at] === '\\') cell += text[++at]
      else cell += text[at]
    }
    cells.push(isNull ? null : cell)
  }
  return cells
}
