/**
 * Every column type of both databases with two values each, as SQL literals: what a row has before,
 * and what a statement makes of it.
 */
import type { TestDatabase } from '../harness-databases.ts'

export interface ColumnType {
  readonly type: string
  readonly before: string
  readonly after: string
}

const mariadb: readonly ColumnType[] = [
  column('TINYINT', '-128', '127'),
  column('TINYINT(1)', '1', '0'),
  column('TINYINT(2)', '1', '99'),
  column('TINYINT UNSIGNED', '255', '0'),
  column('SMALLINT', '-32768', '32767'),
  column('SMALLINT UNSIGNED', '65535', '0'),
  column('MEDIUMINT', '-8388608', '8388607'),
  column('MEDIUMINT UNSIGNED', '16777215', '0'),
  column('INT', '-2147483648', '2147483647'),
  column('INT UNSIGNED', '4294967295', '0'),
  column('BIGINT', '-9223372036854775808', '9223372036854775807'),
  column('BIGINT UNSIGNED', '18446744073709551615', '7'),
  column('DECIMAL(10,0)', '-1234567890', '5'),
  column('DECIMAL(20,5)', '123456789012345.10000', '0'),
  column(
    'DECIMAL(65,30)',
    '12345678901234567890123456789012345.123456789012345678901234567890',
    '-0.5',
  ),
  column('FLOAT', '1.5', '0.1'),
  column('DOUBLE', '1.7976931348623157e308', '0.1'),
  column('BIT(1)', "b'1'", "b'0'"),
  column('BIT(8)', "b'10101010'", "b'0'"),
  column('BIT(64)', "b'1111111111111111111111111111111111111111111111111111111111111111'", "b'1'"),
  column('CHAR(10)', "'né 中'", "''"),
  column('VARCHAR(100)', `'it''s "q" \\\\ \\n é 中文 😀'`, "' '"),
  column('BINARY(4)', "x'00ff80'", "x'01020304'"),
  column('VARBINARY(20)', "x'00ff807f'", "x''"),
  column('TINYBLOB', "x'00ff'", "x''"),
  column('BLOB', "x'00ff807f'", "x'41'"),
  column('MEDIUMBLOB', "x'00ff80'", "x'42'"),
  column('LONGBLOB', "x'00ff81'", "x'43'"),
  column('TINYTEXT', "'né'", "''"),
  column('TEXT', "'né 中文 😀'", "'x'"),
  column('MEDIUMTEXT', "'né 中'", "'y'"),
  column('LONGTEXT', "'né 文'", "'z'"),
  column("ENUM('a','né')", "'né'", "'a'"),
  column("SET('a','b','c')", "'a,c'", "''"),
  column('JSON', `'{"a": [1, 2.50, "é"]}'`, "'null'"),
  column('DATE', "'2024-02-29'", "'1000-01-01'"),
  column('TIME', "'23:59:59'", "'00:00:00'"),
  column('TIME(6)', "'23:59:59.123456'", "'00:00:00.000001'"),
  column('DATETIME', "'2024-02-29 23:59:59'", "'1000-01-01 00:00:00'"),
  column('DATETIME(6)', "'2024-02-29 23:59:59.123456'", "'9999-12-31 23:59:59.999999'"),
  column('TIMESTAMP NULL', "'2024-02-29 23:59:59'", "'1970-01-02 00:00:00'"),
  column('TIMESTAMP(6) NULL', "'2024-02-29 23:59:59.123456'", "'2038-01-18 03:14:07.999999'"),
  column('YEAR', '2024', '1901'),
  column(
    'UUID',
    "'123e4567-e89b-12d3-a456-426655440000'",
    "'00000000-0000-0000-0000-000000000001'",
  ),
  column('INET4', "'192.0.2.1'", "'0.0.0.0'"),
  column('INET6', "'2001:db8::ff00:42:8329'", "'::'"),
  column('POINT', "ST_GeomFromText('POINT(1 2.5)')", "ST_GeomFromText('POINT(0 0)')"),
]

const postgres: readonly ColumnType[] = [
  column('smallint', '-32768', '32767'),
  column('integer', '-2147483648', '2147483647'),
  column('bigint', '-9223372036854775808', '9223372036854775807'),
  column('numeric(20,5)', '123456789012345.10000', '0'),
  column('numeric', '12345678901234567890.1234567890123456789', '-0.50'),
  column('real', '1.5', '0.1'),
  column('double precision', '1.7976931348623157e308', '0.1'),
  column('money', "'1234.56'", "'-0.01'"),
  column('boolean', 'true', 'false'),
  column('char(5)', "'né'", "''"),
  column('varchar(100)', `'it''s "q" \\ é 中文 😀'`, "' '"),
  column('text', "'né 中文 😀'", "''"),
  column('name', "'a name'", "'b'"),
  column('"char"', "'c'", "'d'"),
  column('bytea', "'\\x00ff807f'", "'\\x'"),
  column('date', "'2024-02-29'", "'1000-01-01'"),
  column('time', "'23:59:59'", "'00:00:00'"),
  column('time(6)', "'23:59:59.123456'", "'00:00:00.000001'"),
  column('timetz', "'23:59:59+02'", "'00:00:00+00'"),
  column('timestamp', "'2024-02-29 23:59:59.123456'", "'1000-01-01 00:00:00'"),
  column('timestamp(0)', "'2024-02-29 23:59:59'", "'9999-12-31 23:59:59'"),
  column('timestamptz', "'2024-02-29 23:59:59.123456+02'", "'1970-01-01 00:00:00+00'"),
  column('interval', "'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'"),
  column(
    'uuid',
    "'123e4567-e89b-12d3-a456-426655440000'",
    "'00000000-0000-0000-0000-000000000001'",
  ),
  column('json', `'{"a":  [1, 2.50, "é"]}'`, "'null'"),
  column('jsonb', `'{"a": [1, 2.50, "é"]}'`, "'null'"),
  column('xml', "'<a>é</a>'", "'<b/>'"),
  column('inet', "'192.0.2.1/24'", "'::1'"),
  column('cidr', "'192.0.2.0/24'", "'::/0'"),
  column('macaddr', "'08:00:2b:01:02:03'", "'00:00:00:00:00:01'"),
  column('bit(1)', "B'1'", "B'0'"),
  column('bit(8)', "B'10101010'", "B'00000000'"),
  column('varbit', "B'101'", "B''"),
  column('point', "'(1,2.5)'", "'(0,0)'"),
  column('line', "'{1,2,3}'", "'{1,-1,0}'"),
  column('lseg', "'[(1,2),(3,4)]'", "'[(0,0),(1,1)]'"),
  column('box', "'(3,4),(1,2)'", "'(1,1),(0,0)'"),
  column('path', "'((1,2),(3,4))'", "'[(0,0),(1,1)]'"),
  column('polygon', "'((1,2),(3,4),(5,6))'", "'((0,0),(1,1),(2,0))'"),
  column('circle', "'<(1,2),3>'", "'<(0,0),1>'"),
  column('integer[]', "'{1,NULL,3}'", "'{}'"),
  column('text[]', `'{"a b",NULL,"é"}'`, "'{}'"),
  column('int4range', "'[1,5)'", "'empty'"),
  column('tsvector', "'fat cat'", "''"),
  column('mood', "'sad'", "'né'"),
  column('positive', '1', '2'),
  column('pair', `'(1,"a b")'`, `'(2,)'`),
  column('oid', '4294967295', '1'),
  column('pg_lsn', "'16/B374D848'", "'0/0'"),
]

export const columnTypes: Readonly<Record<TestDatabase['kind'], readonly ColumnType[]>> = {
  mariadb,
  postgres,
}

/** The types that are made by CREATE. */
export async function createOwnTypes(database: TestDatabase): Promise<void> {
  if (database.kind === 'mariadb') return
  await database.query(`CREATE TYPE mood AS ENUM ('sad', 'né')`)
  await database.query('CREATE DOMAIN positive AS integer CHECK (VALUE > 0)')
  await database.query('CREATE TYPE pair AS (a integer, b text)')
}

function column(type: string, before: string, after: string): ColumnType {
  return { type, before, after }
}
