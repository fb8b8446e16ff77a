/**
 * The undo log of a branch as values: for each statement the rows before and after it. Original:
 * org.apache.seata.rm.datasource.undo.BranchUndoLog and its parts.
 */
import type { Long } from '@settee/wire'

export interface BranchKey {
  readonly xid: string
  readonly branchId: Long
}

export interface BranchUndoLog extends BranchKey {
  /** In the order in which the statements ran; undone from the last to the first. */
  readonly statements: readonly StatementUndoLog[]
}

export interface StatementUndoLog {
  readonly sqlType: 'INSERT' | 'UPDATE' | 'DELETE'
  readonly tableName: string
  /** Empty for INSERT. */
  readonly beforeImage: TableRecords
  /** Empty for DELETE. */
  readonly afterImage: TableRecords
}

export interface TableRecords {
  readonly tableName: string
  readonly rows: readonly Row[]
}

export interface Row {
  readonly fields: readonly Field[]
}

export interface Field {
  readonly name: string
  readonly isPrimaryKey: boolean
  /** A constant of java.sql.Types. */
  readonly jdbcType: number
  readonly value: UndoValue
}

/**
 * A column value with the Java class that Seata's JDBC driver would return for the column, because
 * a Java peer compares classes too. `text` is the exact value in the database's own text form.
 */
export type UndoValue = null | {
  readonly javaType:
    | 'java.lang.Boolean'
    | 'java.lang.Integer'
    | 'java.lang.Long'
    | 'java.lang.Float'
    | 'java.lang.Double'
    | 'java.lang.String'
    | 'java.math.BigDecimal'
    | 'java.math.BigInteger'
    | 'java.sql.Array'
    | 'java.sql.Date'
    | 'java.sql.Time'
    | 'java.sql.Timestamp'
    | 'java.time.LocalDateTime'
    | 'java.util.UUID'
    | 'javax.sql.rowset.serial.SerialBlob'
    | 'javax.sql.rowset.serial.SerialClob'
    | 'org.postgresql.util.PGobject'
  /** Binary values are hexadecimal. */
  readonly text: string
  /** Of a PGobject or of the elements of an Array: the type in the database, such as `jsonb`. */
  readonly databaseType?: string
  /** Of an Array that is to be written. */
  readonly elements?: { readonly jdbcType: number; readonly values: readonly UndoValue[] }
}
