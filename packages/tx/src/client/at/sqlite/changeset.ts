/**
 * Decodes the changeset of SQLite's session extension: the net effect of everything that happened
 * since a session began, row by row with old and new values, triggers and cascades included.
 * Source: the comments on the changeset format in SQLite's ext/session/sqlite3session.c.
 *
 * ```
 * changeset = table*
 * table     = 'T' | varint columns | byte key[columns] | name, NUL | change*
 *             key[i] is 0, or the position (from 1) of column i in the primary key
 * change    = 18 INSERT | indirect | new record
 *           |  9 DELETE | indirect | old record
 *           | 23 UPDATE | indirect | old record | new record
 * record    = value[columns]
 * value     = 0 (not recorded: unchanged) | 1 int64 | 2 float64 | 3 varint size, text
 *           | 4 varint size, blob | 5 (NULL)
 * ```
 *
 * Integers are big-endian. Generated columns are not part of it. An UPDATE's old record has the
 * primary key and the columns that change, its new record only the latter.
 */
import { txError } from '../../../errors.ts'
import type { SqliteValue } from './sqlite-value.ts'

/** One value for each column; undefined where the changeset does not record it. */
export type ChangeRecord = readonly (SqliteValue | undefined)[]

export type RowChange =
  | { readonly kind: 'INSERT'; readonly after: ChangeRecord }
  | { readonly kind: 'DELETE'; readonly before: ChangeRecord }
  | { readonly kind: 'UPDATE'; readonly before: ChangeRecord; readonly after: ChangeRecord }

export interface TableChanges {
  readonly tableName: string
  /** For each column whether it belongs to the primary key. */
  readonly isKey: readonly boolean[]
  readonly rows: readonly RowChange[]
}

const tableMark = 0x54
const insertMark = 18
const deleteMark = 9
const updateMark = 23
/** SQLite's own limit of columns in a table. */
const maxColumns = 32_767

/**
 * Decodes a changeset. Texts are copied; blobs are views into `bytes`.
 * @throws SETTEE_TX_UNSUPPORTED_SQL for text that is no UTF-8, which no undo log could restore.
 * @throws SETTEE_TX_BAD_UNDO_LOG when the bytes are no changeset.
 */
export function decodeChangeset(bytes: Uint8Array): TableChanges[] {
  const reader = new ChangesetReader(bytes)
  const tables: TableChanges[] = []
  while (!reader.atEnd) tables.push(readTable(reader))
  return tables
}

function readTable(reader: ChangesetReader): TableChanges {
  if (reader.byte() !== tableMark) throw malformed('a table header is missing', reader)
  const columnCount = reader.varint()
  if (columnCount < 1 || columnCount > maxColumns) {
    throw malformed(`a table has ${columnCount} columns`, reader)
  }
  const isKey = [...reader.raw(columnCount)].map((position) => position !== 0)
  const tableName = reader.name()
  const rows: RowChange[] = []
  while (!reader.atEnd && reader.peek() !== tableMark) rows.push(readChange(reader, columnCount))
  return { tableName, isKey, rows }
}

function readChange(reader: ChangesetReader, columnCount: number): RowChange {
  const mark = reader.byte()
  reader.byte() // Whether a trigger or a cascade did it: undone all the same.
  switch (mark) {
    case insertMark:
      return { kind: 'INSERT', after: readRecord(reader, columnCount) }
    case deleteMark:
      return { kind: 'DELETE', before: readRecord(reader, columnCount) }
    case updateMark: {
      const before = readRecord(reader, columnCount)
      return { kind: 'UPDATE', before, after: readRecord(reader, columnCount) }
    }
    default:
      throw malformed(`a change of the unknown kind ${mark}`, reader)
  }
}

function readRecord(reader: ChangesetReader, columnCount: number): ChangeRecord {
  const values: (SqliteValue | undefined)[] = []
  for (let column = 0; column < columnCount; column++) values.push(reader.value())
  return values
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class ChangesetReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get offset(): number {
    return this.#offset
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  peek(): number {
    return this.#bytes[this.#offset]!
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  raw(size: number): Uint8Array {
    const at = this.#advance(size)
    return this.#bytes.subarray(at, at + size)
  }

  /** SQLite's varint: 7 bits a byte, the highest first, the top bit set on all but the last. */
  varint(): number {
    let value = 0
    for (let length = 1; length <= 5; length++) {
      const byte = this.byte()
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value
    }
    throw malformed('a length is longer than 5 bytes', this)
  }

  name(): string {
    const end = this.#bytes.indexOf(0, this.#offset)
    if (end < 0) throw malformed('a table name has no end', this)
    const name = this.#text(end - this.#offset)
    this.#advance(1)
    return name
  }

  value(): SqliteValue | undefined {
    switch (this.byte()) {
      case 0:
        return undefined
      case 1:
        return this.#view.getBigInt64(this.#advance(8))
      case 2:
        return this.#view.getFloat64(this.#advance(8))
      case 3:
        return this.#text(this.varint())
      case 4:
        return this.raw(this.varint())
      case 5:
        return null
      default:
        throw malformed('a value has an unknown type', this)
    }
  }

  #text(size: number): string {
    const bytes = this.raw(size)
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw txError(
        'SETTEE_TX_UNSUPPORTED_SQL',
        'a changed row holds text that is no valid UTF-8, which an undo log cannot restore; ' +
          'store such bytes as BLOB',
        { cause },
      )
    }
  }

  #advance(size: number): number {
    const at = this.#offset
    if (size > this.#bytes.length - at) throw malformed(`${size} bytes are missing`, this)
    this.#offset = at + size
    return at
  }
}

function malformed(what: string, reader: ChangesetReader): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the changeset cannot be read at byte ${reader.offset}: ${what}`,
  )
}
