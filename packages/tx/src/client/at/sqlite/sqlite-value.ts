/**
 * Values at the three borders of the SQLite mode: the application (in the manner of `pg`), SQLite
 * itself, and the undo log.
 *
 * | SQLite | in JavaScript | undo log |
 * |---|---|---|
 * | INTEGER | bigint | BIGINT, java.lang.Long |
 * | REAL | number | DOUBLE, java.lang.Double, shortest text that reads back the same |
 * | TEXT | string | VARCHAR, java.lang.String |
 * | BLOB | Uint8Array | BLOB, SerialBlob, hexadecimal |
 * | NULL | null | NULL |
 *
 * The type is that of the value, not of the column's declaration: SQLite columns have none.
 */
import { txError } from '../../../errors.ts'
import type { UndoValue } from '../undo/undo-log.ts'

export type SqliteValue = null | bigint | number | string | Uint8Array

// Constants of java.sql.Types.
const jdbcNull = 0
const jdbcBigint = -5
const jdbcDouble = 8
const jdbcVarchar = 12
const jdbcBlob = 2004

/**
 * A parameter as an application passes it to `pg`: integers become INTEGER, booleans 0 and 1, dates
 * ISO 8601 text in UTC, other objects JSON, undefined NULL.
 */
export function fromApplication(value: unknown): SqliteValue {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'boolean':
      return value ? 1n : 0n
    case 'number':
      // The zero of -0 would lose its sign as INTEGER.
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
    case 'bigint':
    case 'string':
      return value
    case 'object':
      if (value === null) return null
      if (value instanceof Uint8Array) return value
      if (value instanceof Date) return value.toISOString()
      return JSON.stringify(value)
    default:
      throw txError('SETTEE_TX_BAD_QUERY', `a ${typeof value} cannot be a query parameter`)
  }
}

/** A column as `pg` would hand it out: integers as number when that is exact, blobs as Buffer. */
export function toApplication(value: SqliteValue): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  return value
}

export function toUndoValue(value: SqliteValue): UndoValue {
  if (value === null) return null
  switch (typeof value) {
    case 'bigint':
      return { javaType: 'java.lang.Long', text: value.toString() }
    case 'number':
      return { javaType: 'java.lang.Double', text: Object.is(value, -0) ? '-0' : String(value) }
    case 'string':
      return { javaType: 'java.lang.String', text: value }
    case 'object':
      return {
        javaType: 'javax.sql.rowset.serial.SerialBlob',
        text: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex'),
      }
  }
}

/** @throws SETTEE_TX_BAD_UNDO_LOG for a class that this module never writes. */
export function fromUndoValue(value: UndoValue): SqliteValue {
  switch (value?.javaType) {
    case undefined:
      return null
    case 'java.lang.Integer':
    case 'java.lang.Long':
      return BigInt(value.text)
    case 'java.lang.Double':
      return Number(value.text)
    case 'java.lang.String':
      return value.text
    case 'javax.sql.rowset.serial.SerialBlob':
      return Buffer.from(value.text, 'hex')
    default:
      throw txError(
        'SETTEE_TX_BAD_UNDO_LOG',
        `the undo log holds a ${value?.javaType}, which SQLite has no value for; ` +
          'it was not written by this resource',
      )
  }
}

export function jdbcTypeOf(value: SqliteValue): number {
  if (value === null) return jdbcNull
  switch (typeof value) {
    case 'bigint':
      return jdbcBigint
    case 'number':
      return jdbcDouble
    case 'string':
      return jdbcVarchar
    case 'object':
      return jdbcBlob
  }
}

/** Text of a primary-key value in a lock key. */
export function toLockText(value: SqliteValue): string {
  return toUndoValue(value)?.text ?? 'null'
}

/** Same type and same content; 0 and -0 are one, because SQLite stores them as one in places. */
export function isSameValue(left: SqliteValue, right: SqliteValue): boolean {
  if (left instanceof Uint8Array) {
    return right instanceof Uint8Array && Buffer.compare(left, right) === 0
  }
  return left === right
}
