/**
 * The id of a global transaction: `host:port:transactionId`, where host and port are those of the
 * coordinator that began it. Original: org.apache.seata.common.XID.
 *
 * An IPv6 host has colons of its own, so the text is cut at the last two.
 */
import type { Long } from '@settee/wire'
import { txError } from '../errors.ts'

export interface XidParts {
  /** Name or address; an IPv6 address as it was written, with or without brackets. */
  readonly host: string
  readonly port: number
  /** A positive 64-bit integer. */
  readonly transactionId: Long
}

/** Width of the column that holds xids in Seata's tables and in undo logs, in characters. */
export const maxXidLength = 128

const largestTransactionId = 2n ** 63n - 1n

/** @throws SETTEE_TX_BAD_MESSAGE when `xid` has another form. */
export function parseXid(xid: string): XidParts {
  if (xid.length > maxXidLength) throw badXid(xid)
  const parts = /^(.+):(\d{1,5}):([1-9]\d{0,18})$/.exec(xid)
  if (parts === null) throw badXid(xid)
  const port = Number(parts[2])
  const exactId = BigInt(parts[3]!)
  if (port > 65_535 || exactId > largestTransactionId) throw badXid(xid)
  const transactionId = Number(exactId)
  return {
    host: parts[1]!,
    port,
    transactionId: Number.isSafeInteger(transactionId) ? transactionId : exactId,
  }
}

export function formatXid(host: string, port: number, transactionId: Long): string {
  return `${host}:${port}:${transactionId}`
}

function badXid(xid: string): Error {
  return txError(
    'SETTEE_TX_BAD_MESSAGE',
    `"${xid.slice(0, maxXidLength)}" is no xid; the form is host:port:transactionId`,
  )
}
