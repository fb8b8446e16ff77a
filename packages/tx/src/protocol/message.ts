/**
 * A body: one message, or several merged into one. `type` tells which.
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { decodeMerged, encodeMerged, isMergedType, type MergedMessage } from './merged.ts'
import { MessageType } from './message-type.ts'
import { decodeSingle, encodeSingle, type SingleMessage } from './single.ts'

export type Message = SingleMessage | MergedMessage

/**
 * Writes the body of a frame.
 * @param version of the frame: answers to registrations have another form from 2 on.
 * @throws SETTEE_TX_BAD_MESSAGE when a text is too long for its field. The writer then holds a part
 *   of the message: the caller takes it back.
 */
export function encodeMessage(writer: ByteWriter, message: Message, version: number): void {
  switch (message.type) {
    case MessageType.MergedWarp:
    case MessageType.MergeResult:
    case MessageType.BatchResult:
      return encodeMerged(writer, message, version)
    default:
      return encodeSingle(writer, message, version)
  }
}

/**
 * Reads the body of a frame. Bytes behind the last field are ignored: newer peers add fields there.
 * @param version of the frame, as for {@link encodeMessage}.
 * @throws SETTEE_TX_BAD_MESSAGE, or SETTEE_WIRE_TRUNCATED when a field reaches beyond the frame.
 */
export function decodeMessage(reader: ByteReader, version: number): Message {
  const type = reader.u16()
  return isMergedType(type)
    ? decodeMerged(reader, type, version)
    : decodeSingle(reader, type, version)
}
