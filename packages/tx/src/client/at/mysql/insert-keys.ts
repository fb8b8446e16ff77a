/**
 * Which rows an INSERT or REPLACE is going to meet or to make, by the values of its unique keys.
 * Values that are computed, such as UUID(), are computed before, and the statement then inserts
 * what they were.
 */
import { refuse } from '../refuse.ts'
import { quoteName, textLiteral } from './column-types.ts'
import type { RawValue } from './driver/session.ts'
import { runOwn, type Execution } from './execution.ts'
import type { InsertPlan, InsertValue } from './plan.ts'
import { join, SessionVariable, type Fragment, type OwnValue } from './sql-fragment.ts'
import type { Column, Table, UniqueKey } from './table-meta.ts'

/** A value of a key: SQL, the next number of the table, NULL, or not to be known. */
export type KeyValue =
  | { readonly kind: 'sql'; readonly sql: Fragment }
  | { readonly kind: 'auto' | 'null' | 'unknown' }

export interface InsertRow {
  valueOf(column: Column): KeyValue
}

export interface InsertRows {
  readonly rows: readonly InsertRow[]
  /** The statement, computed values in place of their expressions. */
  readonly text: Fragment
}

/** The condition that a row has the values of `key`; undefined when it is certain to have none. */
export function keyMatch(key: UniqueKey, row: InsertRow): Fragment | undefined {
  const parts: Fragment[] = []
  for (const column of key.columns) {
    const value = row.valueOf(column)
    if (value.kind === 'unknown') throw refuseUnknown(column)
    if (value.kind !== 'sql') return undefined
    parts.push(join(`${quoteName(column.name)} =`, value.sql))
  }
  return ['(', ...parts.flatMap((part, i) => (i === 0 ? part : [' AND ', ...part])), ')']
}

function refuseUnknown({ name }: Column): Error {
  return refuse(
    'an INSERT',
    `the value of its key ${name} is not known before it runs`,
    'give the value itself',
  )
}

/** The rows of a statement with VALUES or SET. */
export async function valueRows(
  execution: Execution,
  plan: InsertPlan,
  table: Table,
  keys: readonly UniqueKey[],
): Promise<InsertRows> {
  if (plan.source.kind !== 'rows') return { rows: [], text: plan.text }
  const keyColumns = new Set(keys.flatMap(({ columns }) => columns))
  const names = columnNames(plan, table)
  const computed = new Map<InsertValue, Fragment>()
  const wanted: { readonly value: InsertValue; readonly column: Column }[] = []
  for (const values of plan.source.rows) {
    for (const column of keyColumns) {
      const value = values[indexOf(names, column)]
      if (value?.kind === 'expression' && !value.namesColumns) wanted.push({ value, column })
    }
  }
  const literals = await computeValues(execution, wanted)
  const replaced = new Map<InsertValue, Fragment>()
  for (const [i, { value }] of wanted.entries()) {
    replaced.set(value, [variableOf(i)])
    computed.set(value, literals[i]!)
  }
  const mustBeExact = plan.isReplace || plan.onDuplicate !== undefined
  const rows = plan.source.rows.map((values) => ({
    valueOf: (column: Column): KeyValue => {
      const value = values[indexOf(names, column)]
      if (value === undefined) return defaultOf(column)
      const key = describeValue(execution, column, value, computed)
      const isExact = key.kind !== 'sql' || !mustBeExact || isStoredAsIs(column, key.sql)
      return isExact ? key : { kind: 'unknown' }
    },
  }))
  return { rows, text: replaced.size === 0 ? plan.text : plan.rewrite(replaced) }
}

/** The columns that the values belong to, in lower case. */
function columnNames({ columns }: InsertPlan, table: Table): readonly string[] {
  const names =
    columns ?? table.columns.filter(({ isInvisible }) => !isInvisible).map(({ name }) => name)
  return names.map((name) => name.toLowerCase())
}

function indexOf(names: readonly string[], { name }: Column): number {
  return names.indexOf(name.toLowerCase())
}

/** What a column gets that is not named. */
function defaultOf(column: Column): KeyValue {
  if (column.isAutoIncrement) return { kind: 'auto' }
  switch (column.defaultKind) {
    case 'constant':
      return { kind: 'sql', sql: [`DEFAULT(${quoteName(column.name)})`] }
    case 'null':
      return { kind: column.isNullable ? 'null' : 'unknown' }
    case 'expression':
      return { kind: 'unknown' }
  }
}

function describeValue(
  execution: Execution,
  column: Column,
  value: InsertValue,
  computed: ReadonlyMap<InsertValue, Fragment>,
): KeyValue {
  const { values } = execution
  switch (value.kind) {
    case 'default':
      return defaultOf(column)
    case 'null':
      return nullOf(column)
    case 'expression': {
      const sql = computed.get(value)
      if (sql === undefined) return { kind: 'unknown' }
      return sql.length === 0 ? nullOf(column) : { kind: 'sql', sql }
    }
    case 'constant': {
      const bound = value.parameter === undefined ? undefined : values[value.parameter]
      if (value.parameter !== undefined && (bound === null || bound === undefined)) {
        return nullOf(column)
      }
      const sql =
        value.parameter === undefined
          ? constantOf(column, value.text)
          : [boundLiteral(column, bound)]
      return isNextNumber(execution, column, sql) ? { kind: 'auto' } : { kind: 'sql', sql }
    }
  }
}

function nullOf(column: Column): KeyValue {
  if (column.isAutoIncrement) return { kind: 'auto' }
  return { kind: column.isNullable ? 'null' : 'unknown' }
}

/**
 * Whether a column stores a value as it is written, so that a comparison finds the row that a key
 * would meet: 1.4 is stored as 1, and 2 in an ENUM as the second of its members. Dates, decimals
 * and texts that are cut off are told by the row that is not found afterwards.
 */
function isStoredAsIs({ isAutoIncrement, type }: Column, sql: Fragment): boolean {
  const [text] = sql
  if (sql.length !== 1 || typeof text !== 'string' || text.startsWith('@')) return true
  const isNumber = /^(['"]?)[-+]?\d+(\.\d*)?\1$/.test(text)
  const isText = /^(?:n|_\w+ ?(?:[xX](?='))?)?['"]/i.test(text)
  switch (type.kind) {
    case 'integer':
      if (/^(true|false)$/i.test(text)) return !isAutoIncrement
      return /^(['"]?)-?\d+\1$/.test(text) && !(isAutoIncrement && /-0+['"]?$/.test(text))
    case 'enum':
      return isText && !isNumber
    case 'set':
      return isText && !isNumber && !text.includes(',')
    case 'text':
      return type.charset === undefined || isText
    default:
      return true
  }
}

/** Zero stands for the next number, unless the session says otherwise. */
function isNextNumber({ state }: Execution, column: Column, sql: Fragment): boolean {
  if (!column.isAutoIncrement || state.sqlMode.includes('NO_AUTO_VALUE_ON_ZERO')) return false
  return sql.length === 1 && typeof sql[0] === 'string' && /^['"]?0+(\.0*)?['"]?$/.test(sql[0])
}

/** A number for a text, as the server prints it. */
const plainNumber = /^(?!-0+(\.0+)?$)-?(0|[1-9]\d*)(\.\d+)?$/

/** A number for a text is compared as a text: else '1' and '01' would be one. */
function constantOf({ type }: Column, text: Fragment): Fragment {
  const [first] = text
  const isNumber = text.length === 1 && typeof first === 'string' && plainNumber.test(first)
  return isNumber && type.charset !== undefined ? [`'${first}'`] : text
}

/** A value of the call as the column would store it. */
function boundLiteral({ type }: Column, value: OwnValue): string {
  if (value instanceof SessionVariable) return value.sql
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex')}'`
  const text = typeof value === 'boolean' ? String(Number(value)) : String(value)
  return keyLiteral(type.kind, text)
}

function keyLiteral(kind: Column['type']['kind'], text: string): string {
  const isNumeric = kind === 'integer' || kind === 'decimal' || kind === 'bit'
  if (isNumeric && /^-?\d+(\.\d+)?$/.test(text)) return text
  if (kind === 'bytes') return `X'${Buffer.from(text).toString('hex')}'`
  return textLiteral(text)
}

function variableOf(i: number): string {
  return `@settee_key_${i}`
}

/** The values as SQL; empty ones are NULL. */
async function computeValues(
  execution: Execution,
  wanted: readonly { readonly value: InsertValue; readonly column: Column }[],
): Promise<readonly Fragment[]> {
  if (wanted.length === 0) return []
  const variables = wanted.map((_, i) => variableOf(i))
  const list = wanted.flatMap(({ value }, i) => (i === 0 ? value.text : [', ', ...value.text]))
  await runOwn(execution, ['SELECT ', ...list, ` INTO ${variables.join(', ')}`])
  const columns = wanted.map(({ column }, i) => probeColumn(column, variables[i]!))
  const { rows } = await runOwn(execution, [`SELECT ${columns.join(', ')}`])
  return wanted.map(({ column }, i) => rawLiteral(column, rows[0]![i]!))
}

/** How a value for a column is read before it is stored there. */
function probeColumn({ type }: Column, sql: string): string {
  if (type.charset !== undefined) return `CAST(CONVERT(${sql} USING utf8mb4) AS BINARY)`
  return type.kind === 'bit' ? `(${sql} + 0)` : sql
}

/** What {@link probeColumn} gave, as SQL; empty for NULL. */
function rawLiteral({ type }: Column, raw: RawValue): Fragment {
  if (raw === null) return []
  if (typeof raw === 'string') return [keyLiteral(type.kind, raw)]
  return [
    type.charset === undefined ? `X'${raw.toString('hex')}'` : keyLiteral('text', raw.toString()),
  ]
}

/** The rows of a statement with a query, as far as its keys go. */
export async function queryRows(
  execution: Execution,
  plan: InsertPlan,
  table: Table,
  keys: readonly UniqueKey[],
): Promise<InsertRows> {
  if (plan.source.kind !== 'query') return { rows: [], text: plan.text }
  const names = columnNames(plan, table)
  const columns = [...new Set(keys.flatMap((key) => key.columns))]
  const given = columns.filter((column) => indexOf(names, column) !== -1)
  const { maxRows } = execution.environment.limits
  const aliases = names.map((_, i) => `c${i}`)
  const list = given.map((column) => probeColumn(column, aliases[indexOf(names, column)]!))
  const { rows } = await runOwn(
    execution,
    join(
      `WITH settee_rows (${aliases.join(', ')}) AS (`,
      plan.source.query,
      `) SELECT ${list.length === 0 ? '1' : list.join(', ')} FROM settee_rows LIMIT ${maxRows + 1}`,
    ),
  )
  return {
    text: plan.text,
    rows: rows.map((raw) => ({
      valueOf: (column: Column): KeyValue => {
        const place = given.indexOf(column)
        if (place === -1) return defaultOf(column)
        const sql = rawLiteral(column, raw[place]!)
        if (sql.length === 0) return nullOf(column)
        return isNextNumber(execution, column, sql) ? { kind: 'auto' } : { kind: 'sql', sql }
      },
    })),
  }
}
