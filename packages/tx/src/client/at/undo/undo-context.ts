/**
 * The `context` column of undo_log: how `rollback_info` was written, as `key=value` pairs joined by
 * `&`. Original: org.apache.seata.rm.datasource.undo.{UndoLogConstants, AbstractUndoLogManager}.
 *
 * ```
 * serializer=jackson&compressorType=NONE
 * serializer=jackson&compressorType=ZIP&map=4194304&subId=71,72
 * ```
 */
import { txError } from '../../../errors.ts'

/** The context of a log that is plain Jackson JSON. */
export const undoContext = 'serializer=jackson&compressorType=NONE' as const

/** The context of a log that is Jackson JSON in a ZIP archive. */
export const zippedUndoContext = 'serializer=jackson&compressorType=ZIP' as const

export interface UndoContext {
  /** The constant of org.apache.seata.core.compressor.CompressorType, such as `NONE`. */
  readonly compressor: string
  /** Branch ids of the rows that hold the rest of a log that MySQL's packet limit split. */
  readonly subIds: readonly string[]
}

/**
 * Reads a context; unknown keys are fine.
 * @throws SETTEE_TX_BAD_UNDO_LOG for another serializer.
 */
export function readUndoContext(text: string): UndoContext {
  const entries = new Map<string, string>()
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    if (equals > 0) entries.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  if (entries.get('serializer') !== 'jackson') {
    throw unreadable(text, 'serializer', 'set client.undo.logSerialization=jackson at its writer')
  }
  const subIds = entries.get('subId') ?? ''
  return {
    compressor: (entries.get('compressorType') ?? 'NONE').toUpperCase(),
    subIds: subIds === '' ? [] : subIds.split(','),
  }
}

/**
 * Checks that a log is plain JSON in one row.
 * @throws SETTEE_TX_BAD_UNDO_LOG when it is not.
 */
export function checkUndoContext(text: string): void {
  if (readUndoContext(text).compressor !== 'NONE') {
    throw unreadable(text, 'compressor', 'set client.undo.compress.enable=false at its writer')
  }
  checkWhole(text)
}

/**
 * Checks that a log is in one row.
 * @throws SETTEE_TX_BAD_UNDO_LOG when it is split.
 */
export function checkWhole(text: string): void {
  if (readUndoContext(text).subIds.length === 0) return
  throw unreadable(text, 'split log', "raise the database's max_allowed_packet at its writer")
}

/** The error that says what of a log cannot be read. */
export function unreadable(text: string, what: string, fix: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log has a ${what} that Settee cannot read, in its context ` +
      `${JSON.stringify(text.slice(0, 200))}; roll it back where it was written, and ${fix}`,
  )
}
