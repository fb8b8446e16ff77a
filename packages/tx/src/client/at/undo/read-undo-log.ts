/**
 * Reads a branch's undo log for its rollback: unpacks it, decodes it, and makes sure that it is the
 * one of the branch.
 */
import { txError } from '../../../errors.ts'
import type { RepairChoice } from '../../repair-choice.ts'
import { needsPerson } from '../dirty-report.ts'
import { decodeUndoLog } from './jackson-codec.ts'
import type { BranchKey, BranchUndoLog } from './undo-log.ts'

export interface ReadUndoLogOptions {
  /** Longest undo log that phase one writes, in characters. */
  readonly maxUndoLength: number
  /** What a person decided about the branch. */
  readonly choice: RepairChoice | undefined
}

/** Longest undo log that is always read, in characters: peers may write longer ones than we. */
const minMaxLength = 256 * 2 ** 20

/** Bytes of UTF-8 that a UTF-16 unit has at most. */
const maxBytesOfUnit = 3

/**
 * @param unpack gives the JSON of the undo row, refusing more than `maxBytes` of it.
 * @returns a log without statements when a person gave up one that cannot be read: then the rows
 *   stay as they are.
 * @throws SETTEE_TX_BAD_UNDO_LOG.
 */
export async function readUndoLog(
  branch: BranchKey,
  { maxUndoLength, choice }: ReadUndoLogOptions,
  unpack: (maxBytes: number) => Promise<string>,
): Promise<BranchUndoLog> {
  const maxLength = Math.max(maxUndoLength, minMaxLength)
  try {
    const log = decodeUndoLog(await unpack(maxBytesOfUnit * maxLength), { maxLength })
    if (log.xid === branch.xid && BigInt(log.branchId) === BigInt(branch.branchId)) return log
    throw txError(
      'SETTEE_TX_BAD_UNDO_LOG',
      `the undo log of branch ${branch.branchId} of ${branch.xid} is that of branch ` +
        `${log.branchId} of ${log.xid}; look at who wrote the row in undo_log`,
    )
  } catch (error) {
    if (choice !== 'now' || !needsPerson(error)) throw error
    return { ...branch, statements: [] }
  }
}
