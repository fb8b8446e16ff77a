/**
 * Exception codes travel as ordinals of a Java enum that grew, once in its middle. A client that
 * gets an ordinal it does not know fails in its decoder and waits for an answer in vain, so codes
 * are translated to what its version has.
 *
 *     version    0 ... 18     19               20               21              22 ... 23
 *     >= 2.0     the same     NotRaftLeader    FailFast         Timeout         Heuristic, Broken
 *     >= 1.7     the same     FailFast         Timeout          Heuristic       Broken (22)
 *     >= 1.5     the same     FailFast
 *     older      the same
 *
 * Source: org.apache.seata.core.exception.TransactionExceptionCode (io.seata before 2.1).
 */
import { isVersionAtLeast } from './client-version.ts'
import { ExceptionCode } from './status.ts'

/** The ordinal that a client of `clientVersion` understands as `code`, or as what is nearest. */
export function toWireOrdinal(code: ExceptionCode, clientVersion: string): number {
  if (code <= ExceptionCode.FailedStore || isVersionAtLeast(clientVersion, 2, 0)) return code
  if (code === ExceptionCode.NotRaftLeader) return ExceptionCode.Unknown
  if (isVersionAtLeast(clientVersion, 1, 7)) return code - 1
  if (code !== ExceptionCode.LockKeyConflictFailFast) return ExceptionCode.Unknown
  return isVersionAtLeast(clientVersion, 1, 5) ? code - 1 : ExceptionCode.LockKeyConflict
}

/** The code behind an ordinal of a coordinator of `serverVersion`; Unknown for one from later. */
export function fromWireOrdinal(ordinal: number, serverVersion: string): ExceptionCode {
  if (ordinal <= ExceptionCode.FailedStore) return ordinal as ExceptionCode
  const code = isVersionAtLeast(serverVersion, 2, 0) ? ordinal : ordinal + 1
  return code <= ExceptionCode.Broken ? (code as ExceptionCode) : ExceptionCode.Unknown
}
