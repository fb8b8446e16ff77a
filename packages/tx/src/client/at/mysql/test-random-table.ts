/** Random tables over all column types, random rows and random statements, from a seed. */
import { createSeededRandom, type Random } from '@settee/kit'

export interface RandomTable {
  readonly name: string
  readonly ddl: string
  readonly key: readonly RandomColumn[]
  readonly columns: readonly RandomColumn[]
  readonly hasUnique: boolean
}

interface RandomColumn {
  readonly name: string
  readonly type: ValueType
}

interface ValueType {
  readonly sql: string
  /** Values as SQL; some do not fit, so that the server changes them on their way in. */
  readonly values: readonly string[]
}

const text = ["''", "'a'", "'A '", "'ä€'", "'it''s \\\\ %_'", "'x\\0y'", "'null'"]
const emoji = "_utf8mb4 X'F09F98803F'"
const blob = ["X''", "X'00'", "X'FF00FE80'", "X'6162632720'", `REPEAT(X'9F', 300)`]

const types: readonly ValueType[] = [
  { sql: 'TINYINT', values: ['0', '-128', '127', '5'] },
  { sql: 'TINYINT(1)', values: ['0', '1', '5', '-1'] },
  { sql: 'SMALLINT UNSIGNED', values: ['0', '65535', '300'] },
  { sql: 'MEDIUMINT', values: ['-8388608', '8388607'] },
  { sql: 'INT(7) ZEROFILL', values: ['0', '42', '4294967295'] },
  { sql: 'INT', values: ['0', '-1', '2147483647'] },
  { sql: 'INT UNSIGNED', values: ['4294967295', '7'] },
  { sql: 'BIGINT', values: ['9223372036854775807', '-9223372036854775808', '9007199254740993'] },
  { sql: 'BIGINT UNSIGNED', values: ['18446744073709551615', '0'] },
  { sql: 'BIT(1)', values: ["b'0'", "b'1'"] },
  { sql: 'BIT(13)', values: ["b'1010101010101'", "b'0'"] },
  { sql: 'BIT(64)', values: ['0xFFFFFFFFFFFFFFFF', '0x8000000000000001'] },
  { sql: 'DECIMAL(10,2)', values: ['0', '-0.01', '99999999.99', '1.5'] },
  { sql: 'DECIMAL(65,30) ZEROFILL', values: ['1', '3.000000000000000000000000000007'] },
  { sql: 'DECIMAL(38,0)', values: ['-99999999999999999999999999999999999999', '12'] },
  { sql: 'FLOAT', values: ['0.1', '-0e0', '3.4028234e38', '1e-45', '16777217', '123456.789'] },
  { sql: 'FLOAT(9,3)', values: ['1234.5678', '-0.001', '999999.999'] },
  { sql: 'DOUBLE', values: ['0.1', '-0e0', '1.7976931348623157e308', '4.9e-324', '1/3'] },
  { sql: 'DOUBLE(15,4)', values: ['12345678901.12345', '0.1'] },
  {
    sql: 'DATE',
    values: ["'2024-02-29'", "'0000-00-00'", "'2023-00-10'", "'0001-01-01'", "'9999-12-31'"],
  },
  { sql: 'DATETIME', values: ["'2024-03-31 02:30:00'", "'0000-00-00 00:00:00'"] },
  { sql: 'DATETIME(6)', values: ["'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"] },
  { sql: 'DATETIME(3)', values: ["'2024-01-01 10:00:00.100'"] },
  { sql: 'TIMESTAMP NULL', values: ["'2024-10-27 02:30:00'", "'1970-01-02 00:00:01'", '0'] },
  { sql: 'TIMESTAMP(6) NULL', values: ["'2038-01-18 03:14:07.999999'", "'2000-01-01 00:00:00.5'"] },
  { sql: 'TIME', values: ["'-838:59:59'", "'838:59:59'", "'23:59:59'", "'00:00:00'"] },
  { sql: 'TIME(6)', values: ["'-00:00:00.000001'", "'12:34:56.789'", "'100:00:00.5'"] },
  { sql: 'YEAR', values: ['0', '1901', '2155', '2024'] },
  { sql: 'CHAR(20)', values: [...text, emoji] },
  { sql: 'CHAR(20) CHARACTER SET latin1', values: text },
  { sql: 'VARCHAR(30)', values: [...text, "'trailing  '", emoji] },
  { sql: 'VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', values: [...text, emoji] },
  { sql: 'VARCHAR(30) CHARACTER SET latin1', values: [...text, "_latin1 X'80819FA0FF'"] },
  { sql: 'VARCHAR(30) CHARACTER SET utf16', values: [...text, emoji] },
  { sql: 'VARCHAR(30) CHARACTER SET sjis', values: ["'a'", "_sjis X'8341'", "_sjis X'815C'"] },
  { sql: 'VARCHAR(30) CHARACTER SET gbk', values: ["'a'", "_gbk X'B0A1'"] },
  { sql: 'TINYTEXT', values: text },
  { sql: 'TEXT CHARACTER SET latin1', values: [...text, "REPEAT('ü', 400)"] },
  { sql: 'MEDIUMTEXT', values: [...text, emoji, "REPEAT('😀', 200)"] },
  { sql: 'LONGTEXT CHARACTER SET utf8mb3', values: text },
  { sql: 'JSON', values: [`'{"a": [1.50, "ä", null]}'`, "'[]'", `'"x"'`] },
  { sql: "ENUM('a','b','é')", values: ["'a'", "'é'", "'nothing'", '0'] },
  { sql: "ENUM('','b') CHARACTER SET latin1", values: ["'b'", "''"] },
  { sql: "SET('a','b','c')", values: ["'a,c'", "''", "'b,zzz'"] },
  { sql: 'BINARY(6)', values: blob.slice(0, 4) },
  { sql: 'VARBINARY(40)', values: blob.slice(0, 4) },
  { sql: 'TINYBLOB', values: blob.slice(0, 4) },
  { sql: 'BLOB', values: blob },
  { sql: 'MEDIUMBLOB', values: blob },
  { sql: 'LONGBLOB', values: blob },
  {
    sql: 'GEOMETRY',
    values: ["ST_GeomFromText('POINT(1 -2.5)', 4326)", "ST_GeomFromText('LINESTRING(0 0,1 1)')"],
  },
  { sql: 'POLYGON', values: ["ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')"] },
  { sql: 'UUID', values: ["'123e4567-e89b-12d3-a456-426655440000'", 'UUID()'] },
  { sql: 'INET4', values: ["'10.0.0.1'", "'255.255.255.255'"] },
  { sql: 'INET6', values: ["'::1'", "'2001:db8::ff00:42:8329'"] },
]

/** Keys whose values the i-th of makes: all of them differ. */
const keys: readonly (readonly { sql: string; value: (i: number) => string }[])[] = [
  [{ sql: 'INT AUTO_INCREMENT', value: (i) => String(i) }],
  [{ sql: 'BIGINT UNSIGNED', value: (i) => String(18446744073709551000n + BigInt(i)) }],
  [{ sql: 'VARCHAR(20)', value: (i) => `'Kéy ${i}'` }],
  [{ sql: 'CHAR(12) CHARACTER SET latin1', value: (i) => `'ü-${i}'` }],
  [{ sql: 'BINARY(8)', value: (i) => `X'00FF2700${String(i).padStart(8, '0')}'` }],
  [{ sql: 'VARBINARY(8)', value: (i) => `X'FE${String(i).padStart(4, '0')}'` }],
  [{ sql: 'DECIMAL(20,4)', value: (i) => `${i}.2500` }],
  [{ sql: 'DATE', value: (i) => `'2024-01-${String((i % 28) + 1).padStart(2, '0')}'` }],
  [{ sql: 'DATETIME(6)', value: (i) => `'2024-05-05 05:05:05.0000${String(i).padStart(2, '0')}'` }],
  [{ sql: 'BIT(20)', value: (i) => String(i) }],
  [
    {
      sql: 'UUID',
      value: (i) => `'123e4567-e89b-12d3-a456-4266554400${String(i).padStart(2, '0')}'`,
    },
  ],
  [
    { sql: 'INT', value: (i) => String(i % 3) },
    { sql: 'VARCHAR(9)', value: (i) => `'k${i}'` },
  ],
  [
    { sql: 'INT', value: (i) => String(i) },
    { sql: 'TIMESTAMP(6)', value: (i) => `'2024-10-27 02:30:00.${String(i).padStart(6, '0')}'` },
  ],
]

export class TableMaker {
  readonly #random: Random
  #nextKey = 0

  constructor(seed: number) {
    this.#random = createSeededRandom(seed)
  }

  below(count: number): number {
    return Math.floor(this.#random.float() * count)
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  chance(share: number): boolean {
    return this.#random.float() < share
  }

  table(name: string, keyNumber: number, typeNumbers: readonly number[]): RandomTable {
    const key = keys[keyNumber % keys.length]!.map(({ sql, value }, i) => {
      const values = Array.from({ length: 40 }, (_, number) => value(number + 1))
      return { name: `k${i}`, type: { sql, values } }
    })
    const columns = typeNumbers.map((number, i) => ({
      name: i === 0 ? 'the `odd` näme' : `c${i}`,
      type: types[number % types.length]!,
    }))
    const hasUnique = this.chance(0.4)
    const parts = [
      ...key.map((column) => `${column.name} ${column.type.sql} NOT NULL`),
      ...columns.map((column) => `${quote(column.name)} ${column.type.sql}`),
      'changed TIMESTAMP(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3)',
      'twice INT AS (LENGTH(u) * 2) VIRTUAL',
      'kept INT AS (LENGTH(u) * 3) STORED',
      `u VARCHAR(10)${hasUnique ? ' UNIQUE' : ''}`,
      this.chance(0.3) ? 'hidden INT INVISIBLE DEFAULT 3' : 'plain INT DEFAULT 3',
      `PRIMARY KEY (${key.map((column) => column.name).join(', ')})`,
    ]
    this.#nextKey = 0
    return {
      name,
      ddl: `CREATE TABLE ${quote(name)} (${parts.join(', ')})`,
      key,
      columns,
      hasUnique,
    }
  }

  value({ type }: RandomColumn): string {
    return this.chance(0.15) ? 'NULL' : this.pick(type.values)
  }

  /** An INSERT of rows with new keys, or now and then of one with an old key. */
  insert(table: RandomTable, verb: string, count: number): string {
    const rows = Array.from({ length: count }, () => {
      const isOld = verb !== 'INSERT' && this.chance(0.6) && this.#nextKey > 0
      const i = isOld ? this.below(this.#nextKey) : this.#nextKey++
      const keyValues = table.key.map(({ type }) => type.values[i % type.values.length]!)
      const values = table.columns.map((column) => this.value(column))
      const u = this.pick(["'u1'", "'u2'", 'NULL', `'n${i}'`])
      return `(${[...keyValues, ...values, u].join(', ')})`
    })
    const names = [...table.key, ...table.columns].map(({ name }) => quote(name))
    return `${verb} INTO ${quote(table.name)} (${names.join(', ')}, u) VALUES ${rows.join(', ')}`
  }

  statement(table: RandomTable): string {
    const name = quote(table.name)
    const column = this.pick(table.columns)
    const set = `${quote(column.name)} = ${this.value(column)}`
    const where = this.pick(['', ` WHERE ${this.#keyTest(table)}`, ` WHERE plainly.u IS NOT NULL`])
    const condition = where.replace('plainly', name)
    const order = this.pick(['', ` ORDER BY ${table.key[0]!.name} DESC`])
    const limit = this.pick(['', '', ' LIMIT 2'])
    const more = this.pick(['', ", u = CONCAT('v', LENGTH(u))", ', u = NULL'])
    switch (this.below(10)) {
      case 0:
      case 1:
        return `UPDATE ${name} SET ${set}${more}${condition}${order}${limit}`
      case 2:
        return (
          `UPDATE ${name} AS t JOIN ${name} AS o ON t.k0 = o.k0 ` +
          `SET t.${set} WHERE ${this.#keyTest(table, 'o.')}`
        )
      case 3:
        return `DELETE FROM ${name}${condition}${order}${limit}`
      case 4:
        return (
          `DELETE t FROM ${name} AS t JOIN ${name} AS o ON t.k0 = o.k0 ` +
          `WHERE ${this.#keyTest(table, 'o.')}`
        )
      case 5:
        return this.insert(table, 'REPLACE', 1 + this.below(2))
      case 6:
        return this.insert(table, 'INSERT IGNORE', 1 + this.below(3))
      case 7:
        return `${this.insert(table, 'INSERT ', 1 + this.below(2))} ON DUPLICATE KEY UPDATE ${set}`
      case 8:
        return `DELETE FROM ${name} WHERE k0 IN (SELECT * FROM (SELECT MIN(k0) FROM ${name}) AS x)`
      default:
        return this.insert(table, 'INSERT', 1 + this.below(3))
    }
  }

  #keyTest(table: RandomTable, prefix = ''): string {
    const [first] = table.key
    const list = Array.from({ length: 4 }, () => first!.type.values[this.below(8)])
    return `${prefix}${first!.name} IN (${list.join(', ')})`
  }
}

export const typeCount: number = types.length

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
