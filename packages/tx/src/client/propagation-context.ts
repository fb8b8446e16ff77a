/**
 * The keys under which the xid travels, and the one place where an arriving xid becomes part of the
 * request. Originals: RootContext, and the interceptors and filters of
 * org.apache.seata.integration.
 *
 *     carrier          xid      branch type
 *     HTTP header      TX_XID   (none)
 *     gRPC metadata    tx_xid   tx_branch_type
 *     Bolt header      TX_XID   (`@settee/rpc` does it by itself)
 */
import { currentContext, runWithContext } from '@settee/kit'
import { maxXidLength } from '../protocol/xid.ts'

/** Header of HTTP; names of headers are compared without regard to case. */
export const xidHeaderName = 'TX_XID'

/** The xid to send with a call; undefined outside of a global transaction. */
export function xidToSend(): string | undefined {
  return currentContext().xid
}

/**
 * Runs `work` in the global transaction `xid`, or in none when the caller sent no xid: also when
 * the code that accepted the call ran in one. What `work` awaits sees the same; what comes after it
 * does not.
 */
export function runWithXid<Result>(xid: string | undefined, work: () => Result): Result {
  const { xid: _around, ...context } = currentContext()
  const isUsable = xid !== undefined && xid !== '' && xid.length <= maxXidLength
  return runWithContext(isUsable ? { ...context, xid } : context, work)
}
