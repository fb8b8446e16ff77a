/**
 * The field types that all message bodies are made of.
 *
 *     text16  | size i16 | utf-8 ...        text32  | size i32 | utf-8 ...
 *     branchType, branchStatus, globalStatus: one byte each
 *
 * Seata writes null as size 0 and reads every size up to 0 as null, so that null and '' are one:
 * here it is ''. The size is signed: Java wraps a longer text into a negative size and then reads
 * the text as the next fields; both directions refuse that here.
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { txError } from '../errors.ts'
import { BranchStatus, BranchType, GlobalStatus } from './status.ts'

/** Most bytes of a text with a 16-bit size. */
export const maxText16Bytes = 32_767

export function writeText16(writer: ByteWriter, text: string): void {
  const start = writer.length
  writer.u16(0)
  if (text === '') return
  const size = writer.utf8(text)
  if (size > maxText16Bytes) {
    throw txError(
      'SETTEE_TX_BAD_MESSAGE',
      `a text of ${size} bytes ("${text.slice(0, 40)}...") does not fit into a field of at most ` +
        `${maxText16Bytes} bytes; shorten it`,
    )
  }
  writer.patchU16(start, size)
}

export function readText16(reader: ByteReader): string {
  const size = reader.i16()
  return size > 0 ? reader.utf8(size) : emptyText(size)
}

/** Limited by the frame alone. */
export function writeText32(writer: ByteWriter, text: string): void {
  const start = writer.length
  writer.u32(0)
  if (text !== '') writer.patchU32(start, writer.utf8(text))
}

export function readText32(reader: ByteReader): string {
  const size = reader.i32()
  return size > 0 ? reader.utf8(size) : emptyText(size)
}

function emptyText(size: number): string {
  if (size >= -1) return ''
  throw txError(
    'SETTEE_TX_BAD_MESSAGE',
    `a text has the size ${size}: the sender wrote a text that is too long for its field`,
  )
}

export function readBranchType(reader: ByteReader): BranchType {
  const ordinal = reader.u8()
  if (ordinal > BranchType.SAGA_ANNOTATION) throw unknownNumber('branch type', ordinal)
  return ordinal as BranchType
}

export function readBranchStatus(reader: ByteReader): BranchStatus {
  const code = reader.u8()
  if (code > BranchStatus.STOP_RETRY) throw unknownNumber('branch status', code)
  return code as BranchStatus
}

export function readGlobalStatus(reader: ByteReader): GlobalStatus {
  return checkGlobalStatus(reader.u8())
}

/** Any negative code is null. */
export function readNullableGlobalStatus(reader: ByteReader): GlobalStatus | null {
  const code = reader.i8()
  return code < 0 ? null : checkGlobalStatus(code)
}

function checkGlobalStatus(code: number): GlobalStatus {
  if (code > GlobalStatus.StopRollbackOrRollbackRetry) throw unknownNumber('global status', code)
  return code as GlobalStatus
}

function unknownNumber(field: string, value: number): Error {
  return txError(
    'SETTEE_TX_BAD_MESSAGE',
    `${field} ${value} is unknown: the peer is newer than this version, or the bytes are damaged`,
  )
}
