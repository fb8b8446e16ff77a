import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSetteeError } from '@settee/kit'
import { decodeUndoLog, encodeUndoLog } from './jackson-codec.ts'
import { encodeJacksonValue } from './jackson-values.ts'
import { timestampText } from './jackson-time.ts'
import type { BranchUndoLog, Field, UndoValue } from './undo-log.ts'

const struct = 'org.apache.seata.rm.datasource.sql.struct'

/** The form of the Java original, written by hand. */
const golden =
  '{"@class":"org.apache.seata.rm.datasource.undo.BranchUndoLog","xid":"127.0.0.1:8091:1",' +
  '"branchId":2,"sqlUndoLogs":["java.util.ArrayList",[' +
  '{"@class":"org.apache.seata.rm.datasource.undo.SQLUndoLog","sqlType":"UPDATE",' +
  '"tableName":"account","beforeImage":' +
  `{"@class":"${struct}.TableRecords","tableName":"account","rows":["java.util.ArrayList",[` +
  `{"@class":"${struct}.Row","fields":["java.util.ArrayList",[` +
  `{"@class":"${struct}.Field","name":"id","keyType":"PRIMARY_KEY","type":-5,` +
  '"value":["java.lang.Long",1]},' +
  `{"@class":"${struct}.Field","name":"money","keyType":"NULL","type":4,"value":999}]]}]]},` +
  `"afterImage":{"@class":"${struct}.TableRecords$EmptyTableRecords","tableName":"account",` +
  '"rows":["java.util.ArrayList",[]]}}]]}'

const log: BranchUndoLog = {
  xid: '127.0.0.1:8091:1',
  branchId: 2,
  statements: [
    {
      sqlType: 'UPDATE',
      tableName: 'account',
      beforeImage: {
        tableName: 'account',
        rows: [
          {
            fields: [
              field('id', -5, { javaType: 'java.lang.Long', text: '1' }, true),
              field('money', 4, { javaType: 'java.lang.Integer', text: '999' }),
            ],
          },
        ],
      },
      afterImage: { tableName: 'account', rows: [] },
    },
  ],
}

function field(name: string, jdbcType: number, value: UndoValue, isPrimaryKey = false): Field {
  return { name, isPrimaryKey, jdbcType, value }
}

function withValue(value: UndoValue, jdbcType = 12): BranchUndoLog {
  const image = { tableName: 't', rows: [{ fields: [field('v', jdbcType, value)] }] }
  const none = { tableName: 't', rows: [] }
  return {
    xid: 'x',
    branchId: 1,
    statements: [{ sqlType: 'DELETE', tableName: 't', beforeImage: image, afterImage: none }],
  }
}

function valueOf({ statements }: BranchUndoLog): UndoValue {
  return statements[0]!.beforeImage.rows[0]!.fields[0]!.value
}

function isBadLog(error: unknown): boolean {
  return isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG')
}

test('writes and reads the form of the Java original', () => {
  assert.equal(encodeUndoLog(log), golden)
  assert.deepEqual(decodeUndoLog(golden), log)
})

test('writes the packages of Seata before 2.1 when asked to', () => {
  assert.equal(encodeUndoLog(log, 'io.seata'), golden.replaceAll('org.apache.seata', 'io.seata'))
})

test('writes the objects of the PostgreSQL driver with their classes', () => {
  const cases: [value: NonNullable<UndoValue>, jdbcType: number, json: string][] = [
    [
      {
        javaType: 'java.sql.Array',
        text: '{1,NULL}',
        databaseType: 'int4',
        elements: { jdbcType: 4, values: [{ javaType: 'java.lang.Integer', text: '1' }, null] },
      },
      2003,
      '{"@class":"org.apache.seata.rm.datasource.sql.serial.SerialArray","baseType":4,' +
        '"baseTypeName":"int4","elements":[1,null]}',
    ],
    [
      { javaType: 'org.postgresql.util.PGobject', text: '1 day', databaseType: 'interval' },
      1111,
      '{"@class":"org.postgresql.util.PGInterval","type":"interval","value":"1 day","null":false}',
    ],
  ]
  for (const [value, jdbcType, json] of cases) {
    assert.equal(encodeJacksonValue(value, jdbcType, 'org.apache.seata.rm.datasource'), json)
  }
})

test('reads the packages of Seata 1.x', () => {
  assert.deepEqual(decodeUndoLog(golden.replaceAll('org.apache.seata', 'io.seata')), log)
})

const values: [name: string, value: NonNullable<UndoValue>, jdbcType: number, json: string][] = [
  ['true', { javaType: 'java.lang.Boolean', text: 'true' }, -7, 'true'],
  ['a string', { javaType: 'java.lang.String', text: 'a"\n\u0000é😀' }, 12, '"a\\"\\n\\u0000é😀"'],
  ['an int', { javaType: 'java.lang.Integer', text: '-5' }, 4, '-5'],
  [
    'a long beyond 2^53',
    { javaType: 'java.lang.Long', text: '9007199254740993' },
    -5,
    '["java.lang.Long",9007199254740993]',
  ],
  [
    'a decimal with its scale',
    { javaType: 'java.math.BigDecimal', text: '1.10' },
    2,
    '["java.math.BigDecimal",1.10]',
  ],
  [
    'a big integer',
    { javaType: 'java.math.BigInteger', text: '18446744073709551615' },
    -5,
    '["java.math.BigInteger",18446744073709551615]',
  ],
  ['a whole double', { javaType: 'java.lang.Double', text: '5' }, 8, '5.0'],
  ['a double', { javaType: 'java.lang.Double', text: '1.5e+300' }, 8, '1.5e+300'],
  ['NaN', { javaType: 'java.lang.Double', text: 'NaN' }, 8, '["java.lang.Double","NaN"]'],
  ['a float', { javaType: 'java.lang.Float', text: '1.5' }, 7, '["java.lang.Float",1.5]'],
  [
    'a date',
    { javaType: 'java.sql.Date', text: '2024-02-29' },
    91,
    '["java.sql.Date",1709164800000]',
  ],
  ['a time', { javaType: 'java.sql.Time', text: '23:59:59' }, 92, '["java.sql.Time","23:59:59"]'],
  [
    'a timestamp with microseconds',
    { javaType: 'java.sql.Timestamp', text: '1969-12-31 23:59:59.999999' },
    93,
    '["java.sql.Timestamp",[-1,999999000]]',
  ],
  [
    'a blob',
    { javaType: 'javax.sql.rowset.serial.SerialBlob', text: '00ff' },
    2004,
    '["javax.sql.rowset.serial.SerialBlob","AP8="]',
  ],
  [
    'bytes of a BINARY column',
    { javaType: 'javax.sql.rowset.serial.SerialBlob', text: '00ff' },
    -2,
    '["[B","AP8="]',
  ],
  [
    'a clob',
    { javaType: 'javax.sql.rowset.serial.SerialClob', text: 'x' },
    2005,
    '["javax.sql.rowset.serial.SerialClob","x"]',
  ],
]

for (const [name, value, jdbcType, json] of values) {
  test(`${name} is written as ${json}`, () => {
    const text = encodeUndoLog(withValue(value, jdbcType))
    assert.ok(text.includes(`"value":${json}}`), text)
    assert.deepEqual(valueOf(decodeUndoLog(text)), value)
  })
}

test('null stays null', () => {
  assert.equal(valueOf(decodeUndoLog(encodeUndoLog(withValue(null)))), null)
})

test('a branch id beyond 2^53 keeps all its digits', () => {
  const branchId = 9_223_372_036_854_775_807n
  const text = encodeUndoLog({ ...log, branchId })
  assert.ok(text.includes('"branchId":9223372036854775807,'))
  assert.equal(decodeUndoLog(text).branchId, branchId)
})

const unwritable: [NonNullable<UndoValue>['javaType'], string][] = [
  ['java.lang.Integer', '1.5'],
  ['java.lang.Long', '0x10'],
  ['java.math.BigDecimal', 'NaN'],
  ['java.lang.Double', '1,5'],
  ['java.lang.Boolean', 't'],
  ['java.sql.Date', 'infinity'],
  ['java.sql.Date', '2023-02-29'],
  ['java.sql.Timestamp', '2024-01-01 00:00:00.10'],
  ['javax.sql.rowset.serial.SerialBlob', 'xyz'],
]

for (const [javaType, text] of unwritable) {
  test(`${text} is refused as ${javaType}, because it would not come back`, () => {
    assert.throws(() => encodeUndoLog(withValue({ javaType, text })), isBadLog)
  })
}

const unreadable: [reason: string, text: string][] = [
  ['no JSON', '{'],
  ['another JSON', '[]'],
  ['a foreign class', golden.replace('BranchUndoLog', 'Runtime')],
  ['a foreign package', golden.replaceAll('org.apache.seata', 'com.evil')],
  ['a missing xid', golden.replace('"xid":"127.0.0.1:8091:1",', '')],
  ['a fractional branch id', golden.replace('"branchId":2', '"branchId":2.5')],
  ['an unknown statement', golden.replace('"UPDATE"', '"MERGE"')],
  ['an unknown value class', golden.replace('java.lang.Long', 'java.lang.Process')],
  ['an unknown key type', golden.replace('"keyType":"NULL"', '"keyType":"MAYBE"')],
  ['rows that are no list', golden.replace('"rows":["java.util.ArrayList",[]]', '"rows":{}')],
  ['a thousand levels', '['.repeat(1000) + ']'.repeat(1000)],
]

for (const [reason, text] of unreadable) {
  test(`a log with ${reason} is refused`, () => {
    assert.throws(() => decodeUndoLog(text), isBadLog)
  })
}

test('a log beyond the size limit is refused before it is parsed', () => {
  assert.throws(
    () => decodeUndoLog(golden, { maxLength: 100 }),
    /877 characters, but the limit is 100/,
  )
})

test('__proto__ is a property like any other', () => {
  const text = golden.replace('{"@class"', '{"__proto__":{"polluted":true},"@class"')
  assert.deepEqual(decodeUndoLog(text), log)
  assert.throws(() => decodeUndoLog(golden.replace('"xid"', '"__proto__"')), isBadLog)
  const named = withValue({ javaType: 'java.lang.String', text: '__proto__' })
  assert.deepEqual(decodeUndoLog(encodeUndoLog(named)), named)
})

const integerText = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String)
const anyValue: fc.Arbitrary<UndoValue> = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary' }).map((text) => ({ javaType: 'java.lang.String' as const, text })),
  integerText.map((text) => ({ javaType: 'java.lang.Long' as const, text })),
  fc.tuple(integerText, fc.nat(999)).map(([whole, part]) => ({
    javaType: 'java.math.BigDecimal' as const,
    text: `${whole}.${part}`,
  })),
  fc.double().map((number) => ({
    javaType: 'java.lang.Double' as const,
    text: Object.is(number, -0) ? '-0' : String(number),
  })),
  fc
    .tuple(fc.integer({ min: -6e13, max: 8e15 }), fc.nat(999_999))
    .map(([second, micros]) => Math.floor(second / 1000) * 1000 + Math.floor(micros / 1000))
    .map((ms) => ({ javaType: 'java.sql.Timestamp' as const, text: timestampText(ms)! })),
  fc
    .uint8Array()
    .map((bytes) => Buffer.from(bytes).toString('hex'))
    .map((text) => ({ javaType: 'javax.sql.rowset.serial.SerialBlob' as const, text })),
)

test('whatever is written comes back', () => {
  const property = fc.property(anyValue, (value) => {
    assert.deepEqual(valueOf(decodeUndoLog(encodeUndoLog(withValue(value)))), value)
  })
  fc.assert(property, { seed: 26, numRuns: 3000 })
})

test('100,000 mutations of a log give a log or the typed error', () => {
  const rich = encodeUndoLog({
    ...log,
    statements: values.map(([, value, jdbcType]) => withValue(value, jdbcType).statements[0]!),
  })
  const pieces = ['"', '[', ']', '{', '}', ',', ':', '\\', '0', '-', 'null', '1e999', '__proto__']
  let refused = 0
  // Stacks are most of an error's cost, and nobody reads these.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  let seed = 7
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * bound)
  }
  for (let run = 0; run < 100_000; run++) {
    const base = run % 50 === 0 ? rich : golden
    const at = below(base.length)
    const cut = at + below(4)
    const mutated = base.slice(0, at) + pieces[below(pieces.length)]! + base.slice(cut)
    try {
      decodeUndoLog(mutated)
    } catch (error) {
      if (!isBadLog(error)) throw error
      refused++
    }
  }
  Error.stackTraceLimit = stackTraceLimit
  assert.ok(refused > 50_000, `${refused} refused`)
})
