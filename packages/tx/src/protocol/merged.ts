/**
 * Several messages in one frame. Originals: {MergedWarp,MergeResult,BatchResult}MessageCodec.
 *
 *     59 MergedWarp (client to coordinator)    121 BatchResult (coordinator to client)
 *         | size of what follows i32 | count i16 | count x (type i16, fields) | count x id i32 |
 *     60 MergeResult (coordinator to client)
 *         | size of what follows i32 | count i16 | count x (type i16, fields) |
 *
 * The answers of a MergeResult are in the order of the requests, and its frame has the id of the
 * MergedWarp. Clients before 1.5.0 send a MergedWarp without ids.
 */
import { assert } from '@settee/kit'
import type { ByteReader, ByteWriter } from '@settee/wire'
import { txError } from '../errors.ts'
import { MessageType } from './message-type.ts'
import { decodeSingle, encodeSingle, type SingleMessage } from './single.ts'

/**
 * Most messages in one frame. Clients collect for a millisecond, so hundreds are many; this keeps
 * the decoding of one frame near 10 ms, for the sake of the other connections.
 */
export const maxMergedMessages = 10_000

export interface MergedWarpMessage {
  readonly type: typeof MessageType.MergedWarp
  readonly messages: readonly SingleMessage[]
  /** The request id of each message; empty from clients before 1.5.0. */
  readonly messageIds: readonly number[]
}

export interface MergeResultMessage {
  readonly type: typeof MessageType.MergeResult
  readonly messages: readonly SingleMessage[]
}

export interface BatchResultMessage {
  readonly type: typeof MessageType.BatchResult
  readonly messages: readonly SingleMessage[]
  /** The request id that each message answers. */
  readonly messageIds: readonly number[]
}

export type MergedMessage = MergedWarpMessage | MergeResultMessage | BatchResultMessage

export function isMergedType(type: number): type is MergedMessage['type'] {
  return (
    type === MessageType.MergedWarp ||
    type === MessageType.MergeResult ||
    type === MessageType.BatchResult
  )
}

/** Writes the type code and the fields. `version` is the frame's. */
export function encodeMerged(writer: ByteWriter, merged: MergedMessage, version: number): void {
  const { messages } = merged
  if (messages.length > maxMergedMessages) throw tooMany(messages.length)
  writer.u16(merged.type)
  const start = writer.length
  writer.u32(0)
  writer.u16(messages.length)
  for (let i = 0; i < messages.length; i++) encodeSingle(writer, messages[i]!, version)
  if (merged.type !== MessageType.MergeResult) writeIds(writer, merged)
  writer.patchU32(start, writer.length - start - 4)
}

/** Reads the fields of a message whose type code was read before. */
export function decodeMerged(
  reader: ByteReader,
  type: MergedMessage['type'],
  version: number,
): MergedMessage {
  const size = reader.i32()
  const start = reader.offset
  reader.skip(size)
  // From here on nothing is read that lies behind the announced size.
  reader.enter(start, start + size)
  const count = reader.i16()
  if (count < 0 || count > maxMergedMessages) throw tooMany(count)
  const messages: SingleMessage[] = []
  for (let i = 0; i < count; i++) messages.push(decodeSingle(reader, reader.u16(), version))
  if (type === MessageType.MergeResult) return { type, messages }
  const hasIds = type === MessageType.BatchResult || reader.remaining > 0
  return { type, messages, messageIds: hasIds ? readIds(reader, count) : [] }
}

function writeIds(writer: ByteWriter, merged: MergedWarpMessage | BatchResultMessage): void {
  const { messageIds, messages, type } = merged
  const mayLackIds = type === MessageType.MergedWarp && messageIds.length === 0
  assert(mayLackIds || messageIds.length === messages.length, 'each merged message needs its id')
  for (let i = 0; i < messageIds.length; i++) writer.u32(messageIds[i]!)
}

function readIds(reader: ByteReader, count: number): number[] {
  const ids: number[] = []
  for (let i = 0; i < count; i++) ids.push(reader.i32())
  return ids
}

function tooMany(count: number): Error {
  return txError(
    'SETTEE_TX_BAD_MESSAGE',
    `a merged message of ${count} messages; at most ${maxMergedMessages} go into one frame`,
  )
}
