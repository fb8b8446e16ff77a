/**
 * The `context` column of undo_log: how `rollback_info` was written, as `key=value` pairs joined by
 * `&`. Original: org.apache.seata.rm.datasource.undo.{UndoLogConstants, AbstractUndoLogManager}.
 *
 * ```
 * serializer=jackson&compressorType=NONE
 * ```
 */
import { txError } from '../../../errors.ts'

/** What Settee writes: plain Jackson JSON. */
export const undoContext = 'serializer=jackson&compressorType=NONE' as const

/**
 * Checks that {@link undoContext}'s reader can read a row with this context; unknown keys are fine.
 * @throws SETTEE_TX_BAD_UNDO_LOG for another serializer, a compressed log, or one that MySQL's
 *   packet limit split over several rows.
 */
export function checkUndoContext(text: string): void {
  const entries = new Map<string, string>()
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    if (equals > 0) entries.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  const serializer = entries.get('serializer')
  if (serializer !== 'jackson') {
    throw unreadable(text, 'serializer', 'set client.undo.logSerialization=jackson at its writer')
  }
  const compressor = entries.get('compressorType') ?? 'NONE'
  if (compressor.toUpperCase() !== 'NONE') {
    throw unreadable(text, 'compressor', 'set client.undo.compress.enable=false at its writer')
  }
  if ((entries.get('subId') ?? '') !== '') {
    throw unreadable(text, 'split log', "raise the database's max_allowed_packet at its writer")
  }
}

function unreadable(text: string, what: string, fix: string): Error {
  return txError(
    'SETTEE_TX_BAD_UNDO_LOG',
    `the undo log has a ${what} that Settee cannot read, in its context ` +
      `${JSON.stringify(text.slice(0, 200))}; roll it back where it was written, and ${fix}`,
  )
}
