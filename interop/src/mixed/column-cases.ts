/** Every column type that AT mode keeps, with three values: one stays, one goes, one comes. */
import type { TestDatabase } from '../harness-databases.ts'

export interface ColumnCase {
  /** As in CREATE TABLE. */
  readonly type: string
  readonly before: string
  readonly after: string
}

export const columnCases: Readonly<Record<TestDatabase['kind'], readonly ColumnCase[]>> = {
  postgres: [
    { type: 'boolean', before: `'true'`, after: `'false'` },
    { type: 'smallint', before: '-32768', after: '32767' },
    { type: 'integer', before: '-2147483648', after: '2147483647' },
    { type: 'bigint', before: '-9223372036854775808', after: '9007199254740993' },
    { type: 'oid', before: '4294967295', after: '7' },
    { type: 'real', before: '1.1', after: '-3.4e38' },
    { type: 'double precision', before: '0.1', after: '1e-300' },
    { type: 'numeric(20,4)', before: '1234567890123456.7000', after: '-0.0001' },
    { type: 'numeric', before: '1e-20', after: '100' },
    { type: 'money', before: `'$1,234.50'`, after: `'-$0.01'` },
    { type: 'char(5)', before: `'ab'`, after: `'中é'` },
    { type: 'varchar(20)', before: `'é 中 "x"'`, after: `''` },
    { type: 'text', before: `'a\nb'`, after: `'🙂 ''quoted'''` },
    { type: 'name', before: `'n1'`, after: `'n2'` },
    { type: 'bytea', before: `'\\x00ff10'`, after: `'\\x'` },
    { type: 'date', before: `'2024-02-29'`, after: `'1969-12-31'` },
    { type: 'time', before: `'23:59:59'`, after: `'00:00:00'` },
    { type: 'time(6)', before: `'23:59:59.123456'`, after: `'00:00:00.5'` },
    { type: 'timetz', before: `'12:00:00+02'`, after: `'00:00:00-05'` },
    { type: 'timestamp', before: `'2024-02-29 12:34:56.123456'`, after: `'1969-12-31 23:59:59'` },
    {
      type: 'timestamptz',
      before: `'2024-02-29 12:34:56.123456+02'`,
      after: `'1969-12-31 23:59:59Z'`,
    },
    { type: 'interval', before: `'1 day 02:03:04'`, after: `'1 year'` },
    { type: 'uuid', before: `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, after: `gen_random_uuid()` },
    { type: 'json', before: `'{"a": [1, 2.50]}'`, after: `'null'` },
    { type: 'jsonb', before: `'{"a": [1, 2.50]}'`, after: `'[]'` },
    { type: 'xml', before: `'<a>é</a>'`, after: `'<b/>'` },
    { type: 'inet', before: `'10.0.0.1/8'`, after: `'::1'` },
    { type: 'bit(1)', before: `B'1'`, after: `B'0'` },
    { type: 'bit(5)', before: `B'10101'`, after: `B'00000'` },
    { type: 'varbit', before: `B'101'`, after: `B'0'` },
    { type: 'integer[]', before: `'{1,NULL,3}'`, after: `'{}'` },
    { type: 'bigint[]', before: `'{9007199254740993}'`, after: `'{-1,NULL}'` },
    { type: 'numeric(10,2)[]', before: `'{1.10,2}'`, after: `'{0}'` },
    { type: 'text[]', before: `'{"a b","c,d"}'`, after: `'{é}'` },
    { type: 'point', before: `'(1,2)'`, after: `'(-1.5,0)'` },
    { type: 'polygon', before: `'((0,0),(1,1),(1,0))'`, after: `'((0,0),(2,2))'` },
    { type: 'circle', before: `'<(0,0),1>'`, after: `'<(1,1),2.5>'` },
    { type: 'macaddr', before: `'08:00:2b:01:02:03'`, after: `'00:00:00:00:00:00'` },
    { type: 'int4range', before: `'[1,5)'`, after: `'empty'` },
    { type: 'mood', before: `'sad'`, after: `'happy'` },
  ],
  mariadb: [
    { type: 'tinyint(1)', before: '1', after: '0' },
    { type: 'tinyint', before: '-128', after: '127' },
    { type: 'tinyint unsigned', before: '255', after: '0' },
    { type: 'smallint', before: '-32768', after: '32767' },
    { type: 'smallint unsigned', before: '65535', after: '1' },
    { type: 'mediumint', before: '-8388608', after: '8388607' },
    { type: 'mediumint unsigned', before: '16777215', after: '1' },
    { type: 'int', before: '-2147483648', after: '2147483647' },
    { type: 'int unsigned', before: '4294967295', after: '1' },
    { type: 'bigint', before: '-9223372036854775808', after: '9007199254740993' },
    { type: 'bigint unsigned', before: '18446744073709551615', after: '1' },
    { type: 'float', before: '1.5', after: '-0.25' },
    { type: 'double', before: '0.1', after: '1e-300' },
    { type: 'decimal(20,4)', before: '1234567890123456.7000', after: '-0.0001' },
    { type: 'char(5)', before: `'ab'`, after: `'中é'` },
    { type: 'varchar(20)', before: `'é 中 "x"'`, after: `''` },
    { type: 'text', before: `'a\nb'`, after: `'🙂 ''quoted'''` },
    { type: 'longtext', before: `'long'`, after: `'longer'` },
    { type: 'binary(4)', before: `x'00ff'`, after: `x'01020304'` },
    { type: 'varbinary(8)', before: `x'00ff10'`, after: `x''` },
    { type: 'blob', before: `x'00ff10'`, after: `x'ff'` },
    { type: 'longblob', before: `x'00ff10'`, after: `x'ff'` },
    { type: 'date', before: `'2024-02-29'`, after: `'1969-12-31'` },
    { type: 'time', before: `'23:59:59'`, after: `'00:00:00'` },
    { type: 'time(6)', before: `'23:59:59.123456'`, after: `'00:00:00.5'` },
    { type: 'datetime', before: `'2024-02-29 12:34:56'`, after: `'1969-12-31 23:59:59'` },
    {
      type: 'datetime(6)',
      before: `'2024-02-29 12:34:56.123456'`,
      after: `'1999-12-31 23:59:59.5'`,
    },
    { type: 'timestamp NULL', before: `'2024-02-29 12:34:56'`, after: `'1999-12-31 23:59:59'` },
    {
      type: 'timestamp(6) NULL',
      before: `'2024-02-29 12:34:56.123456'`,
      after: `'1999-12-31 23:59:59'`,
    },
    { type: 'year', before: '2024', after: '1970' },
    { type: `enum('sad','happy')`, before: `'sad'`, after: `'happy'` },
    { type: `set('a','b','c')`, before: `'a,c'`, after: `''` },
    { type: 'json', before: `'{"a": [1, 2.50]}'`, after: `'null'` },
    { type: 'bit(1)', before: `b'1'`, after: `b'0'` },
    { type: 'bit(5)', before: `b'10101'`, after: `b'0'` },
    { type: 'uuid', before: `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, after: 'uuid()' },
    { type: 'inet6', before: `'::1'`, after: `'fe80::1'` },
  ],
}

/** What the tables need that is no table. */
export const columnPreparations: Readonly<Record<TestDatabase['kind'], readonly string[]>> = {
  postgres: [`CREATE TYPE mood AS ENUM ('sad', 'happy')`],
  mariadb: [],
}

/** A table with one column of the type, and rows with a value, with NULL, and one to delete. */
export async function createColumnTable(
  database: TestDatabase,
  table: string,
  { type, before }: ColumnCase,
): Promise<void> {
  await database.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, v ${type})`)
  await database.query(
    `INSERT INTO ${table} (id, v) VALUES (1, ${before}), (2, NULL), (3, ${before}), (4, ${before})`,
  )
}

/** An update to a value, from NULL and to NULL; an insert and a delete. */
export function changesOf(table: string, { after }: ColumnCase): string[] {
  return [
    `UPDATE ${table} SET v = ${after} WHERE id = 1`,
    `UPDATE ${table} SET v = ${after} WHERE id = 2`,
    `UPDATE ${table} SET v = NULL WHERE id = 4`,
    `INSERT INTO ${table} (id, v) VALUES (5, ${after})`,
    `DELETE FROM ${table} WHERE id = 3`,
  ]
}

/** The table's rows as the database prints them. */
export async function rowsOf(database: TestDatabase, table: string): Promise<string[]> {
  const rows = await database.query(
    database.kind === 'postgres'
      ? `SELECT id, CAST(v AS text) AS v FROM ${table} ORDER BY id`
      : `SELECT id, CONCAT(HEX(v), ' ', CAST(v AS char)) AS v FROM ${table} ORDER BY id`,
  )
  return rows.map(({ id, v }) => `${String(id)}:${String(v)}`)
}
