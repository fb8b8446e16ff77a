/**
 * Undo rows that Seata's own Java clients wrote (`npm run interop -- seata --capture`), replayed
 * without Java: each is read, and written again as JSON of the same classes and values.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { columnTypeOf } from '../src/client/at/mysql/column-types.ts'
import { jdbcTypeOf, toUndoValue } from '../src/client/at/postgres/column-values.ts'
import { unpackUndoLog } from '../src/client/at/undo/compression.ts'
import {
  decodeUndoLog,
  encodeUndoLog,
  type SeataNamespace,
} from '../src/client/at/undo/jackson-codec.ts'
import type { BranchUndoLog, Field } from '../src/client/at/undo/undo-log.ts'

interface Captured {
  /** The releases of seata-all that write this. */
  readonly versions: readonly string[]
  readonly title: string
  /** Types of the columns beside the key, by name. */
  readonly columns: Readonly<Record<string, string>>
  readonly context: string
  /** JSON; base64 when the context names a compressor. */
  readonly rollbackInfo: string
}

const maxBytes = 2 ** 20
/** java.sql.Types.ARRAY. */
const arrayType = 2003

for (const database of ['mariadb', 'postgres']) {
  for (const row of readFixture(`undo-${database}.jsonl`)) {
    const releases = row.versions.join(', ')
    test(`${database}: the undo row of ${row.title}, as ${releases} writes it`, async () => {
      const text = await unpack(row)
      const log = decodeUndoLog(text)
      const namespace: SeataNamespace = text.includes('"org.apache.seata.')
        ? 'org.apache.seata'
        : 'io.seata'
      assert.deepEqual(comparable(encodeUndoLog(log, namespace)), comparable(text))
    })
  }
}

function readFixture(name: string): Captured[] {
  const text = readFileSync(new URL(`fixtures/seata/${name}`, import.meta.url), 'utf8')
  const [, ...lines] = text.trimEnd().split('\n')
  const rows = lines.map((line) => JSON.parse(line) as Captured)
  // The others tell what the original could not roll back.
  return rows.filter(({ rollbackInfo }) => rollbackInfo !== undefined)
}

async function unpack({ context, rollbackInfo }: Captured): Promise<string> {
  const isPlain = context.includes('compressorType=NONE')
  const bytes = Buffer.from(rollbackInfo, isPlain ? 'utf8' : 'base64')
  return unpackUndoLog({ context, bytes }, maxBytes)
}

/**
 * The JSON as a value that shows every digit of its numbers. What the driver's own classes hold
 * besides the text is left out, and arrays, which Settee writes as texts, are looked at below.
 */
function comparable(text: string): unknown {
  return JSON.parse(text, ((_key: string, value: unknown, { source }: { source?: string }) => {
    if (typeof value === 'number') return `number ${source}`
    const { '@class': className = '', type, value: inner } = (value ?? {}) as Record<string, string>
    if (/^org.postgresql.(util|geometric).PG/.test(className)) {
      return { className, type, value: inner }
    }
    return className.endsWith('.SerialArray') || type === `number ${arrayType}` ? 'array' : value
  }) as never)
}

test('arrays are read as PostgreSQL prints them, from every release', async () => {
  const texts = new Map<string, Set<string>>()
  for (const row of readFixture('undo-postgres.jsonl')) {
    for (const field of fieldsOf(decodeUndoLog(await unpack(row)))) {
      if (field.jdbcType !== arrayType || field.value === null) continue
      const type = row.columns[field.name]!
      texts.set(type, (texts.get(type) ?? new Set()).add(field.value.text))
    }
  }
  assert.deepEqual(
    texts,
    new Map([
      ['integer[]', new Set(['{1,NULL,3}', '{}'])],
      ['text[]', new Set(['{"a b",NULL,é}', '{}'])],
    ]),
  )
})

test('on MariaDB Settee chooses the classes and type numbers that the driver chose', async () => {
  const wrong: string[] = []
  for (const row of readFixture('undo-mariadb.jsonl')) {
    for (const { name, jdbcType, value } of fieldsOf(decodeUndoLog(await unpack(row)))) {
      const sql = row.columns[name]
      if (sql === undefined || value === null) continue
      const typeName = /^\w+/.exec(sql)![0].toLowerCase()
      const ours = columnTypeOf(typeName, sql.toLowerCase(), 'utf8mb4')!
      if (ours.jdbcType !== jdbcType || ours.javaType !== value.javaType) {
        wrong.push(`${sql}: ${jdbcType} ${value.javaType}, not ${ours.jdbcType} ${ours.javaType}`)
      }
    }
  }
  assert.deepEqual([...new Set(wrong)], [])
})

/**
 * Names in pg_type of the types that are declared by another name; kinds as table-meta has them.
 */
const catalogNames: Readonly<Record<string, string>> = {
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  boolean: 'bool',
  char: 'bpchar',
  '"char"': 'char',
  'integer[]': 'kind A',
  'text[]': 'kind A',
  int4range: 'kind r',
  mood: 'kind e',
  positive: 'int4',
  pair: 'kind c',
}

/** Classes that a Java peer would take for dirty data in a row that Settee has changed. */
const knownDifferences: readonly string[] = [
  'bit(1): java.lang.Boolean, not org.postgresql.util.PGobject',
  'int4range: org.postgresql.util.PGobject, not java.lang.String',
  'pair: org.postgresql.util.PGobject, not java.lang.String',
  'positive: 2001, not 4',
]

test('on PostgreSQL Settee chooses what the driver chose, but for a few rare types', async () => {
  const wrong = new Set<string>()
  for (const row of readFixture('undo-postgres.jsonl')) {
    for (const { name, jdbcType, value } of fieldsOf(decodeUndoLog(await unpack(row)))) {
      const sql = row.columns[name]
      if (sql === undefined || value === null) continue
      const declared = sql.replace(/\(\d+(,\d+)?\)/, '')
      const typeName = catalogNames[declared] ?? declared
      const ours = toUndoValue(typeName, textFor(value.text, typeName))!
      if (ours.javaType !== value.javaType) {
        wrong.add(`${sql}: ${value.javaType}, not ${ours.javaType}`)
      }
      if (jdbcTypeOf(typeName) !== jdbcType) {
        wrong.add(`${sql}: ${jdbcType}, not ${jdbcTypeOf(typeName)}`)
      }
    }
  }
  assert.deepEqual([...wrong].toSorted(), knownDifferences)
})

/** What the server prints, where that is not the text of the undo log. */
function textFor(text: string, typeName: string): string {
  if (typeName === 'bytea') return `\\x${text}`
  return typeName === 'bool' ? text[0]! : text
}

function fieldsOf({ statements }: BranchUndoLog): Field[] {
  return statements
    .flatMap(({ beforeImage, afterImage }) => [...beforeImage.rows, ...afterImage.rows])
    .flatMap(({ fields }) => fields)
}
