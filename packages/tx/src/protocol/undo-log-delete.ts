/**
 * Order to delete old undo logs, coordinator to RM, without an answer. Original:
 * UndoLogDeleteRequestCodec.
 *
 *     111 UndoLogDelete    | branchType u8 | resourceId text16 | saveDays i16 |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { readBranchType, readText16, writeText16 } from './fields.ts'
import { MessageType } from './message-type.ts'
import type { BranchType } from './status.ts'

export interface UndoLogDeleteRequest {
  readonly type: typeof MessageType.UndoLogDelete
  readonly branchType: BranchType
  readonly resourceId: string
  /** Age in days from which on undo logs go. */
  readonly saveDays: number
}

export function encodeUndoLogDeleteRequest(
  writer: ByteWriter,
  message: UndoLogDeleteRequest,
): void {
  writer.u8(message.branchType)
  writeText16(writer, message.resourceId)
  writer.u16(message.saveDays)
}

export function decodeUndoLogDeleteRequest(reader: ByteReader): UndoLogDeleteRequest {
  return {
    type: MessageType.UndoLogDelete,
    branchType: readBranchType(reader),
    resourceId: readText16(reader),
    saveDays: reader.i16(),
  }
}
