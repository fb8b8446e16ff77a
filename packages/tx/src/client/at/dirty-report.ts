/**
 * What a person needs to decide about a branch that cannot be rolled back by itself: each row that
 * somebody else changed since, as it was before the branch, as the branch left it, and as it is
 * now, with the SQL that each choice amounts to.
 *
 * The report goes to the coordinator in the `applicationData` of a branch report, as
 * `{"dirty": DirtyReportJson}`; what the person chose comes back with the next branch rollback
 * (repair-choice.ts). The original only logs the row (SQLUndoDirtyException).
 */
import { isSetteeError, messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../../errors.ts'
import { BranchStatus, BranchType } from '../../protocol/status.ts'
import type { RepairChoice } from '../repair-choice.ts'
import type { BranchPort } from '../resource.ts'
import type { BranchKey, Field, Row, StatementUndoLog } from './undo/undo-log.ts'

export interface DirtyReport extends BranchKey {
  /** SETTEE_TX_DIRTY_DATA, or SETTEE_TX_BAD_UNDO_LOG when the undo log cannot be read. */
  readonly error: SetteeError
  /** Empty when the trouble is none of single rows. */
  readonly rows: readonly DirtyRow[]
}

export interface DirtyRow {
  readonly tableName: string
  readonly sqlType: StatementUndoLog['sqlType']
  /** Columns of the images, keys first; undefined where the row did not exist. */
  readonly before: Cells | undefined
  readonly after: Cells | undefined
  readonly now: Cells | undefined
  /** What a person would run for each choice; empty when nothing is to be done. */
  readonly sql: Readonly<Record<RepairChoice, string>>
}

/** Values by column name, as the database prints them; binary ones are hexadecimal. */
export type Cells = Readonly<Record<string, string | null>>

/** How a dialect writes names and values. */
export interface SqlWriter {
  /** A quoted identifier. */
  name(name: string): string
  literal(field: Field): string
}

export interface DirtyImages {
  readonly statement: Pick<StatementUndoLog, 'sqlType' | 'tableName'>
  /** The table's name as SQL. */
  readonly tableSql: string
  readonly before: Row | undefined
  readonly after: Row | undefined
  readonly now: Row | undefined
}

/**
 * Dirty rows of a branch, given from its last statement to its first. A row that several statements
 * changed becomes one: before the first of them, after the last.
 */
export function describeDirtyRows(
  images: readonly DirtyImages[],
  writer: SqlWriter,
): readonly DirtyRow[] {
  const merged = new Map<string, DirtyImages>()
  for (const earlier of images) {
    const key = rowKey(earlier)
    const later = merged.get(key)
    merged.set(key, later === undefined ? earlier : mergeImages(earlier, later))
  }
  return [...merged.values()].map((one) => describeDirtyRow(one, writer))
}

function rowKey({ statement, before, after }: DirtyImages): string {
  const keys = (before ?? after)?.fields.filter(isKey) ?? []
  return JSON.stringify([statement.tableName, ...keys.map(({ value }) => value?.text)])
}

/** An UPDATE keeps only the columns that it changes, so the images complete each other. */
function mergeImages(earlier: DirtyImages, later: DirtyImages): DirtyImages {
  return {
    ...later,
    before: earlier.before && completeRow(earlier.before, later.before),
    after: later.after && completeRow(later.after, earlier.after),
    now: later.now && completeRow(later.now, earlier.now),
  }
}

function completeRow({ fields }: Row, other: Row | undefined): Row {
  const missing = other?.fields.filter(({ name }) => !fields.some((field) => field.name === name))
  return { fields: [...fields, ...(missing ?? [])] }
}

function describeDirtyRow(images: DirtyImages, writer: SqlWriter): DirtyRow {
  const { statement, before, after, now } = images
  return {
    tableName: statement.tableName,
    sqlType: statement.sqlType,
    before: cellsOf(before),
    after: cellsOf(after),
    now: cellsOf(now),
    sql: {
      before: changeSql(images, before, writer),
      after: changeSql(images, after, writer),
      now: '',
    },
  }
}

/** The statement that turns the row as it is now into `target`. */
function changeSql(
  { tableSql, now }: DirtyImages,
  target: Row | undefined,
  writer: SqlWriter,
): string {
  const assign = (field: Field): string => `${writer.name(field.name)} = ${writer.literal(field)}`
  const where = (row: Row): string => row.fields.filter(isKey).map(assign).join(' AND ')
  if (target === undefined) {
    return now === undefined ? '' : `DELETE FROM ${tableSql} WHERE ${where(now)};`
  }
  if (now === undefined) {
    const names = target.fields.map(({ name }) => writer.name(name)).join(', ')
    const values = target.fields.map((field) => writer.literal(field)).join(', ')
    return `INSERT INTO ${tableSql} (${names}) VALUES (${values});`
  }
  const changed = target.fields.filter((field) => !isKey(field) && differs(field, now))
  if (changed.length === 0) return ''
  return `UPDATE ${tableSql} SET ${changed.map(assign).join(', ')} WHERE ${where(target)};`
}

function isKey({ isPrimaryKey }: Field): boolean {
  return isPrimaryKey
}

function differs(field: Field, now: Row): boolean {
  const current = now.fields.find(({ name }) => name === field.name)
  return current?.value?.text !== field.value?.text
}

function cellsOf(row: Row | undefined): Cells | undefined {
  if (row === undefined) return undefined
  const keysFirst = row.fields.toSorted((a, b) => Number(isKey(b)) - Number(isKey(a)))
  return Object.fromEntries(keysFirst.map(({ name, value }) => [name, value?.text ?? null]))
}

// ------------------------------------------------------------------------- on the wire

/** Most rows of a report that travel; the rest is counted. */
const maxRows = 50
/** Longest value that travels, in characters; the rest is cut. */
const maxCellLength = 2000
/** Longest report, in characters: the coordinator keeps it until the branch ends. */
const maxReportLength = 256 * 1024

/** The report as the console sees it. */
export interface DirtyReportJson {
  readonly code: string
  readonly message: string
  readonly rows: readonly DirtyRow[]
  /** Dirty rows that are not in `rows`. */
  readonly omittedRows: number
}

/**
 * Tells the coordinator, so that the console can show it. The branch's own answer comes behind it
 * and counts; when the report is lost, the console has the message alone.
 */
export async function sendDirtyReport(
  port: BranchPort,
  resourceId: string,
  report: DirtyReport,
): Promise<void> {
  const { xid, branchId } = report
  await port
    .reportBranch(xid, {
      branchId,
      branchType: BranchType.AT,
      resourceId,
      status: BranchStatus.PhaseTwo_RollbackFailed_Unretryable,
      applicationData: encodeDirtyReport(report),
    })
    .catch(() => {})
}

/** The report as `applicationData`, cut to what the coordinator keeps. */
function encodeDirtyReport({ error, rows }: DirtyReport): string {
  let count = Math.min(rows.length, maxRows)
  for (;;) {
    const report: DirtyReportJson = {
      code: error.code,
      message: error.message.slice(0, maxCellLength),
      rows: rows.slice(0, count),
      omittedRows: rows.length - count,
    }
    const text = JSON.stringify({ dirty: report }, cutLongTexts)
    if (text.length <= maxReportLength || count === 0) return text
    count = Math.floor(count / 2)
  }
}

function cutLongTexts(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= maxCellLength) return value
  return `${value.slice(0, maxCellLength)}… (${value.length} characters)`
}

/** Carries what is dirty out of the local transaction, which has to be rolled back first. */
export class DirtyRowsError extends Error {
  readonly reason: SetteeError
  readonly rows: readonly DirtyRow[]

  constructor(reason: SetteeError, rows: readonly DirtyRow[]) {
    super(reason.message)
    this.reason = reason
    this.rows = rows
  }
}

/** What a person must decide about after `error`; undefined when trying again may help. */
export function dirtyReportOf(branch: BranchKey, error: unknown): DirtyReport | undefined {
  if (error instanceof DirtyRowsError) return { ...branch, error: error.reason, rows: error.rows }
  return needsPerson(error) ? { ...branch, error, rows: [] } : undefined
}

/** A failure of the undo itself, such as a constraint, in which trying again cannot help. */
export function undoFailure(cause: unknown): SetteeError {
  return txError(
    'SETTEE_TX_DIRTY_DATA',
    `the branch cannot be undone: ${messageOf(cause)}; choose in the console which state its ` +
      'rows shall have, or correct them by hand and delete the row in undo_log',
    { cause },
  )
}

/** Whether a person must decide, because trying again cannot help. */
export function needsPerson(error: unknown): error is SetteeError {
  return (
    isSetteeError(error, 'SETTEE_TX_DIRTY_DATA') || isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG')
  )
}
