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
 * Values: see jackson-values.ts.
 */
import { messageOf } from '@settee/kit'
import type { Long } from '@settee/wire'
import { txError } from '../../../errors.ts'
import { decodeJacksonValue, encodeJacksonValue, NumberToken } from './jackson-values.ts'
import type {
  BranchUndoLog,
  Field,
  Row,
  StatementUndoLog,
  TableRecords,
  UndoValue,
} from './undo-log.ts'

/** Where Java has its classes: releases before 2.1 read `io.seata` only, later ones the other. */
export type SeataNamespace = 'io.seata' | 'org.apache.seata'

/**
 * Writes an undo log as JSON.
 * @param namespace that of the Java peers that may have to roll the branch back.
 * @throws SETTEE_TX_BAD_UNDO_LOG when a value's text does not belong to its class.
 */
export function encodeUndoLog(
  log: BranchUndoLog,
  namespace: SeataNamespace = 'org.apache.seata',
): string {
  const statements = log.statements
    .map((statement) => encodeStatement(statement, `${namespace}.rm.datasource`))
    .join(',')
  return (
    `{"@class":"${namespace}.rm.datasource.undo.BranchUndoLog","xid":${JSON.stringify(log.xid)},` +
    `"branchId":${log.branchId},"sqlUndoLogs":["java.util.ArrayList",[${statements}]]}`
  )
}

function encodeStatement(statement: StatementUndoLog, javaPackage: string): string {
  return (
    `{"@class":"${javaPackage}.undo.SQLUndoLog","sqlType":"${statement.sqlType}",` +
    `"tableName":${JSON.stringify(statement.tableName)},` +
    `"beforeImage":${encodeRecords(statement.beforeImage, javaPackage)},` +
    `"afterImage":${encodeRecords(statement.afterImage, javaPackage)}}`
  )
}

function encodeRecords(records: TableRecords, javaPackage: string): string {
  const suffix = records.rows.length === 0 ? '$EmptyTableRecords' : ''
  const rows = records.rows.map((row) => encodeRow(row, javaPackage)).join(',')
  return (
    `{"@class":"${javaPackage}.sql.struct.TableRecords${suffix}",` +
    `"tableName":${JSON.stringify(records.tableName)},` +
    `"rows":["java.util.ArrayList",[${rows}]]}`
  )
}

function encodeRow(row: Row, javaPackage: string): string {
  const fields = row.fields.map((field) => encodeField(field, javaPackage)).join(',')
  return `{"@class":"${javaPackage}.sql.struct.Row","fields":["java.util.ArrayList",[${fields}]]}`
}

function encodeField(field: Field, javaPackage: string): string {
  return (
    `{"@class":"${javaPackage}.sql.struct.Field","name":${JSON.stringify(field.name)},` +
    `"keyType":"${field.isPrimaryKey ? 'PRIMARY_KEY' : 'NULL'}","type":${field.jdbcType},` +
    `"value":${encodeValue(field, javaPackage)}}`
  )
}

function encodeValue({ name, value, jdbcType }: Field, javaPackage: string): string {
  if (value === null) return 'null'
  const json = encodeJacksonValue(value, jdbcType, javaPackage)
  if (json !== undefined) return json
  throw bad(`${name} is ${JSON.stringify(value.text.slice(0, 100))}, which is no ${value.javaType}`)
}

// ------------------------------------------------------------------------------------ decoding

export interface UndoLogLimits {
  /** Longest log in UTF-16 units. Default 64 MiB. */
  readonly maxLength?: number
}

/** Objects and arrays inside each other; Seata's own form needs 13. */
const maxDepth = 32

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
    beforeImage: decodeRecords(own(statement, 'beforeImage')),
    afterImage: decodeRecords(own(statement, 'afterImage')),
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
    value: decodeValue(own(field, 'value')),
  }
}

function decodeValue(json: unknown): UndoValue {
  const value = decodeJacksonValue(json)
  if (value !== undefined) return value
  throw bad(`a value is ${String(JSON.stringify(json)).slice(0, 100)}`)
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
