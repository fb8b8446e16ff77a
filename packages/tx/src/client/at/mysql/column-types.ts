/**
 * How the values of each column type are read, kept in the undo log and written back to the byte,
 * whatever character set, time zone and sql_mode the session has.
 *
 * | types | read as | written as | Java class |
 * |---|---|---|---|
 * | TINYINT … BIGINT | digits | digits | Integer, Long, BigInteger; Boolean for TINYINT(1) |
 * | BIT | `c + 0`: the number, since text would be bytes | digits | Boolean, byte[] |
 * | DECIMAL | digits | digits | BigDecimal |
 * | FLOAT, DOUBLE | `c * 1e0`: text has 6 digits only | digits with exponent | Float, Double |
 * | CHAR, TEXT, ENUM, SET, JSON … | bytes of UTF-8 | `_utf8mb4 X'…'` | String |
 * | BINARY, BLOB, GEOMETRY | bytes; of a geometry the server's own form | `X'…'` | byte[] |
 * | DATE, DATETIME, TIME, YEAR | text | text in quotes | Date, LocalDateTime, Time, Date |
 * | TIMESTAMP | UNIX_TIMESTAMP(c): zones have hours that come twice | text in UTC | Timestamp |
 *
 * The classes are those of Connector/J 8 (com.mysql.cj.MysqlType), from 8.0.23 on. A value that its
 * class cannot hold, such as a date with a zero, is kept as a String; a 5 in a TINYINT(1) as an
 * Integer. So nothing is lost, though a Java peer would take such a row for a changed one.
 */
import { dateText, epochMs, timestampText } from '../undo/jackson-time.ts'
import type { UndoValue } from '../undo/undo-log.ts'
import type { RawValue } from './driver/session.ts'

export type ColumnKind =
  | 'integer'
  | 'bit'
  | 'decimal'
  | 'float'
  | 'double'
  | 'text'
  | 'enum'
  | 'set'
  | 'bytes'
  | 'date'
  | 'time'
  | 'datetime'
  | 'timestamp'
  | 'year'

type JavaType = NonNullable<UndoValue>['javaType']

export interface ColumnType {
  readonly kind: ColumnKind
  /** A constant of java.sql.Types, as Connector/J reports it. */
  readonly jdbcType: number
  readonly javaType: JavaType
  /** Of text; undefined for the rest and for the types of MariaDB that print as ASCII. */
  readonly charset: string | undefined
  /** Of an ENUM. */
  readonly hasEmptyMember: boolean
  /** Of FLOAT(M,D): what its largest value may be rounded up to, which it does not take. */
  readonly bound: number | undefined
}

/** [kind, java.sql.Types, class] by the name of the type. */
const types: ReadonlyMap<string, readonly [ColumnKind, number, JavaType]> = new Map([
  ['tinyint', ['integer', -6, 'java.lang.Integer']],
  ['smallint', ['integer', 5, 'java.lang.Integer']],
  ['mediumint', ['integer', 4, 'java.lang.Integer']],
  ['int', ['integer', 4, 'java.lang.Integer']],
  ['bigint', ['integer', -5, 'java.lang.Long']],
  ['bit', ['bit', -7, 'javax.sql.rowset.serial.SerialBlob']],
  ['decimal', ['decimal', 3, 'java.math.BigDecimal']],
  ['float', ['float', 7, 'java.lang.Float']],
  ['double', ['double', 8, 'java.lang.Double']],
  ['char', ['text', 1, 'java.lang.String']],
  ['varchar', ['text', 12, 'java.lang.String']],
  ['tinytext', ['text', 12, 'java.lang.String']],
  ['text', ['text', -1, 'java.lang.String']],
  ['mediumtext', ['text', -1, 'java.lang.String']],
  ['longtext', ['text', -1, 'java.lang.String']],
  ['json', ['text', -1, 'java.lang.String']],
  ['uuid', ['text', 1111, 'java.lang.String']],
  ['inet4', ['text', 1111, 'java.lang.String']],
  ['inet6', ['text', 1111, 'java.lang.String']],
  ['enum', ['enum', 1, 'java.lang.String']],
  ['set', ['set', 1, 'java.lang.String']],
  ['binary', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['varbinary', ['bytes', -3, 'javax.sql.rowset.serial.SerialBlob']],
  ['tinyblob', ['bytes', -3, 'javax.sql.rowset.serial.SerialBlob']],
  ['blob', ['bytes', -4, 'javax.sql.rowset.serial.SerialBlob']],
  ['mediumblob', ['bytes', -4, 'javax.sql.rowset.serial.SerialBlob']],
  ['longblob', ['bytes', -4, 'javax.sql.rowset.serial.SerialBlob']],
  ['geometry', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['point', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['linestring', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['polygon', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['multipoint', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['multilinestring', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['multipolygon', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['geometrycollection', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['geomcollection', ['bytes', -2, 'javax.sql.rowset.serial.SerialBlob']],
  ['date', ['date', 91, 'java.sql.Date']],
  ['time', ['time', 92, 'java.sql.Time']],
  ['datetime', ['datetime', 93, 'java.time.LocalDateTime']],
  ['timestamp', ['timestamp', 93, 'java.sql.Timestamp']],
  ['year', ['year', 91, 'java.sql.Date']],
] as const)

/**
 * @param typeName `information_schema.COLUMNS.DATA_TYPE`.
 * @param typeSql its `COLUMN_TYPE`, such as `int(11) unsigned`.
 * @returns undefined for a type that is not known.
 */
export function columnTypeOf(
  typeName: string,
  typeSql: string,
  charset: string | undefined,
): ColumnType | undefined {
  const known = types.get(typeName.toLowerCase())
  if (known === undefined) return undefined
  const [kind, jdbcType, javaType] = known
  const type = {
    kind,
    jdbcType,
    javaType,
    charset: kind === 'text' || kind === 'enum' || kind === 'set' ? charset : undefined,
    hasEmptyMember: kind === 'enum' && /[(,]''[,)]/.test(typeSql),
    bound: kind === 'float' || kind === 'double' ? boundOf(typeSql) : undefined,
  }
  if (/^tinyint\(1\)$/i.test(typeSql) || /^bit\(1\)$/i.test(typeSql)) {
    return { ...type, jdbcType: -7, javaType: 'java.lang.Boolean' }
  }
  if (!/unsigned|zerofill/i.test(typeSql)) return type
  if (typeName === 'int') return { ...type, javaType: 'java.lang.Long' }
  if (typeName === 'bigint') return { ...type, javaType: 'java.math.BigInteger' }
  return type
}

function boundOf(typeSql: string): number | undefined {
  const match = /\((\d+),(\d+)\)/.exec(typeSql)
  return match === null ? undefined : 10 ** (Number(match[1]) - Number(match[2]))
}

/**
 * Whether a column holds a value that its type forbids: no member of an ENUM, a FLOAT(M,D) that was
 * rounded up beyond its digits. The server takes it back in a mode that is not strict, and makes of
 * it what it was.
 */
export function isForbidden(
  { kind, bound, hasEmptyMember }: ColumnType,
  value: UndoValue,
): boolean {
  if (value === null) return false
  if (kind === 'enum') return value.text === '' && !hasEmptyMember
  return bound !== undefined && Math.abs(Number(value.text)) >= bound
}

/** Character sets of which every text has an equal one in UTF-8 and the other way round. */
const losslessCharsets: ReadonlySet<string> = new Set([
  'ascii',
  'latin1',
  'utf8',
  'utf8mb3',
  'utf8mb4',
  'ucs2',
  'utf16',
  'utf16le',
  'utf32',
])

/** Bytes that are no UTF-8, in the place of a value that has no equal there. */
const unreadable = "X'FF'"

/**
 * The expression whose value is that of a column, in a form that {@link toUndoValue} understands.
 * @param sql the column as SQL.
 */
export function readExpression({ kind, charset, hasEmptyMember }: ColumnType, sql: string): string {
  switch (kind) {
    case 'bit':
      return `(${sql} + 0)`
    case 'float':
    case 'double':
      return `(${sql} * 1e0)`
    case 'timestamp':
      return `UNIX_TIMESTAMP(${sql})`
    case 'text':
    case 'set':
      return readText(sql, charset)
    case 'enum':
      // A value that is no member reads as '', like the member '', and could not be told from it.
      return hasEmptyMember
        ? `IF(${sql} + 0 = 0, ${unreadable}, ${readText(sql, charset)})`
        : readText(sql, charset)
    default:
      return sql
  }
}

function readText(sql: string, charset: string | undefined): string {
  const bytes = `CAST(CONVERT(${sql} USING utf8mb4) AS BINARY)`
  if (charset === undefined || losslessCharsets.has(charset)) return bytes
  const back = `CONVERT(CONVERT(${sql} USING utf8mb4) USING ${charset})`
  return `IF(CAST(${back} AS BINARY) <=> CAST(${sql} AS BINARY), ${bytes}, ${unreadable})`
}

/**
 * A value that {@link readExpression} gave, as the undo log keeps it.
 * @returns undefined when the text has no equal in UTF-8.
 */
export function toUndoValue(type: ColumnType, raw: RawValue): UndoValue | undefined {
  if (raw === null) return null
  const { kind, javaType } = type
  if (kind === 'bytes') return { javaType, text: bytesOf(raw).toString('hex') }
  if (type.charset !== undefined || kind === 'text') {
    const text = decodeUtf8(bytesOf(raw))
    if (text === undefined) return undefined
    // A CHAR shows the spaces at its end in the mode PAD_CHAR_TO_FULL_LENGTH only.
    return { javaType, text: type.jdbcType === charType ? text.replace(/ +$/, '') : text }
  }
  const text = typeof raw === 'string' ? raw : raw.toString('latin1')
  switch (kind) {
    case 'integer':
      return integerValue(javaType, text.replace(/^0+(?=\d)/, ''))
    case 'bit':
      return bitValue(type, text)
    case 'decimal':
      return { javaType, text: text.replace(/^(-?)0+(?=\d)/, '$1') }
    case 'float':
      return { javaType, text: shortestFloat(text) }
    case 'double':
      return { javaType, text: text.replace('e+', 'e') }
    case 'timestamp':
      return instantValue(text)
    case 'date':
    case 'datetime':
      return localValue(javaType, text)
    case 'time':
      return timeValue(text)
    case 'year':
      return text === '0000' ? string(text) : { javaType, text: `${text}-01-01` }
    default:
      return { javaType, text }
  }
}

const charType = 1

function bytesOf(raw: string | Buffer): Buffer {
  return typeof raw === 'string' ? Buffer.from(raw) : raw
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function string(text: string): UndoValue {
  return { javaType: 'java.lang.String', text }
}

function integerValue(javaType: JavaType, text: string): UndoValue {
  if (javaType !== 'java.lang.Boolean') return { javaType, text }
  if (text === '1' || text === '0') return { javaType, text: text === '1' ? 'true' : 'false' }
  return { javaType: 'java.lang.Integer', text }
}

function bitValue({ javaType }: ColumnType, text: string): UndoValue {
  if (javaType === 'java.lang.Boolean') return integerValue(javaType, text)
  const hex = BigInt(text).toString(16)
  return { javaType, text: hex.length % 2 === 0 ? hex : `0${hex}` }
}

/** The shortest digits that make the same FLOAT. */
function shortestFloat(text: string): string {
  const value = Number(text)
  if (Object.is(value, -0)) return '-0'
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return numberText(short)
  }
  return numberText(value)
}

/** As JSON and SQL write numbers. */
function numberText(value: number): string {
  return String(value).replace('e+', 'e')
}

function instantValue(text: string): UndoValue {
  const [seconds = '', fraction = ''] = text.split('.')
  const nanos = Number(fraction.padEnd(9, '0'))
  // 1970-01-01 00:00:00 is no TIMESTAMP: it stands for the zero date.
  const isZero = Number(seconds) === 0 && nanos === 0
  const local = isZero ? undefined : timestampText(Number(seconds) * 1000, nanos)
  return local === undefined
    ? string('0000-00-00 00:00:00')
    : { javaType: 'java.sql.Timestamp', text: local }
}

function localValue(javaType: JavaType, text: string): UndoValue {
  const short = withoutFractionZeros(text)
  const instant = epochMs(short)
  if (instant === undefined) return string(text)
  const known =
    javaType === 'java.sql.Date' ? dateText(instant.ms) : timestampText(instant.ms, instant.nanos)
  return known === short ? { javaType, text: short } : string(text)
}

function timeValue(text: string): UndoValue {
  const short = withoutFractionZeros(text)
  const isTimeOfDay = /^([01]\d|2[0-3]):\d\d:\d\d$/.test(short)
  return isTimeOfDay ? { javaType: 'java.sql.Time', text: short } : string(short)
}

function withoutFractionZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/**
 * A value of the undo log in one form of several, to compare values of any writer with: Java peers
 * use other classes, scales and fractions.
 */
export function canonicalText({ kind }: ColumnType, value: UndoValue): string | null {
  if (value === null) return null
  const { javaType, text } = value
  switch (kind) {
    case 'integer':
      return booleanDigits(value)
    case 'bit':
      return javaType === 'javax.sql.rowset.serial.SerialBlob'
        ? BigInt(`0x0${text}`).toString()
        : booleanDigits(value)
    case 'decimal':
      return withoutFractionZeros(text)
    case 'float':
      return shortestFloat(String(Math.fround(Number(text))))
    case 'double':
      return Object.is(Number(text), -0) ? '-0' : numberText(Number(text))
    case 'year':
      return text.slice(0, 4)
    case 'date':
      return text.slice(0, 10)
    case 'time':
    case 'datetime':
    case 'timestamp':
      return withoutFractionZeros(text)
    default:
      return text
  }
}

function booleanDigits({ javaType, text }: NonNullable<UndoValue>): string {
  if (javaType !== 'java.lang.Boolean') return text
  return text === 'true' ? '1' : '0'
}

/** A value of the undo log as SQL, for a session that {@link undoSettings} has prepared. */
export function writeLiteral(type: ColumnType, value: UndoValue): string {
  if (value === null) return 'NULL'
  const text = canonicalText(type, value)!
  switch (type.kind) {
    case 'integer':
    case 'bit':
    case 'decimal':
      if (!/^-?\d+(\.\d+)?$/.test(text)) return textLiteral(text)
      return text
    case 'float':
      // All digits: the shortest ones of the largest FLOAT lie beyond it.
      return doubleLiteral(text === '-0' ? text : numberText(Math.fround(Number(text))))
    case 'double':
      return doubleLiteral(text)
    case 'bytes':
      return `X'${text}'`
    case 'enum':
      // No member: its number is 0.
      return text === '' && !type.hasEmptyMember ? '0' : textLiteral(text)
    default:
      return textLiteral(text)
  }
}

function doubleLiteral(text: string): string {
  return text.includes('e') ? text : `${text}e0`
}

/** A string as SQL that means the same in every session. */
export function textLiteral(text: string): string {
  if (/^[\w .:/-]*$/.test(text)) return `'${text}'`
  return `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`
}

/** An identifier as SQL, in quotes. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
