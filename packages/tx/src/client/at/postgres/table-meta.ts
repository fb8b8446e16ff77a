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
import { refuse } from '../refuse.ts'
import { postgresUndoLogDdl, type UndoTable } from './undo-table.ts'

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
  /** GENERATED ALWAYS AS IDENTITY: an UPDATE can set it to its next number only. */
  readonly isAlwaysIdentity: boolean
  /** Equal values may look different, because the type has no length or scale of its own. */
  readonly isLoose: boolean
}

/** A foreign key of another table that changes rows there by itself. */
export interface Cascade {
  /** Of the foreign key. */
  readonly name: string
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
  /** Tables that its foreign keys point at. */
  readonly references: readonly number[]
  /** Why none of its changes can be undone. */
  readonly refusal: Error | undefined
  /** Changes when the table gets a trigger, cascade, rule, row security …: {@link versionSql}. */
  readonly version: string
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
  readonly undoTable: UndoTable
  readonly clock: Clock
}

export function createTableCache(options: TableCacheOptions): TableCache {
  const tables = new Map<number, { table: Table; expiresMs: number }>()
  const oids = new Map<string, number>()

  /** A refusal is not kept: what it asks for may have been done. */
  function fresh(oid: number): Table | undefined {
    const entry = tables.get(oid)
    const isFresh = entry !== undefined && entry.expiresMs > options.clock.monotonic()
    return isFresh && entry.table.refusal === undefined ? entry.table : undefined
  }

  async function load(client: Connection, where: string, value: string | number) {
    const hasUndoLog = (await options.undoTable.find(client)) !== undefined
    const missing = hasUndoLog ? undefined : options.undoLogTable
    const table = await loadTable(client, where, value, missing)
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
  readonly version: string
  readonly hasRowSecurity: boolean
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
    readonly isAlwaysIdentity: boolean
    readonly isLoose: boolean
    readonly isDeterministic: boolean
  }[]
  readonly cascades: readonly Cascade[]
  readonly references: readonly number[]
}

/**
 * A text that is another one when the table has changed in a way that the names and types of its
 * columns do not show. Every image carries it, because a description is kept for a while. A new
 * foreign key of another table shows as a trigger of the server's own.
 * @param oid of the table, as SQL.
 */
export function versionSql(oid: string): string {
  return (
    '(SELECT pg_catalog.concat(v.xmin, pg_catalog.row_security_active(v.oid), ' +
    "(SELECT pg_catalog.string_agg(g.oid || '-' || g.xmin, ',' ORDER BY g.oid) " +
    'FROM pg_catalog.pg_trigger g WHERE g.tgrelid = v.oid)) ' +
    `FROM pg_catalog.pg_class v WHERE v.oid = ${oid})`
  )
}

const catalogSql = (where: string): string => `
SELECT pg_catalog.json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'persistence', c.relpersistence,
  'version', ${versionSql('c.oid')},
  'hasRowSecurity', pg_catalog.row_security_active(c.oid),
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
      'isGenerated', a.attgenerated <> '', 'isAlwaysIdentity', a.attidentity = 'a',
      'isLoose', a.atttypmod = -1 AND t.typtypmod = -1,
      'isDeterministic', COALESCE(l.collisdeterministic, true)) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_type base ON base.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'cascades', COALESCE((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', k.conname,
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
      AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))), '[]'),
  'references', ARRAY(SELECT confrelid::int8 FROM pg_catalog.pg_constraint
    WHERE conrelid = c.oid AND contype = 'f'))::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ${where}`

async function loadTable(
  client: Connection,
  where: string,
  value: string | number,
  missingUndoLog: string | undefined,
): Promise<Table | undefined> {
  const { rows } = await client.query({
    text: catalogSql(where),
    values: [value],
    rowMode: 'array',
    types: rawText,
  })
  const json = (rows as (readonly [string])[])[0]?.[0]
  if (json === undefined) return undefined
  return describeTable(JSON.parse(json) as CatalogEntry, missingUndoLog)
}

function describeTable(entry: CatalogEntry, missingUndoLog: string | undefined): Table {
  const columns = entry.columns.map((column) => {
    const isOwn =
      'bdrm'.includes(column.typeKind) || (column.typeKind === 'A' && column.typeName[0] === '_')
    const typeName = isOwn ? column.typeName : `kind ${column.typeKind}`
    return {
      name: column.name,
      typeOid: column.typeKind === 'd' ? 0 : column.oid,
      typeSql: `${quoteIdentifier(column.typeSchema)}.${quoteIdentifier(column.typeSqlName)}`,
      typeName,
      jdbcType: jdbcTypeOf(typeName),
      isPrimaryKey: entry.primaryKey.includes(column.number),
      isGenerated: column.isGenerated,
      isAlwaysIdentity: column.isAlwaysIdentity,
      isLoose: column.isLoose,
    }
  })
  const byNumber = new Map(entry.columns.map((column, i) => [column.number, columns[i]!]))
  const name = plainName(entry.name)
  const primaryKey = entry.primaryKey.map((number) => byNumber.get(number)!)
  return {
    oid: entry.oid,
    sql: `${quoteIdentifier(entry.schema)}.${quoteIdentifier(entry.name)}`,
    name: entry.schema === 'public' ? name : `${plainName(entry.schema)}.${name}`,
    columns,
    primaryKey,
    cascades: entry.cascades,
    references: entry.references,
    refusal: refusalOf(entry, missingUndoLog) ?? refusalOfKey(entry, primaryKey),
    version: entry.version,
  }
}

/** An identifier as people write it: in quotes only when it needs them. */
function plainName(name: string): string {
  return /^[a-z_][a-z\d_$]*$/.test(name) ? name : quoteIdentifier(name)
}

/** Why no change of the table can be undone, if so. */
function refusalOf(entry: CatalogEntry, missingUndoLog: string | undefined): Error | undefined {
  const what = `a change of ${entry.schema}.${entry.name}`
  if (missingUndoLog !== undefined) {
    const ddl = postgresUndoLogDdl(missingUndoLog)
    return refuse(what, `the table ${missingUndoLog} does not exist`, `create it with:\n${ddl}`)
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
  if (entry.hasRowSecurity) {
    const reason = 'its row security may hide rows from the connection that rolls back'
    return refuse(what, reason, 'let the application use a role with BYPASSRLS or the owner')
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

/**
 * Types whose text is the same in all sessions, up to what {@link keyText} and the undo log make
 * equal. Others are no keys: one row could have two locks.
 */
const keyTypes: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'oid',
  'numeric',
  'float4',
  'float8',
  'bool',
  'bytea',
  'uuid',
  'text',
  'varchar',
  'bpchar',
  'char',
  'name',
  'bit',
  'varbit',
  'kind e',
  'pg_lsn',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
])

function refusalOfKey(entry: CatalogEntry, primaryKey: readonly Column[]): Error | undefined {
  const what = `a change of ${entry.schema}.${entry.name}`
  const computed = primaryKey.find(({ isGenerated }) => isGenerated)
  if (computed !== undefined) {
    const reason = `its primary key ${computed.name} is computed from other columns`
    return refuse(what, reason, 'make the primary key a plain column')
  }
  const unequal = entry.columns.find(
    ({ number, isDeterministic }) => !isDeterministic && entry.primaryKey.includes(number),
  )
  const loose = primaryKey.find(({ typeName }) => !keyTypes.has(typeName))?.name ?? unequal?.name
  if (loose === undefined) return undefined
  const reason = `equal values of its primary key ${loose} may look different`
  return refuse(what, reason, 'give the key a simple type and a deterministic collation')
}

/** A value of a primary key, the same for all values that the database holds to be equal. */
export function keyText(column: Column, text: string): string {
  switch (column.typeName) {
    case 'numeric':
      return column.isLoose && text.includes('.') ? text.replace(/\.?0+$/, '') : text
    case 'bpchar':
      return column.isLoose ? text.replace(/ +$/, '') : text
    case 'float4':
    case 'float8':
      return text === '-0' ? '0' : text
    default:
      return text
  }
}
