/**
 * What the SQLite mode needs to know about a table, read from the schema itself.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { SqliteValue } from './sqlite-value.ts'

export interface TableSchema {
  readonly name: string
  readonly kind: 'table' | 'view' | 'virtual' | 'shadow'
  /** Columns that are stored, without generated ones: those of a changeset. */
  readonly columns: readonly string[]
  /** Primary-key columns in the order of the table. */
  readonly keyColumns: readonly string[]
  /** Key columns that may hold NULL: SQLite allows it unless the key is INTEGER or NOT NULL. */
  readonly nullableKeyColumns: readonly string[]
  /** Why SQLite's session extension cannot follow the rows by their key, if it cannot. */
  readonly keyProblem: string | undefined
  /** A name under which the hidden rowid can be read and written, if the rows have one. */
  readonly rowidName: string | undefined
}

/** One foreign key, from the columns of `child` to those of `parent`. */
export interface ForeignKey {
  readonly child: string
  readonly childColumns: readonly string[]
  readonly parent: string
  readonly parentColumns: readonly string[]
}

type SchemaRow = Readonly<Record<string, SqliteValue>>

/** Reads a table of the main database; undefined when there is none. Names ignore case. */
export function readTableSchema(database: DatabaseSync, name: string): TableSchema | undefined {
  const listed = rowsOf(
    database,
    `SELECT name, type, wr, strict FROM pragma_table_list
     WHERE schema = 'main' AND lower(name) = lower($1)`,
    name,
  )[0]
  if (listed === undefined) return undefined
  const columns = rowsOf(
    database,
    `SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo($1) ORDER BY cid`,
    name,
  )
  const stored = columns.filter((column) => column['hidden'] === 0)
  const key = stored.filter((column) => column['pk'] !== 0)
  const hasRowid = listed['wr'] === 0
  // A key without an index of its own is an INTEGER PRIMARY KEY: the rowid, never NULL.
  const keyIndex = rowsOf(
    database,
    `SELECT name FROM pragma_index_list($1) WHERE origin = 'pk'`,
    name,
  )[0]
  const collations =
    keyIndex &&
    rowsOf(database, `SELECT coll FROM pragma_index_xinfo($1) WHERE key = 1`, nameIn(keyIndex))
  const mayBeNull = hasRowid && keyIndex !== undefined
  const nullable = mayBeNull ? key.filter((column) => column['notnull'] === 0) : []
  return {
    name: nameIn(listed),
    kind: String(listed['type']) as TableSchema['kind'],
    columns: stored.map(nameIn),
    keyColumns: key.map(nameIn),
    nullableKeyColumns: nullable.map(nameIn),
    keyProblem:
      findTypeProblem(key, listed['strict'] === 1) ?? findCollationProblem(collations ?? []),
    rowidName: mayBeNull ? freeRowidName(columns.map(nameIn)) : undefined,
  }
}

/** Foreign keys that touch one of `tables`, as child or as parent. */
export function readForeignKeys(database: DatabaseSync, tables: ReadonlySet<string>): ForeignKey[] {
  const lowerNames = new Set([...tables].map((name) => name.toLowerCase()))
  const rows = rowsOf(
    database,
    `SELECT t.name AS child, f.id, f."table" AS parent, f."from" AS child_column,
            f."to" AS parent_column
     FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
     WHERE t.schema = 'main' AND t.type = 'table' ORDER BY t.name, f.id, f.seq`,
  )
  const groups = Map.groupBy(rows, (row) => `${String(row['id'])} ${String(row['child'])}`)
  const keys: ForeignKey[] = []
  for (const group of groups.values()) {
    const child = String(group[0]!['child'])
    const parent = String(group[0]!['parent'])
    if (!lowerNames.has(child.toLowerCase()) && !lowerNames.has(parent.toLowerCase())) continue
    const named = group.map((row) => row['parent_column'])
    const parentColumns = named.some((column) => column === null)
      ? keyInDeclaredOrder(database, parent)
      : named.map(String)
    keys.push({
      child,
      childColumns: group.map((row) => String(row['child_column'])),
      parent,
      parentColumns,
    })
  }
  return keys
}

/** A foreign key that names no columns means the parent's key in the order of its declaration. */
function keyInDeclaredOrder(database: DatabaseSync, table: string): string[] {
  const sql = `SELECT name FROM pragma_table_xinfo($1) WHERE pk > 0 ORDER BY pk`
  return rowsOf(database, sql, table).map(nameIn)
}

/** A trigger as it was created, to be dropped and created again. */
export interface TriggerSchema {
  readonly name: string
  /** Which schema it lives in: `temp` triggers may watch tables of `main`. */
  readonly schema: 'main' | 'temp'
  readonly createSql: string
}

/** Triggers on one of `tables`, in the order of their creation. */
export function readTriggers(database: DatabaseSync, tables: ReadonlySet<string>): TriggerSchema[] {
  const lowerNames = new Set([...tables].map((name) => name.toLowerCase()))
  const rows = rowsOf(
    database,
    `SELECT 'main' AS schema, name, tbl_name, sql FROM (
       SELECT * FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid)
     UNION ALL
     SELECT 'temp', name, tbl_name, sql FROM (
       SELECT * FROM temp.sqlite_schema WHERE type = 'trigger' ORDER BY rowid)`,
  )
  return rows
    .filter((row) => lowerNames.has(String(row['tbl_name']).toLowerCase()))
    .map((row) => {
      const schema = row['schema'] === 'temp' ? ('temp' as const) : ('main' as const)
      const sql = String(row['sql'])
      // SQLite stores every trigger as CREATE TRIGGER, those of the temp schema too.
      const createSql = schema === 'temp' ? sql.replace(/^CREATE/, 'CREATE TEMP') : sql
      return { name: nameIn(row), schema, createSql }
    })
}

/** `name` as a quoted SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * The session takes two keys for one only if their bytes are the same, but SQLite looks rows up by
 * equality. Where the two differ, its changesets are wrong (observed with SQLite 3.53): a row that
 * becomes 1.0 and then 1 again, or A and then a, would be undone by deleting it.
 */
function findTypeProblem(key: readonly SchemaRow[], isStrict: boolean): string | undefined {
  for (const column of key) {
    const type = String(column['type'])
    // SQLite's rules of column affinity: INTEGER, TEXT and NUMERIC leave one form for each value.
    if (/INT|CHAR|CLOB|TEXT/i.test(type)) continue
    if (isStrict && type === 'BLOB') continue
    const named = `its key column ${nameIn(column)} `
    if (type === '' || /BLOB|^ANY$/i.test(type)) {
      return `${named}may hold both 1 and 1.0; declare it INTEGER, TEXT, or BLOB in a STRICT table`
    }
    if (/REAL|FLOA|DOUB/i.test(type)) return `${named}is REAL; declare it INTEGER or TEXT`
  }
  return undefined
}

function findCollationProblem(columns: readonly SchemaRow[]): string | undefined {
  const other = columns.find((column) => column['coll'] !== 'BINARY')
  if (other === undefined) return undefined
  return `its key is compared by the collation ${String(other['coll'])}; declare it BINARY`
}

function freeRowidName(columns: readonly string[]): string | undefined {
  const taken = new Set(columns.map((column) => column.toLowerCase()))
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name))
}

function nameIn(row: SchemaRow): string {
  return String(row['name'])
}

function rowsOf(database: DatabaseSync, sql: string, name?: string): SchemaRow[] {
  const statement = database.prepare(sql)
  return (name === undefined ? statement.all() : statement.all({ $1: name })) as SchemaRow[]
}
