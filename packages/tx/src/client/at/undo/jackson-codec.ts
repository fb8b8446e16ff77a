/**
 * The undo log as JSON in the form that Seata's `jackson` parser reads and writes: an ObjectMapper
 * with default typing NON_FINAL, so that every object carries its class and every value whose class
 * JSON does not imply is a pair `[class, value]`. Original:
 * org.apache.seata.rm.datasource.undo.parser.JacksonUndoLogParser.
 *
 * ```
 * {"@class":"…undo.BranchUndoLog","xid":"…","branchId":2,"sqlUndoLogs":["java.util.ArrayList",[
 *   {"@class":"…undo.SQLUndoLog","sqlType":"UPDATE","tableName":"account",
 *    "beforeImage":{"@class":"…struct.TableRecords","tableName":"account","rows":[…]},
 *    "afterImage":{…}}]]}
 * ```
 *
 * | class | JSON | `text` of the value |
 * |---|---|---|
 * | Boolean, Integer, String | as is | `true` or `false`; digits; the string |
 * | Double | `1.5`, `5.0`; `["java.lang.Double","NaN"]` | `1.5`, `5`; `NaN`, `Infinity`, `-Infinity` |
 * | Float | `["java.lang.Float",1.5]` | as Double |
 * | Long, BigInteger, BigDecimal | `[class,digits]`, never through a binary number | the digits |
 * | Date | `[class,ms]` | `2024-02-29` |
 * | Time | `[class,"23:59:59"]` | the string |
 * | Timestamp | `[class,[ms,nanos]]` | `2024-02-29 23:59:59.123456`, in UTC |
 * | SerialBlob | `[class,base64]`, `["[B",base64]` for BINARY columns | lower-case hexadecimal |
 * | SerialClob | `[class,string]` | the string |
 *
 * Java knows no date without a time zone, so dates and timestamps count as UTC: a Java peer that
 * shares the database must run in UTC too. A date that Java's calendar cannot hold exactly (such
 * as `infinity` or a year BC) belongs into the log as a String.
 */
import { messageOf } from '@settee/kit'
import type { Long } from '@settee/wire'
import { txError } from '../../../errors.ts'
import { bytesText, dateText, epochMs, timestampText } from './jackson-time.ts'
import type {
  BranchUndoLog,
  Field,
  Row,
  StatementUndoLog,
  TableRecords,
  UndoValue,
} from './undo-log.ts'

type PresentValue = NonNullable<UndoValue>
type JavaType = PresentValue['javaType']

const undoPackage = 'org.apache.seata.rm.datasource.undo.'
const structPackage = 'org.apache.seata.rm.datasource.sql.struct.'
const emptyRecords = `${structPackage}TableRecords$EmptyTableRecords`

/** java.sql.Types whose values the JDBC drivers hand out as byte[] and not as Blob. */
const byteArrayTypes: ReadonlySet<number> = new Set([-2, -3, -4])

const numberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const integerPattern = /^-?(0|[1-9]\d*)$/

/**
 * Writes an undo log as JSON.
 * @throws SETTEE_TX_BAD_UNDO_LOG when a value's text does not belong to its class.
 */
export function encodeUndoLog(log: BranchUndoLog): string {
  const statements = log.statements.map(encodeStatement).join(',')
  return (
    `{"@class":"${undoPackage}BranchUndoLog","xid":${JSON.stringify(log.xid)},` +
    `"branchId":${log.branchId},"sqlUndoLogs":["java.util.ArrayList",[${statements}]]}`
  )
}

function encodeStatement(statement: StatementUndoLog): string {
  return (
    `{"@class":"${undoPackage}SQLUndoLog","sqlType":"${statement.sqlType}",` +
    `"tableName":${JSON.stringify(statement.tableName)},` +
    `"beforeImage":${encodeRecords(statement.beforeImage)},` +
    `"afterImage":${encodeRecords(statement.afterImage)}}`
  )
}

function encodeRecords(records: TableRecords): string {
  const className = records.rows.length === 0 ? emptyRecords : `${structPackage}TableRecords`
  const rows = records.rows.map(encodeRow).join(',')
  return (
    `{"@class":"${className}","tableName":${JSON.stringify(records.tableName)},` +
    `"rows":["java.util.ArrayList",[${rows}]]}`
  )
}

function encodeRow(row: Row): string {
  const fields = row.fields.map(encodeField).join(',')
  return `{"@class":"${structPackage}Row","fields":["java.util.ArrayList",[${fields}]]}`
}

function encodeField(field: Field): string {
  return (
    `{"@class":"${structPackage}Field","name":${JSON.stringify(field.name)},` +
    `"keyType":"${field.isPrimaryKey ? 'PRIMARY_KEY' : 'NULL'}","type":${field.jdbcType},` +
    `"value":${field.value === null ? 'null' : encodeValue(field.value, field.jdbcType)}}`
  )
}

function encodeValue({ javaType, text }: PresentValue, jdbcType: number): string {
  switch (javaType) {
    case 'java.lang.String':
      return JSON.stringify(text)
    case 'java.lang.Boolean':
      if (text !== 'true' && text !== 'false') throw badText(javaType, text)
      return text
    case 'java.lang.Integer':
      return integerText(javaType, text)
    case 'java.lang.Double':
      return isFinite(text) ? floatText(javaType, text) : pair(javaType, nonFinite(javaType, text))
    case 'java.lang.Float':
      return pair(javaType, isFinite(text) ? floatText(javaType, text) : nonFinite(javaType, text))
    case 'java.lang.Long':
    case 'java.math.BigInteger':
      return pair(javaType, integerText(javaType, text))
    case 'java.math.BigDecimal':
      if (!numberPattern.test(text)) throw badText(javaType, text)
      return pair(javaType, text)
    case 'java.sql.Time':
    case 'javax.sql.rowset.serial.SerialClob':
      return pair(javaType, JSON.stringify(text))
    case 'java.sql.Date':
    case 'java.sql.Timestamp':
      return encodeInstant(javaType, text)
    case 'javax.sql.rowset.serial.SerialBlob': {
      if (!/^([\da-f]{2})*$/.test(text)) throw badText(javaType, text)
      const base64 = Buffer.from(text, 'hex').toString('base64')
      return pair(byteArrayTypes.has(jdbcType) ? '[B' : javaType, `"${base64}"`)
    }
  }
}

function encodeInstant(javaType: 'java.sql.Date' | 'java.sql.Timestamp', text: string): string {
  const instant = epochMs(text)
  if (instant === undefined) throw badText(javaType, text)
  const { ms, nanos } = instant
  // Only what comes back as the same text is written: an undo log must not round.
  const again = javaType === 'java.sql.Date' ? dateText(ms) : timestampText(ms, nanos)
  if (again !== text) throw badText(javaType, text)
  return pair(javaType, javaType === 'java.sql.Date' ? String(ms) : `[${ms},${nanos}]`)
}

function pair(className: string, json: string): string {
  return `["${className}",${json}]`
}

function integerText(javaType: JavaType, text: string): string {
  if (!integerPattern.test(text)) throw badText(javaType, text)
  return text
}

/** A JSON number that a reader cannot take for an integer: `5` becomes `5.0`. */
function floatText(javaType: JavaType, text: string): string {
  if (!numberPattern.test(text)) throw badText(javaType, text)
  return integerPattern.test(text) ? `${text}.0` : text
}

function isFinite(text: string): boolean {
  return !text.endsWith('y') && text !== 'NaN'
}

function nonFinite(javaType: JavaType, text: string): string {
  if (text !== 'NaN' && text !== 'Infinity' && text !== '-Infinity') throw badText(javaType, text)
  return `"${text}"`
}

function badText(javaType: JavaType, text: string): Error {
  return bad(`${JSON.stringify(text.slice(0, 100))} is no ${javaType}`)
}

// ------------------------------------------------------------------------------------ decoding

export interface UndoLogLimits {
  /** Longest log in UTF-16 units. Default 64 MiB. */
  readonly maxLength?: number
}

/** Objects and arrays inside each other; Seata's own form needs 11. */
const maxDepth = 32

/** A number as it stands in the text, because a binary number would lose digits. */
class NumberToken {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads an undo log that Settee or a Java Seata of any 1.x or 2.x version wrote.
 * @throws SETTEE_TX_BAD_UNDO_LOG on anything that is not such a log.
 */
export function decodeUndoLog(text: string, limits: UndoLogLimits = {}): BranchUndoLog {
  const maxLength = limits.maxLength ?? 64 * 2 ** 20
  if (text.length > maxLength) {
    throw bad(`it has ${text.length} characters, but the limit is ${maxLength}`)
  }
  checkDepth(text)
  const log = objectOf(parseJson(text), `BranchUndoLog`)
  return {
    xid: stringOf(log, 'xid'),
    branchId: longOf(log, 'branchId'),
    statements: listOf(log, 'sqlUndoLogs').map(decodeStatement),
  }
}

type SourceReviver = (key: string, value: unknown, context: { source?: string }) => unknown

function parseJson(text: string): unknown {
  const keepDigits: SourceReviver = (_key, value, { source }) =>
    typeof value === 'number' ? new NumberToken(source!) : value
  try {
    return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown)
  } catch (error) {
    throw bad(`it is no JSON: ${messageOf(error)}`)
  }
}

/** The parser's walk is recursive, so the depth is checked before it sees the text. */
function checkDepth(text: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (inString) {
      if (unit === 0x5c) i++
      else if (unit === 0x22) inString = false
    } else if (unit === 0x22) inString = true
    else if (unit === 0x5b || unit === 0x7b) depth++
    else if (unit === 0x5d || unit === 0x7d) depth--
    if (depth > maxDepth) throw bad(`it nests deeper than ${maxDepth} levels at character ${i}`)
  }
}

function decodeStatement(json: unknown): StatementUndoLog {
  const statement = objectOf(json, 'SQLUndoLog')
  const sqlType = stringOf(statement, 'sqlType')
  if (sqlType !== 'INSERT' && sqlType !== 'UPDATE' && sqlType !== 'DELETE') {
    throw bad(`statements of type ${JSON.stringify(sqlType.slice(0, 50))} are not supported`)
  }
  return {
    sqlType,
    tableName: stringOf(statement, 'tableName'),
    beforeImage: decodeRecords(statement['beforeImage']),
    afterImage: decodeRecords(statement['afterImage']),
  }
}

function decodeRecords(json: unknown): TableRecords {
  const records = objectOf(json, 'TableRecords', 'TableRecords$EmptyTableRecords')
  return {
    tableName: stringOf(records, 'tableName'),
    rows: listOf(records, 'rows').map((row) => ({
      fields: listOf(objectOf(row, 'Row'), 'fields').map(decodeField),
    })),
  }
}

function decodeField(json: unknown): Field {
  const field = objectOf(json, 'Field')
  const keyType = stringOf(field, 'keyType')
  if (keyType !== 'PRIMARY_KEY' && keyType !== 'NULL') {
    throw bad(`keyType is ${JSON.stringify(keyType.slice(0, 50))}`)
  }
  return {
    name: stringOf(field, 'name'),
    isPrimaryKey: keyType === 'PRIMARY_KEY',
    jdbcType: Number(longOf(field, 'type')),
    value: decodeValue(field['value']),
  }
}

function decodeValue(json: unknown): UndoValue {
  if (json === null) return null
  if (typeof json === 'string') return { javaType: 'java.lang.String', text: json }
  if (typeof json === 'boolean') return { javaType: 'java.lang.Boolean', text: String(json) }
  if (json instanceof NumberToken) return decodeNumber(json.source)
  if (Array.isArray(json) && json.length === 2 && typeof json[0] === 'string') {
    const javaType = Object.hasOwn(readableClasses, json[0]) ? readableClasses[json[0]] : undefined
    if (javaType === undefined) {
      throw bad(`a value has the unknown class ${JSON.stringify(json[0].slice(0, 100))}`)
    }
    const text = decodeText(javaType, json[1])
    if (text !== undefined) return { javaType, text }
  }
  throw bad(`a value is ${JSON.stringify(json)?.slice(0, 100)}`)
}

/** Classes of `[class, value]` pairs; drivers hand out some that differ from Settee's choice. */
const readableClasses: Readonly<Record<string, JavaType>> = {
  'java.lang.Boolean': 'java.lang.Boolean',
  'java.lang.Byte': 'java.lang.Integer',
  'java.lang.Short': 'java.lang.Integer',
  'java.lang.Integer': 'java.lang.Integer',
  'java.lang.Long': 'java.lang.Long',
  'java.lang.Float': 'java.lang.Float',
  'java.lang.Double': 'java.lang.Double',
  'java.lang.String': 'java.lang.String',
  'java.util.UUID': 'java.lang.String',
  'java.math.BigDecimal': 'java.math.BigDecimal',
  'java.math.BigInteger': 'java.math.BigInteger',
  'java.sql.Date': 'java.sql.Date',
  'java.sql.Time': 'java.sql.Time',
  'java.sql.Timestamp': 'java.sql.Timestamp',
  'javax.sql.rowset.serial.SerialBlob': 'javax.sql.rowset.serial.SerialBlob',
  '[B': 'javax.sql.rowset.serial.SerialBlob',
  'javax.sql.rowset.serial.SerialClob': 'javax.sql.rowset.serial.SerialClob',
}

/** A number without a class: Jackson writes Integer and Double so, whatever fits. */
function decodeNumber(source: string): UndoValue {
  if (!integerPattern.test(source)) {
    return { javaType: 'java.lang.Double', text: withoutZeroFraction(source) }
  }
  const fits = Number.isSafeInteger(Number(source)) && (Number(source) | 0) === Number(source)
  return { javaType: fits ? 'java.lang.Integer' : 'java.lang.Long', text: source }
}

function decodeText(javaType: JavaType, json: unknown): string | undefined {
  switch (javaType) {
    case 'java.lang.Boolean':
      return typeof json === 'boolean' ? String(json) : undefined
    case 'java.lang.String':
    case 'javax.sql.rowset.serial.SerialClob':
      return typeof json === 'string' ? json : undefined
    case 'java.lang.Integer':
    case 'java.lang.Long':
    case 'java.math.BigInteger':
      return json instanceof NumberToken && integerPattern.test(json.source)
        ? json.source
        : undefined
    case 'java.math.BigDecimal':
      return json instanceof NumberToken ? json.source : undefined
    case 'java.lang.Float':
    case 'java.lang.Double':
      if (json instanceof NumberToken) return withoutZeroFraction(json.source)
      return json === 'NaN' || json === 'Infinity' || json === '-Infinity' ? json : undefined
    case 'javax.sql.rowset.serial.SerialBlob':
      return typeof json === 'string' ? bytesText(json) : undefined
    case 'java.sql.Date':
      if (typeof json === 'string') return json
      return json instanceof NumberToken ? dateText(Number(json.source)) : undefined
    case 'java.sql.Time':
      if (typeof json === 'string') return json
      return json instanceof NumberToken ? timestampText(Number(json.source))?.slice(11) : undefined
    case 'java.sql.Timestamp':
      if (json instanceof NumberToken) return timestampText(Number(json.source))
      if (!Array.isArray(json) || json.length !== 2) return undefined
      return json[0] instanceof NumberToken && json[1] instanceof NumberToken
        ? timestampText(Number(json[0].source), Number(json[1].source))
        : undefined
  }
}

function withoutZeroFraction(source: string): string {
  return source.endsWith('.0') ? source.slice(0, -2) : source
}

// ------------------------------------------------------------------------- checked access to JSON

/** `json` as an object of one of `classes`, of the packages that Seata has had over the years. */
function objectOf(json: unknown, ...classes: readonly string[]): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw bad(`a ${classes[0]} is missing`)
  }
  const object = json as JsonObject
  const className = stringOf(object, '@class')
  const isKnown =
    /^(org\.apache|io)\.seata\./.test(className) &&
    classes.includes(className.slice(className.lastIndexOf('.') + 1))
  if (!isKnown) {
    throw bad(`a ${classes[0]} has the class ${JSON.stringify(className.slice(0, 100))}`)
  }
  return object
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function stringOf(object: JsonObject, key: string): string {
  const value = own(object, key)
  if (typeof value !== 'string') throw bad(`${key} is no string`)
  return value
}

function longOf(object: JsonObject, key: string): Long {
  const value = own(object, key)
  if (!(value instanceof NumberToken) || !/^-?\d{1,19}$/.test(value.source)) {
    throw bad(`${key} is no 64-bit integer`)
  }
  const number = Number(value.source)
  return Number.isSafeInteger(number) ? number : BigInt(value.source)
}

/** A Java list: `["java.util.ArrayList", […]]`. */
function listOf(object: JsonObject, key: string): readonly unknown[] {
  const value = own(object, key)
  const isList =
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === 'string' &&
    value[0].startsWith('java.util.') &&
    Array.isArray(value[1])
  if (!isList) throw bad(`${key} is no Java list`)
  return value[1] as readonly unknown[]
}

function bad(reason: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log cannot be used: ${reason}; look at the row in undo_log and at who wrote it`,
  )
}
