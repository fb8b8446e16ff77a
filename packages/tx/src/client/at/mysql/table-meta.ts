/**
 * What information_schema says of a table: columns, keys, and what would make its changes
 * impossible to undo. Kept for a while, because reading it takes five queries.
 *
 * A session may hide a table behind a temporary one of the same name, and a table may be altered
 * while its description is kept. {@link TableCache.check} looks for both with SHOW CREATE TABLE:
 * once in each local transaction, when the table is locked against changes of the schema.
 */
import type { Clock } from '@settee/kit'
import { refuse } from '../refuse.ts'
import { columnTypeOf, quoteName, type ColumnType } from './column-types.ts'
import type { BoundValue, MysqlSession, RawValue } from './driver/session.ts'
import { mysqlUndoLogDdl, type UndoTable } from './undo-table.ts'

export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly isPrimaryKey: boolean
  readonly isAutoIncrement: boolean
  /** Computed from other columns: cannot be written and is in no image. */
  readonly isGenerated: boolean
  readonly isInvisible: boolean
  /** Takes the time of a change by itself. */
  readonly isOnUpdate: boolean
  readonly isNullable: boolean
  /** What a row gets that names no value: a constant, NULL, or what an expression makes. */
  readonly defaultKind: 'constant' | 'null' | 'expression'
  /** Values that look different may be equal to a key: letters of either case, accents. */
  readonly isFolded: boolean
}

/** A unique index, the primary key included. */
export interface UniqueKey {
  readonly name: string
  readonly columns: readonly Column[]
  /** Over the beginning of a column or over an expression, so that values do not tell it. */
  readonly isPartial: boolean
}

/** A foreign key of another table that changes rows there by itself. */
export interface Cascade {
  /** The other table as SQL. */
  readonly table: string
  readonly foreignColumns: readonly string[]
  /** Columns of this table that it points at. */
  readonly columns: readonly string[]
  readonly isSelf: boolean
  readonly onDelete: boolean
  readonly onUpdate: boolean
}

export interface Table {
  readonly schema: string
  /** The table as SQL, with its schema, for our own statements. */
  readonly sql: string
  /** Its name in undo logs and lock keys: with the schema unless that is the resource's. */
  readonly name: string
  readonly columns: readonly Column[]
  /** In the order of the primary key's index. */
  readonly primaryKey: readonly Column[]
  readonly uniqueKeys: readonly UniqueKey[]
  readonly cascades: readonly Cascade[]
  /** Why none of its changes can be undone. */
  readonly refusal: Error | undefined
  /** SHOW CREATE TABLE, without the next number of its AUTO_INCREMENT. */
  readonly definition: string
}

export interface TableCache {
  /** The resource's own database, whose tables are named without it. */
  readonly database: string | undefined
  /** The table of a name; undefined when there is none. Without a schema: the session's. */
  byName(
    session: MysqlSession,
    name: string,
    schema: string | undefined,
  ): Promise<Table | undefined>
  /**
   * Whether the table is still what its description says, in this session.
   * @param mayCascade whether foreign keys of other tables matter, which may have come since.
   * @throws SETTEE_TX_UNSUPPORTED_SQL when it is not; the next look sees it as it is.
   */
  check(session: MysqlSession, table: Table, mayCascade: boolean): Promise<void>
  /** Forgets everything, after an error that says that the schema has changed. */
  clear(): void
}

export interface TableCacheOptions {
  /** How long a table is believed to be unchanged, in ms. */
  readonly ttlMs: number
  /** Most tables that are kept. */
  readonly maxTables: number
  /** The resource's own database, whose tables are named without it. */
  readonly database: string | undefined
  readonly undoTable: UndoTable
  readonly clock: Clock
}

export function createTableCache(options: TableCacheOptions): TableCache {
  const { clock, maxTables, ttlMs } = options
  const tables = new Map<string, { table: Table; expiresMs: number }>()

  return {
    database: options.database,
    async byName(session, name, schema) {
      const database = schema ?? (await session.state()).database
      if (database === undefined) return undefined
      const key = `${quoteName(database)}.${quoteName(name)}`
      const known = tables.get(key)
      // A refusal is not kept: what it asks for may have been done.
      const isFresh = known !== undefined && known.expiresMs > clock.monotonic()
      if (isFresh && known.table.refusal === undefined) return known.table
      const table = await loadTable(session, database, name, options)
      if (tables.size >= maxTables) tables.clear()
      if (table === undefined) tables.delete(key)
      else tables.set(key, { table, expiresMs: clock.monotonic() + ttlMs })
      return table
    },
    async check(session, table, mayCascade) {
      const definition = await readDefinition(session, table.sql)
      const { count } = await countTriggers(session, table)
      const isSame = definition === table.definition && count === 0
      if (isSame && !(mayCascade && (await hasOtherCascades(session, table)))) return
      tables.clear()
      const why =
        definition !== undefined && isTemporary(definition)
          ? 'the session has a temporary table of this name, which no other session sees'
          : 'it was altered or got a trigger or a foreign key that points at it meanwhile'
      throw refuse(`a change of ${table.name}`, why, 'try again, or use a table of another name')
    },
    clear: () => tables.clear(),
  }
}

/** Reads a table of this name, in whichever case the server keeps it. */
async function loadTable(
  session: MysqlSession,
  database: string,
  name: string,
  options: TableCacheOptions,
): Promise<Table | undefined> {
  const [found] = await query(session, tableSql, [database, name])
  if (found === undefined) return loadUnlisted(session, database, name)
  const [schema = '', tableName = '', kind = '', engine, isTransactional] = found.map(textOf)
  const keys = [schema, tableName]
  const sql = `${quoteName(schema)}.${quoteName(tableName)}`
  const what = `a change of ${schema}.${tableName}`
  const indexes = await query(session, indexSql, keys)
  const primary = indexes.filter(([index]) => textOf(index!) === 'PRIMARY')
  const primaryNames = primary.map(([, column]) => textOf(column!))
  const rows = await query(session, columnSql, keys)
  const unknown = rows.find((row) => typeOf(row) === undefined)
  const columns = rows.flatMap((row) => describeColumn(row, primaryNames) ?? [])
  const byName = new Map(columns.map((column) => [column.name, column]))
  const primaryKey = primaryNames.flatMap((column) => byName.get(column!) ?? [])
  const cascades = await loadCascades(session, schema, tableName)
  const definition = kind === 'BASE TABLE' ? await readDefinition(session, sql) : undefined
  const triggers = await countTriggers(session, { schema, bareName: tableName })
  const refusals = [
    () => refusalOfUndoLog(session, what, options),
    () => refusalOfKind(what, kind, engine ?? 'none', isTransactional === 'YES'),
    () => refusalOfDefinition(what, definition),
    () =>
      unknown === undefined
        ? undefined
        : refuse(
            what,
            `the type ${textOf(unknown[2]!)} of its column ${textOf(unknown[0]!)} is not known`,
            'change it outside of the transaction',
          ),
    () => refusalOfTrigger(what, triggers),
    () => refusalOfKey(what, primaryKey, primary),
  ]
  let refusal: Error | undefined
  for (const find of refusals) refusal ??= await find()
  const plain = plainName(tableName)
  return {
    schema,
    sql,
    name: schema === options.database ? plain : `${plainName(schema)}.${plain}`,
    columns,
    primaryKey,
    uniqueKeys: uniqueKeysOf(indexes, byName),
    cascades,
    refusal,
    definition: definition ?? '',
  }
}

/** Temporary tables are not listed. */
async function loadUnlisted(
  session: MysqlSession,
  database: string,
  name: string,
): Promise<Table | undefined> {
  const sql = `${quoteName(database)}.${quoteName(name)}`
  const definition = await readDefinition(session, sql)
  if (definition === undefined) return undefined
  return {
    schema: database,
    sql,
    name,
    columns: [],
    primaryKey: [],
    uniqueKeys: [],
    cascades: [],
    refusal: refuse(
      `a change of ${database}.${name}`,
      'a temporary table is seen by one session only',
      'use a plain table',
    ),
    definition,
  }
}

// ------------------------------------------------------------------------------------- queries

const tableSql = `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE, t.ENGINE, e.TRANSACTIONS
FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?`

const columnSql = `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME,
EXTRA, COLUMN_DEFAULT, IS_NULLABLE, GENERATION_EXPRESSION
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`

const indexSql = `SELECT INDEX_NAME, COLUMN_NAME, SUB_PART
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
ORDER BY INDEX_NAME, SEQ_IN_INDEX`

/** A key of another schema counts too. */
const cascadeSql = `SELECT k.CONSTRAINT_SCHEMA, k.CONSTRAINT_NAME, k.TABLE_NAME, k.COLUMN_NAME,
k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k
ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME
AND k.TABLE_NAME = r.TABLE_NAME
WHERE r.UNIQUE_CONSTRAINT_SCHEMA = ? AND r.REFERENCED_TABLE_NAME = ?
ORDER BY k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`

const triggerSql = `SELECT TRIGGER_NAME FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?`

async function query(
  session: MysqlSession,
  sql: string,
  values: readonly BoundValue[],
): Promise<readonly (readonly RawValue[])[]> {
  return (await session.run(sql, values)).rows
}

function textOf(value: RawValue): string | undefined {
  if (value === null) return undefined
  return typeof value === 'string' ? value : value.toString()
}

interface Triggers {
  readonly count: number
  readonly first: string | undefined
}

async function countTriggers(
  session: MysqlSession,
  table: Table | { readonly schema: string; readonly bareName: string },
): Promise<Triggers> {
  const name = 'bareName' in table ? table.bareName : bareNameOf(table)
  const rows = await query(session, triggerSql, [table.schema, name])
  return { count: rows.length, first: rows[0] === undefined ? undefined : textOf(rows[0][0]!) }
}

function bareNameOf({ schema, sql }: Table): string {
  return sql.slice(quoteName(schema).length + 2, -1).replaceAll('``', '`')
}

/** Undefined when there is no such table. */
async function readDefinition(session: MysqlSession, sql: string): Promise<string | undefined> {
  try {
    const [row] = await query(session, `SHOW CREATE TABLE ${sql}`, [])
    return textOf(row?.[1] ?? null)?.replace(/ AUTO_INCREMENT=\d+/, '')
  } catch (error) {
    if (errnoOf(error) === noSuchTable) return undefined
    throw error
  }
}

const noSuchTable = 1146

/** The server's number of an error. */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error)) return undefined
  return typeof error.errno === 'number' && error.errno > 0 ? error.errno : undefined
}

function isTemporary(definition: string): boolean {
  return definition.startsWith('CREATE TEMPORARY')
}

async function loadCascades(
  session: MysqlSession,
  schema: string,
  name: string,
): Promise<readonly Cascade[]> {
  const keys = new Map<string, Cascade & { foreignColumns: string[]; columns: string[] }>()
  for (const row of await query(session, cascadeSql, [schema, name])) {
    const [childSchema = '', constraint, child = '', column = '', target = '', ...rules] =
      row.map(textOf)
    const [onDelete, onUpdate] = rules.map((rule) => /^(CASCADE|SET )/.test(rule ?? ''))
    if (onDelete !== true && onUpdate !== true) continue
    const id = JSON.stringify([childSchema, child, constraint])
    let key = keys.get(id)
    if (key === undefined) {
      key = {
        table: `${quoteName(childSchema)}.${quoteName(child)}`,
        foreignColumns: [],
        columns: [],
        isSelf: childSchema === schema && child === name,
        onDelete: onDelete === true,
        onUpdate: onUpdate === true,
      }
      keys.set(id, key)
    }
    key.foreignColumns.push(column)
    key.columns.push(target)
  }
  return [...keys.values()]
}

/** Keys of other tables are not in SHOW CREATE TABLE. */
async function hasOtherCascades(session: MysqlSession, table: Table): Promise<boolean> {
  const now = await loadCascades(session, table.schema, bareNameOf(table))
  return JSON.stringify(now) !== JSON.stringify(table.cascades)
}

// --------------------------------------------------------------------------------- description

function typeOf(row: readonly RawValue[]): ColumnType | undefined {
  const [, typeName = '', typeSql = '', charset] = row.map(textOf)
  return columnTypeOf(typeName, typeSql, charset)
}

function describeColumn(
  row: readonly RawValue[],
  primaryKey: readonly (string | undefined)[],
): Column | undefined {
  const type = typeOf(row)
  if (type === undefined) return undefined
  const [name = '', , , , collation = '', extra = '', standard, nullable, computed] =
    row.map(textOf)
  const isPlainDefault = standard === undefined || standard === 'NULL'
  // MariaDB prints constants as SQL, MySQL as they are and says DEFAULT_GENERATED of the rest.
  const isExpression =
    /DEFAULT_GENERATED/i.test(extra) ||
    /^[a-z_`]\w*`?\s*\(|^nextval|^current_/i.test(standard ?? '')
  return {
    name,
    type,
    isPrimaryKey: primaryKey.includes(name),
    isAutoIncrement: /auto_increment/i.test(extra),
    isGenerated:
      /GENERATED/i.test(extra.replace(/DEFAULT_GENERATED/i, '')) || (computed ?? '') !== '',
    isInvisible: /INVISIBLE/i.test(extra),
    isOnUpdate: /on update/i.test(extra),
    isNullable: nullable === 'YES',
    defaultKind: isPlainDefault ? 'null' : isExpression ? 'expression' : 'constant',
    isFolded: type.charset !== undefined && !/_(bin|cs)$/.test(collation),
  }
}

function uniqueKeysOf(
  rows: readonly (readonly RawValue[])[],
  columns: ReadonlyMap<string, Column>,
): readonly UniqueKey[] {
  const keys = new Map<string, { columns: Column[]; isPartial: boolean }>()
  for (const row of rows) {
    const [index = '', columnName, part] = row.map(textOf)
    let key = keys.get(index)
    if (key === undefined) keys.set(index, (key = { columns: [], isPartial: false }))
    const column = columnName === undefined ? undefined : columns.get(columnName)
    if (column === undefined || column.isGenerated || part !== undefined) key.isPartial = true
    if (column !== undefined) key.columns.push(column)
  }
  return Array.from(keys, ([name, key]) => ({ name, ...key }))
}

/** An identifier as people write it: in quotes only when it needs them. */
function plainName(name: string): string {
  return /^[A-Za-z_][\w$]*$/.test(name) ? name : quoteName(name)
}

// ------------------------------------------------------------------------------------ refusals

const outside = 'change it outside of the transaction'

async function refusalOfUndoLog(
  session: MysqlSession,
  what: string,
  { undoTable }: TableCacheOptions,
): Promise<Error | undefined> {
  if (await undoTable.exists(session)) return undefined
  const ddl = mysqlUndoLogDdl(undoTable.name)
  return refuse(what, `the table ${undoTable.name} does not exist`, `create it with:\n${ddl}`)
}

function refusalOfKind(
  what: string,
  kind: string,
  engine: string,
  isTransactional: boolean,
): Error | undefined {
  if (/VIEW/.test(kind)) return refuse(what, 'it is a view', 'change the tables behind it')
  if (kind === 'SEQUENCE') return refuse(what, 'it is a sequence', outside)
  if (kind === 'SYSTEM VERSIONED') {
    return refuse(what, 'its history would keep what was undone', 'use a table without versions')
  }
  if (kind !== 'BASE TABLE') return refuse(what, `it is a ${kind}`, outside)
  if (isTransactional) return undefined
  const reason = `its engine ${engine} has no transactions, so that it cannot be rolled back`
  return refuse(what, reason, 'convert it to InnoDB')
}

function refusalOfDefinition(what: string, definition: string | undefined): Error | undefined {
  if (definition === undefined) {
    return refuse(what, 'SHOW CREATE TABLE does not find it', 'try again')
  }
  if (!isTemporary(definition)) return undefined
  return refuse(what, 'a temporary table is seen by one session only', 'use a plain table')
}

function refusalOfTrigger(what: string, { first }: Triggers): Error | undefined {
  if (first === undefined) return undefined
  const reason = `its trigger ${first} would run for the undo too`
  return refuse(what, reason, 'do the work of the trigger in the application')
}

function refusalOfKey(
  what: string,
  primaryKey: readonly Column[],
  indexRows: readonly (readonly RawValue[])[],
): Error | undefined {
  if (indexRows.length === 0 || primaryKey.length < indexRows.length) {
    return refuse(what, 'it has no primary key to find its rows by', 'add a primary key')
  }
  const computed = primaryKey.find(({ isGenerated }) => isGenerated)
  if (computed !== undefined) {
    const reason = `its primary key ${computed.name} is computed from other columns`
    return refuse(what, reason, 'make the primary key a plain column')
  }
  const prefix = indexRows.find(([, , part]) => part !== null)
  if (prefix !== undefined) {
    const reason = `its primary key has only the beginning of ${textOf(prefix[1]!)}`
    return refuse(what, reason, 'let the key have the whole column')
  }
  const loose = primaryKey.find(({ type }) => type.kind === 'float' || type.kind === 'double')
  if (loose !== undefined) {
    const reason = `its primary key ${loose.name} is a floating-point number`
    return refuse(what, reason, 'give the key a DECIMAL or an integer type')
  }
  if (primaryKey[0]!.type.kind !== 'timestamp') return undefined
  const reason = `its primary key begins with the TIMESTAMP ${primaryKey[0]!.name}`
  return refuse(what, reason, 'give the key a DATETIME, or another column first')
}
