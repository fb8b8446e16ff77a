/**
 * Who waits for which row, and because of whom, as people see it. Pure; times in ms, ids as texts.
 */
import type { LockQueue } from './lock-queue.ts'
import { conflictOn } from './registration.ts'
import type { CoordinatorState } from './state.ts'
import type { LockRow } from './transaction.ts'

export interface LockWaitView extends LockRow {
  /** The transaction that waits. */
  readonly xid: string
  readonly name: string
  /** The application that began it. */
  readonly application: string
  /** Wall time at which it began to wait. */
  readonly since: number
  /** Wall time at which it is refused. */
  readonly deadline: number
  /** Who has the row; null when it is free and another waiter is next. */
  readonly holder: LockHolderView | null
}

export interface LockHolderView {
  readonly xid: string
  readonly name: string
  /** The application that began it. */
  readonly application: string
  /** The application that changed the row. */
  readonly service: string
  /** How, without values; '' when not told. */
  readonly statement: string
  /** Wall time at which the row was locked. */
  readonly since: number
}

/** The first `limit` of those who wait, in the order of arrival. */
export function describeLockWaits<Request>(
  state: CoordinatorState,
  queue: LockQueue<Request>,
  limit: number,
): LockWaitView[] {
  const views: LockWaitView[] = []
  for (const waiter of queue) {
    if (views.length >= limit) break
    const obstacle = queue.obstacleOf(waiter)
    if (obstacle === null) continue
    const { resourceId, table, key } = obstacle.kind === 'held' ? obstacle.lock : obstacle.row
    const { xid, since, deadline } = waiter
    const { name = '', applicationId: application = '' } = state.transactions.get(xid) ?? {}
    const holder = obstacle.kind === 'held' ? holderOf(state, obstacle.lock) : null
    views.push({ resourceId, table, key, xid, name, application, since, deadline, holder })
  }
  return views
}

function holderOf(state: CoordinatorState, lock: Parameters<typeof conflictOn>[1]): LockHolderView {
  const { holderName, holderApplication, holderService, holderStatement } = conflictOn(state, lock)
  return {
    xid: lock.xid,
    name: holderName,
    application: holderApplication,
    service: holderService,
    statement: holderStatement,
    since: lock.since,
  }
}
