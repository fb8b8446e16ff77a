/**
 * Column values between PostgreSQL's text and the undo log. The classes and the numbers of
 * java.sql.Types are those that PostgreSQL's JDBC driver reports for a column
 * (org.postgresql.jdbc.TypeInfoCache), because a Java peer compares them.
 *
 * Text is kept as the server printed it, except for booleans (`t` becomes `true`), bytea (without
 * `\x`) and timestamptz, which is brought to UTC so that sessions in different zones agree.
 */
import { dateText, epochMs, timestampText } from '../undo/jackson-time.ts'
import type { UndoValue } from '../undo/undo-log.ts'

type JavaType = NonNullable<UndoValue>['javaType']

/** The names of array types are those of their elements behind an underscore. */
const arrayType = 2003

const types: Readonly<Record<string, readonly [jdbcType: number, javaType: JavaType]>> = {
  bool: [-7, 'java.lang.Boolean'],
  bit: [-7, 'org.postgresql.util.PGobject'],
  int2: [5, 'java.lang.Integer'],
  int4: [4, 'java.lang.Integer'],
  int8: [-5, 'java.lang.Long'],
  oid: [-5, 'java.lang.Long'],
  float4: [7, 'java.lang.Float'],
  float8: [8, 'java.lang.Double'],
  numeric: [2, 'java.math.BigDecimal'],
  money: [8, 'java.lang.String'],
  char: [1, 'java.lang.String'],
  bpchar: [1, 'java.lang.String'],
  varchar: [12, 'java.lang.String'],
  text: [12, 'java.lang.String'],
  name: [12, 'java.lang.String'],
  bytea: [-2, 'javax.sql.rowset.serial.SerialBlob'],
  date: [91, 'java.sql.Date'],
  time: [92, 'java.sql.Time'],
  timetz: [92, 'java.sql.Time'],
  timestamp: [93, 'java.sql.Timestamp'],
  timestamptz: [93, 'java.sql.Timestamp'],
  uuid: [1111, 'java.util.UUID'],
  xml: [2009, 'java.lang.String'],
  'kind A': [arrayType, 'java.lang.String'],
  'kind c': [2002, 'java.lang.String'],
  'kind e': [12, 'java.lang.String'],
}

/** java.sql.Types.OTHER: json, inet, ranges and whatever else has no number of its own. */
const other = 1111

/** @param typeName the name of the type below domains, or `kind` and a letter of pg_type. */
export function jdbcTypeOf(typeName: string): number {
  if (typeName.startsWith('_')) return arrayType
  return types[typeName]?.[0] ?? other
}

/** A value as the server printed it, as the undo log keeps it. */
export function toUndoValue(typeName: string, text: string | null): UndoValue {
  if (text === null) return null
  if (typeName.startsWith('_')) return arrayValue(typeName.slice(1), text)
  const javaType = types[typeName]?.[1] ?? otherClass(typeName)
  switch (javaType) {
    case 'java.lang.Boolean':
      return { javaType, text: text === 't' ? 'true' : 'false' }
    case 'java.math.BigDecimal':
      // NaN and the infinities are no BigDecimal; the JDBC driver hands out a Double too.
      return { javaType: /[Ny]/.test(text) ? 'java.lang.Double' : javaType, text }
    case 'java.sql.Date':
    case 'java.sql.Timestamp':
      return dateValue(javaType, text)
    case 'javax.sql.rowset.serial.SerialBlob':
      return bytesValue(text)
    case 'org.postgresql.util.PGobject':
      return { javaType, text, databaseType: typeName }
    default:
      return { javaType, text }
  }
}

/** The driver's object for its own types is not told from the name of their kind. */
function otherClass(typeName: string): JavaType {
  return typeName.startsWith('kind ') ? 'java.lang.String' : 'org.postgresql.util.PGobject'
}

/** The text that, cast to the column's type in a session in UTC, is the value. */
export function toSqlText(value: UndoValue): string | null {
  if (value === null) return null
  return value.javaType === 'javax.sql.rowset.serial.SerialBlob' ? `\\x${value.text}` : value.text
}

/** Infinity, years BC and years beyond a Date's reach stay strings: the undo log must not round. */
function dateValue(javaType: 'java.sql.Date' | 'java.sql.Timestamp', text: string): UndoValue {
  const match = /^(.*?)(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(text)
  const isZoned = javaType === 'java.sql.Timestamp' && match?.[2] !== undefined
  const [, local, sign, hours, minutes = 0, seconds = 0] = isZoned ? match! : ['', text]
  const instant = epochMs(local!)
  if (instant === undefined) return { javaType: 'java.lang.String', text }
  const offsetSeconds = isZoned ? Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) : 0
  const ms = instant.ms - (sign === '-' ? -1000 : 1000) * offsetSeconds
  const exact = javaType === 'java.sql.Date' ? dateText(ms) : timestampText(ms, instant.nanos)
  const isKept = exact !== undefined && (isZoned || exact === text)
  return isKept ? { javaType, text: exact } : { javaType: 'java.lang.String', text }
}

const quotedElement = /"(?:[^"\\]|\\.)*"/gs
const arrayElement = /"((?:[^"\\]|\\.)*)"|[^,]+/gs

/** Arrays of more dimensions, or with bounds of their own, stay text. */
function arrayValue(databaseType: string, text: string): UndoValue {
  const isPlain = text.startsWith('{') && !text.replaceAll(quotedElement, '').includes('{', 1)
  if (!isPlain) return { javaType: 'java.lang.String', text }
  const values: UndoValue[] = []
  for (const [whole, quoted] of text.slice(1, -1).matchAll(arrayElement)) {
    const element = quoted?.replaceAll(/\\(.)/gs, '$1') ?? (whole === 'NULL' ? null : whole)
    values.push(toUndoValue(databaseType, element))
  }
  const elements = { jdbcType: jdbcTypeOf(databaseType), values }
  return { javaType: 'java.sql.Array', text, databaseType, elements }
}

function bytesValue(text: string): UndoValue {
  const javaType = 'javax.sql.rowset.serial.SerialBlob'
  if (text.startsWith('\\x')) return { javaType, text: text.slice(2) }
  // The session prints bytea in the old escape form: a backslash is doubled or begins \ooo.
  const bytes: number[] = []
  for (const [, octal, plain] of text.matchAll(/\\(\d{3}|\\)|([^\\])/g)) {
    if (plain !== undefined) bytes.push(plain.charCodeAt(0))
    else bytes.push(octal === '\\' ? 0x5c : Number.parseInt(octal!, 8))
  }
  return { javaType, text: Buffer.from(bytes).toString('hex') }
}
