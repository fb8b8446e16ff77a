/**
 * A transaction begins. Original: DefaultCore.begin; the limits are ours.
 */
import { GlobalStatus } from '../protocol/status.ts'
import type { BeginCommand } from './commands.ts'
import { beginRefusal, type Refusal } from './refusal.ts'
import { answered, refused, type CommandResult } from './result.ts'
import type { CoordinatorState } from './state.ts'
import type { Transaction } from './transaction.ts'

export function begin(state: CoordinatorState, command: BeginCommand): CommandResult {
  state.lastId = Math.max(state.lastId, command.transactionId)
  const refusal = refusalOfBegin(state, command)
  if (refusal !== null) return refused(refusal)
  const { xid, transactionId, name, timeoutMs, applicationId, transactionServiceGroup } = command
  const transaction: Transaction = {
    xid,
    transactionId,
    name,
    applicationId,
    transactionServiceGroup,
    timeoutMs,
    beganAt: command.now,
    status: GlobalStatus.Begin,
    isActive: true,
    ending: null,
    endedAt: null,
    branches: [],
    openCount: 0,
    sagaCall: null,
    timeline: [],
  }
  state.add(transaction)
  state.note(transaction, 'begun', { at: command.now, status: GlobalStatus.Begin })
  // The original's rule is "later than the timeout", so it is due one ms after.
  const timesOutAt = command.now + timeoutMs + 1
  return answered(GlobalStatus.Begin, [{ kind: 'begun', xid, timesOutAt }])
}

export function refusalOfBegin(state: CoordinatorState, command: BeginCommand): Refusal | null {
  const { maxActiveTransactions, maxNameLength, maxTimeoutMs } = state.limits
  const { xid, name, applicationId, transactionServiceGroup, timeoutMs } = command
  if (state.transactions.size >= maxActiveTransactions) {
    return beginRefusal(
      xid,
      `${maxActiveTransactions} transactions are active, the limit maxActiveTransactions`,
    )
  }
  const longest = Math.max(name.length, applicationId.length, transactionServiceGroup.length)
  if (longest > maxNameLength) {
    return beginRefusal(
      xid,
      `a name has ${longest} characters; maxNameLength allows ${maxNameLength}`,
    )
  }
  if (timeoutMs <= 0 || timeoutMs > maxTimeoutMs) {
    return beginRefusal(xid, `a timeout of ${timeoutMs} ms is not within 1 to ${maxTimeoutMs} ms`)
  }
  if (state.transactions.has(xid) || state.endOf(xid) !== undefined) {
    return beginRefusal(xid, 'the xid was given before')
  }
  return null
}
