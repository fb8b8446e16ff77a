/**
 * What the catalog says of a table: columns, primary key, and what would make its changes
 * impossible to undo. Kept for a while, because reading it takes a round trip.
 *
 * Which table a name means depends on the session's search_path, so the name is only a hint: the
 * rows of every image say which table they came from, and then {@link TableCache.byOid} decides.
 */
import type { Clock } from '@settee/kit'
import { jdbcTypeOf } from './column-values.ts'
import { quoteIdentifier, rawText, type Connection, type PgField } from './pg-driver.ts'
import { refuse } from './statement-kinds.ts'
import { postgresUndoLogDdl } from './undo-table.ts'

export interface Column {
  readonly name: string
  /** As the server names it in an answer; 0 for a domain, which it names by the type below. */
  readonly typeOid: number
  /** The type as SQL, with its schema and without a length. */
  readonly typeSql: string
  /** Name of the type below domains, when it is one of PostgreSQL's own; else its kind. */
  readonly typeName: string
  readonly jdbcType: number
  readonly isPrimaryKey: boolean
  /** Computed from other columns: cannot be written and is in no image. */
  readonly isGenerated: boolean
}

/** A foreign key of another table that changes rows there by itself. */
export interface Cascade {
  /** The other table as SQL. */
  readonly table: string
  readonly foreignColumns: readonly string[]
  /** Columns of this table that it points at. */
  readonly columns: readonly string[]
  /** The other table is this one. */
  readonly isSelf: boolean
  readonly onDelete: boolean
  readonly onUpdate: boolean
}

export interface Table {
  readonly oid: number
  /** The table as SQL, with its schema, for our own statements. */
  readonly sql: string
  /** Its name in undo logs and lock keys: with the schema unless that is `public`. */
  readonly name: string
  readonly columns: readonly Column[]
  /** In the order of the primary key's index. */
  readonly primaryKey: readonly Column[]
  readonly cascades: readonly Cascade[]
  /** Why none of its changes can be undone. */
  readonly refusal: Error | undefined
}

export interface TableCache {
  /** The table that `reference`, an SQL name, means in the session of `client`. */
  byName(client: Connection, reference: string): Promise<Table | undefined>
  byOid(client: Connection, oid: number): Promise<Table>
  /** Forgets everything, after an error that says that the schema has changed. */
  clear(): void
}

export interface TableCacheOptions {
  /** How long a table is believed to be unchanged, in ms. */
  readonly ttlMs: number
  /** Most tables that are kept. */
  readonly maxTables: number
  readonly undoLogTable: string
  readonly clock: Clock
}

export function createTableCache(options: TableCacheOptions): TableCache {
  const tables = new Map<number, { table: Table; expiresMs: number }>()
  const oids = new Map<string, number>()

  function fresh(oid: number): Table | undefined {
    const entry = tables.get(oid)
    return entry !== undefined && entry.expiresMs > options.clock.monotonic()
      ? entry.table
      : undefined
  }

  async function load(client: Connection, where: string, value: string | number) {
    const table = await loadTable(client, where, value, options.undoLogTable)
    if (table !== undefined) {
      if (tables.size >= options.maxTables) tables.clear()
      tables.set(table.oid, { table, expiresMs: options.clock.monotonic() + options.ttlMs })
    }
    return table
  }

  return {
    async byName(client, reference) {
      const known = fresh(oids.get(reference) ?? 0)
      if (known !== undefined) return known
      const table = await load(client, 'pg_catalog.to_regclass($1)::oid', reference)
      if (oids.size >= options.maxTables) oids.clear()
      if (table !== undefined) oids.set(reference, table.oid)
      return table
    },
    async byOid(client, oid) {
      const table = fresh(oid) ?? (await load(client, '$1::oid', oid))
      if (table === undefined) throw refuse(`table ${oid}`, 'it was dropped', 'try again')
      return table
    },
    clear() {
      tables.clear()
      oids.clear()
    },
  }
}

/** Whether an image with these fields shows all columns of the table as it is described. */
export function matchesFields(table: Table, fields: readonly PgField[]): boolean {
  return (
    fields.length === table.columns.length &&
    fields.every(
      (field, i) =>
        field.tableID === table.oid &&
        field.name === table.columns[i]!.name &&
        (table.columns[i]!.typeOid === 0 || field.dataTypeID === table.columns[i]!.typeOid),
    )
  )
}

/** One row of {@link catalogSql}, as JSON. */
interface CatalogEntry {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly persistence: string
  readonly hasUndoLog: boolean
  readonly inherits: boolean
  readonly triggers: readonly string[]
  readonly rules: readonly string[]
  readonly primaryKey: readonly number[]
  readonly columns: readonly {
    readonly number: number
    readonly name: string
    readonly oid: number
    readonly typeSchema: string
    readonly typeSqlName: string
    readonly typeName: string
    readonly typeKind: string
    readonly isGenerated: boolean
  }[]
  readonly cascades: readonly Cascade[]
}

const catalogSql = (where: string): string => `
SELECT pg_catalog.json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'persistence', c.relpersistence,
  'hasUndoLog', pg_catalog.to_regclass($2) IS NOT NULL,
  'inherits', EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE c.oid IN (inhparent, inhrelid)),
  'triggers', ARRAY(SELECT tgname FROM pg_catalog.pg_trigger
    WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A') ORDER BY 1),
  'rules', ARRAY(SELECT rulename FROM pg_catalog.pg_rewrite
    WHERE ev_class = c.oid AND rulename <> '_RETURN' ORDER BY 1),
  'primaryKey', COALESCE((SELECT pg_catalog.to_json(conkey) FROM pg_catalog.pg_constraint
    WHERE conrelid = c.oid AND contype = 'p'), '[]'),
  'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'number', a.attnum, 'name', a.attname, 'oid', a.atttypid::int8,
      'typeSchema', tn.nspname, 'typeSqlName', t.typname,
      'typeName', COALESCE(base.typname, t.typname), 'typeKind',
      CASE WHEN t.typcategory = 'A' AND t.typtype <> 'd' THEN 'A' ELSE t.typtype END,
      'isGenerated', a.attgenerated <> '') ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_type base ON base.oid = t.typbasetype
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'cascades', COALESCE((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'table', pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.relname),
      'foreignColumns', ARRAY(SELECT attname FROM pg_catalog.unnest(k.conkey)
        WITH ORDINALITY AS u (number, place) JOIN pg_catalog.pg_attribute
        ON attrelid = k.conrelid AND attnum = u.number ORDER BY u.place),
      'columns', ARRAY(SELECT attname FROM pg_catalog.unnest(k.confkey)
        WITH ORDINALITY AS u (number, place) JOIN pg_catalog.pg_attribute
        ON attrelid = k.confrelid AND attnum = u.number ORDER BY u.place),
      'isSelf', k.conrelid = k.confrelid,
      'onDelete', k.confdeltype IN ('c', 'n', 'd'),
      'onUpdate', k.confupdtype IN ('c', 'n', 'd')))
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class f ON f.oid = k.conrelid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
    WHERE k.confrelid = c.oid AND k.contype = 'f'
      AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))), '[]'))::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ${where}`

async function loadTable(
  client: Connection,
  where: string,
  value: string | number,
  undoLogTable: string,
): Promise<Table | undefined> {
  const { rows } = await client.query({
    text: catalogSql(where),
    values: [value, undoLogTable],
    rowMode: 'array',
    types: rawText,
  })
  const json = (rows as (readonly [string])[])[0]?.[0]
  if (json === undefined) return undefined
  return describeTable(JSON.parse(json) as CatalogEntry, undoLogTable)
}

function describeTable(entry: CatalogEntry, undoLogTable: string): Table {
  const columns = entry.columns.map((column) => {
    const isOwn = column.typeKind === 'b' || column.typeKind === 'd'
    const typeName = isOwn ? column.typeName : `kind ${column.typeKind}`
    return {
      name: column.name,
      typeOid: column.typeKind === 'd' ? 0 : column.oid,
      typeSql: `${quoteIdentifier(column.typeSchema)}.${quoteIdentifier(column.typeSqlName)}`,
      typeName,
      jdbcType: jdbcTypeOf(typeName),
      isPrimaryKey: entry.primaryKey.includes(column.number),
      isGenerated: column.isGenerated,
    }
  })
  const byNumber = new Map(entry.columns.map((column, i) => [column.number, columns[i]!]))
  const name = plainName(entry.name)
  return {
    oid: entry.oid,
    sql: `${quoteIdentifier(entry.schema)}.${quoteIdentifier(entry.name)}`,
    name: entry.schema === 'public' ? name : `${plainName(entry.schema)}.${name}`,
    columns,
    primaryKey: entry.primaryKey.map((number) => byNumber.get(number)!),
    cascades: entry.cascades,
    refusal: refusalOf(entry, undoLogTable),
  }
}

/** An identifier as people write it: in quotes only when it needs them. */
function plainName(name: string): string {
  return /^[a-z_][a-z\d_$]*$/.test(name) ? name : quoteIdentifier(name)
}

/** Why no change of the table can be undone, if so. */
function refusalOf(entry: CatalogEntry, undoLogTable: string): Error | undefined {
  const what = `a change of ${entry.schema}.${entry.name}`
  if (!entry.hasUndoLog) {
    const ddl = postgresUndoLogDdl(undoLogTable)
    return refuse(what, `the table ${undoLogTable} does not exist`, `create it with:\n${ddl}`)
  }
  const outside = 'change it outside of the transaction'
  if (entry.kind === 'p' || (entry.kind === 'r' && entry.inherits)) {
    return refuse(what, 'it is partitioned or inherits', outside)
  }
  if (entry.kind !== 'r') {
    return refuse(what, 'it is a view or a foreign table', 'change the tables behind it')
  }
  if (entry.persistence === 't') {
    return refuse(what, 'a temporary table is seen by one session only', 'use a plain table')
  }
  if (entry.primaryKey.length === 0) {
    return refuse(what, 'it has no primary key to find its rows by', 'add a primary key')
  }
  if (entry.triggers.length > 0) {
    const reason = `its trigger ${entry.triggers[0]} would run for the undo too`
    return refuse(what, reason, 'do the work of the trigger in the application')
  }
  if (entry.rules.length > 0) {
    const reason = `its rule ${entry.rules[0]} may change other tables`
    return refuse(what, reason, 'do the work of the rule in the application')
  }
  return undefined
}
