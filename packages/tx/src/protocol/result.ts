/**
 * The prefixes of every answer. Originals: AbstractResultMessageCodec (RES) and
 * AbstractTransactionResponseCodec (TX).
 *
 *     RES  | resultCode u8 | msg text16, only when resultCode is Failed |
 *     TX   | RES | exceptionCode u8 |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { txError } from '../errors.ts'
import { maxText16Bytes, readText16 } from './fields.ts'
import { ResultCode } from './status.ts'

export interface Result {
  readonly resultCode: ResultCode
  /** Why it failed; '' on success, whose reason does not travel. */
  readonly msg: string
}

export interface TransactionResult extends Result {
  /**
   * Ordinal of the exception code as the answering side's peer counts it: see `toWireOrdinal` and
   * `fromWireOrdinal`. Travels on success too, then as Unknown (0).
   */
  readonly exceptionCode: number
}

export function writeResult(writer: ByteWriter, result: Result): void {
  writer.u8(result.resultCode)
  if (result.resultCode === ResultCode.Failed) writeCutText(writer, result.msg)
}

export function readResultCode(reader: ByteReader): ResultCode {
  const code = reader.u8()
  if (code <= ResultCode.Success) return code as ResultCode
  throw txError(
    'SETTEE_TX_BAD_MESSAGE',
    `result code ${code} is neither Failed (0) nor Success (1)`,
  )
}

export function readResultMessage(reader: ByteReader, resultCode: ResultCode): string {
  return resultCode === ResultCode.Failed ? readText16(reader) : ''
}

export function writeTransactionResult(writer: ByteWriter, result: TransactionResult): void {
  writeResult(writer, result)
  writer.u8(result.exceptionCode)
}

/** A reason is for people: one that is too long loses its end instead of the answer. */
function writeCutText(writer: ByteWriter, text: string): void {
  const start = writer.length
  writer.u16(0)
  if (text === '') return
  // A UTF-16 unit takes at least one byte, so more units than bytes never fit.
  let size = writer.utf8(text.length > maxText16Bytes ? text.slice(0, maxText16Bytes) : text)
  if (size > maxText16Bytes) {
    size = characterBorder(writer.bytes(start + 2), maxText16Bytes)
    writer.truncate(start + 2 + size)
  }
  writer.patchU16(start, size)
}

/** The last position up to `limit` at which a UTF-8 character starts. */
function characterBorder(bytes: Buffer, limit: number): number {
  let border = limit
  while ((bytes[border]! & 0xc0) === 0x80) border--
  return border
}
