/**
 * The judge of a run: it sees what the coordinator's committed state says, what everybody was told
 * and what databases write, and knows what must hold between them. The first violation is kept.
 */
import type { CoordinatorState, Transaction } from '@settee/tx/internal'
import { GlobalStatus, nameOf, parseLockKeys } from '@settee/tx/protocol'
import type { FenceStatus, Row, SimulatedDatabase, UndoRow } from './database.ts'

export interface Violation {
  /** Which rule was broken. */
  readonly invariant: string
  readonly text: string
  readonly xid: string
}

export type Decision = 'commit' | 'rollback'
/** Done, but not ended by phase two; undone; or there to stay. */
export type Effect = 'done' | 'undone' | 'kept'
export type Told = 'committed' | 'rolledBack' | 'unknown'

interface KnownBranch {
  readonly branchId: number
  readonly resourceId: string
  readonly rows: readonly string[]
}

/** What is known of a transaction, from all sides. */
export interface KnownTransaction {
  readonly xid: string
  status: GlobalStatus
  decision: Decision | undefined
  isFinished: boolean
  /** How many branches the coordinator had when it was last seen. */
  branchCount: number
  /** The engine may turn a saga round, so its decision is not final. */
  mayTurn: boolean
  /** Registrations that were acknowledged. */
  readonly branches: KnownBranch[]
  readonly endedBranches: Set<number>
  /** What branches that wrote have come to, by database and branch id. */
  readonly effects: Map<string, Effect>
}

export class Monitor {
  violation: Violation | undefined
  readonly known: Map<string, KnownTransaction> = new Map()
  readonly #active = new Set<string>()
  /** Transactions with an acknowledged branch on the row. */
  readonly #rowUsers = new Map<string, Set<string>>()
  readonly #begun = new Set<string>()

  fail(invariant: string, text: string, xid = ''): void {
    this.violation ??= { invariant, text, xid }
  }

  check(condition: boolean, invariant: string, text: string, xid = ''): void {
    if (!condition) this.fail(invariant, text, xid)
  }

  knownOf(xid: string): KnownTransaction {
    let known = this.known.get(xid)
    if (known === undefined) {
      known = {
        xid,
        status: GlobalStatus.UnKnown,
        decision: undefined,
        isFinished: false,
        branchCount: 0,
        mayTurn: false,
        branches: [],
        endedBranches: new Set(),
        effects: new Map(),
      }
      this.known.set(xid, known)
    }
    return known
  }

  // ---- what the application was told ------------------------------------------------------

  onBegun(xid: string): void {
    this.check(!this.#begun.has(xid), 'xids are unique', `${xid} was given twice`, xid)
    this.#begun.add(xid)
    this.check(this.known.has(xid), 'acknowledged is kept', `${xid}: begin is not durable`, xid)
  }

  onRegistered(
    xid: string,
    branch: { branchId: number; resourceId: string; lockKeys: string },
  ): void {
    const { branchId, resourceId, lockKeys } = branch
    const rows = parseLockKeys(lockKeys).flatMap(({ table, keys }) =>
      keys.map((key) => `${resourceId}/${table}:${key}`),
    )
    const known = this.knownOf(xid)
    known.branches.push({ branchId, resourceId, rows })
    for (const row of rows) this.#takeRow(known, row)
  }

  onTold(xid: string, told: Told): void {
    const { decision, mayTurn } = this.knownOf(xid)
    if (mayTurn || told === 'unknown') return
    const wanted: Decision = told === 'committed' ? 'commit' : 'rollback'
    this.check(
      decision === wanted,
      'told is what happens',
      `the manager was told ${told}, the decision is ${decision ?? 'open'}`,
      xid,
    )
  }

  #takeRow(known: KnownTransaction, row: string): void {
    let users = this.#rowUsers.get(row)
    if (users === undefined) this.#rowUsers.set(row, (users = new Set()))
    for (const xid of users) {
      const other = this.knownOf(xid)
      if (other === known) continue
      if (this.#hasLeft(other, row)) users.delete(xid)
      else if (!this.#hasLeft(known, row)) {
        this.fail('one holder for a row', `${row} was given to ${known.xid} and ${xid}`, known.xid)
      }
    }
    users.add(known.xid)
  }

  /** The transaction needs the row no more: it commits, or its branches on it have ended. */
  #hasLeft(known: KnownTransaction, row: string): boolean {
    if (known.isFinished || known.decision === 'commit') return true
    return known.branches.every(
      ({ branchId, rows }) => known.endedBranches.has(branchId) || !rows.includes(row),
    )
  }

  // ---- what the coordinator's state says --------------------------------------------------

  /** Looks at the committed state after it has changed. */
  observe(state: CoordinatorState): void {
    for (const transaction of state.transactions.values()) {
      this.#active.add(transaction.xid)
      this.#observeTransaction(transaction)
    }
    for (const xid of this.#active) {
      if (state.transactions.has(xid)) continue
      this.#active.delete(xid)
      this.#observeFinished(state, xid)
    }
  }

  /** After a restart: all that was ever seen must be there, and as it was. */
  observeRestart(state: CoordinatorState): void {
    for (const known of this.known.values()) {
      const { xid } = known
      const transaction = state.transactions.get(xid)
      if (transaction === undefined) {
        this.#observeFinished(state, xid)
        continue
      }
      const text = 'it had finished before the restart'
      this.check(!known.isFinished, 'nothing durable is lost', text, xid)
      for (const { branchId } of known.branches) {
        const isThere = transaction.branches.some((branch) => branch.branchId === branchId)
        this.check(isThere, 'acknowledged is kept', `branch ${branchId} is gone`, xid)
      }
      this.#observeTransaction(transaction)
    }
  }

  /** The history has it in full, or has forgotten all but its end. */
  #observeFinished(state: CoordinatorState, xid: string): void {
    const finished = state.finished(xid)
    if (finished !== undefined) {
      this.#observeTransaction(finished)
      this.#checkBranchEnds(finished)
      return
    }
    const end = state.endOf(xid)
    if (end === undefined) this.fail('nothing durable is lost', 'it has vanished', xid)
    else this.#decide(this.knownOf(xid), end.status)
  }

  /** Each branch has ended, and phase two has ended it at most once. */
  #checkBranchEnds({ xid, branches, timeline }: Transaction): void {
    for (const { branchId, isEnded } of branches) {
      const ends = timeline.filter(
        ({ kind, branchId: of }) =>
          of === branchId && (kind === 'branchCommitted' || kind === 'branchRolledBack'),
      )
      const text = `branch ${branchId} has ended ${ends.length} times`
      this.check(isEnded && ends.length <= 1, 'a branch ends once', text, xid)
    }
  }

  #observeTransaction(transaction: Transaction): void {
    const { xid, status, ending, beganAt, timeoutMs, branches } = transaction
    const known = this.knownOf(xid)
    known.mayTurn = transaction.name.startsWith('$Saga_')
    if (known.decision !== undefined && !known.mayTurn) {
      const text = `branch ${branches.length} came after the ${known.decision}`
      this.check(branches.length === known.branchCount, 'no late branch', text, xid)
    }
    known.branchCount = branches.length
    this.#decide(known, status)
    const isLate = ending?.by === 'commit' && ending.at - beganAt > timeoutMs
    this.check(!isLate, 'no commit after the timeout', `ended at ${ending?.at}`, xid)
    for (const { branchId, isEnded } of branches) {
      if (isEnded) known.endedBranches.add(branchId)
      else if (known.endedBranches.has(branchId)) {
        this.fail('a branch ends once', `branch ${branchId} is open again`, xid)
      }
    }
  }

  #decide(known: KnownTransaction, status: GlobalStatus): void {
    const { xid } = known
    const decision = decisionOf(status)
    if (decision !== known.decision) {
      const name = nameOf(GlobalStatus, status)
      const text = `${known.decision} became ${decision ?? 'open'} (${name})`
      this.check(known.decision === undefined || known.mayTurn, 'a decision stands', text, xid)
      known.decision = decision
    }
    known.status = status
    known.isFinished ||= isOver(status)
    const isStuck =
      status === GlobalStatus.RollbackFailed ||
      status === GlobalStatus.TimeoutRollbackFailed ||
      status === GlobalStatus.CommitFailed
    this.check(!isStuck, 'phase two needs nobody', nameOf(GlobalStatus, status), xid)
  }

  /** Locks belong to transactions that need them, and each to a branch. */
  checkLocks(state: CoordinatorState): void {
    let count = 0
    for (const lock of state.locks) {
      count++
      const holder = state.transactions.get(lock.xid)
      if (holder === undefined) {
        this.fail('no lock outlives its transaction', `${lock.table}:${lock.key}`, lock.xid)
      } else if (decisionOf(holder.status) === 'commit') {
        this.fail('a commit frees its rows', `${lock.table}:${lock.key}`, lock.xid)
      }
    }
    const owned = [...state.transactions.values()].reduce(
      (sum, { branches }) => sum + branches.reduce((rows, { locks }) => rows + locks.length, 0),
      0,
    )
    this.check(owned === count, 'locks belong to branches', `${count} locked, ${owned} owned`)
  }

  // ---- what databases write ---------------------------------------------------------------

  /** Judges what a local transaction is about to write, and keeps count of what branches did. */
  onCommit(database: SimulatedDatabase, writes: ReadonlyMap<string, Row | undefined>): void {
    for (const [key, row] of writes) {
      const old = database.rows.get(key)
      const xid = key.split('/')[1] as string
      if (row?.kind === 'undo' && !row.isDefence) this.#onPhaseOne(database, row)
      if (row?.kind === 'xa') this.knownOf(xid).effects.set(`${database.name}/${key}`, 'done')
      if (row?.kind === 'fence') this.#onFence(database, key, row.status)
      if (row !== undefined || old === undefined) continue
      if (old.kind === 'xa') {
        this.#onEffect(`${database.name}/${key}`, xid, writes.has('account/xa') ? 'kept' : 'undone')
      }
      if (old.kind !== 'undo' || old.isDefence) continue
      const isUndone = old.changes.some(({ account }) => writes.has(`account/${account}`))
      this.#onEffect(effectKey(database, old), xid, isUndone ? 'undone' : 'kept')
    }
  }

  /** Nobody writes a row that another undecided transaction may still have to restore. */
  #onPhaseOne(database: SimulatedDatabase, row: UndoRow): void {
    this.knownOf(row.xid).effects.set(effectKey(database, row), 'done')
    const accounts = new Set(row.changes.map(({ account }) => account))
    for (const other of database.rows.values()) {
      if (other.kind !== 'undo' || other.isDefence || other.xid === row.xid) continue
      if (this.knownOf(other.xid).decision === 'commit') continue
      const shared = other.changes.find(({ account }) => accounts.has(account))
      if (shared === undefined) continue
      const text = `${shared.account} of ${database.name} belongs to ${other.xid} still`
      this.fail('no dirty write', text, row.xid)
    }
  }

  #onFence(database: SimulatedDatabase, key: string, status: FenceStatus): void {
    const xid = key.split('/')[1] as string
    const effect = `${database.name}/${key}`
    if (status === 'tried') this.knownOf(xid).effects.set(effect, 'done')
    else this.#onEffect(effect, xid, status === 'committed' ? 'kept' : 'undone')
  }

  /** Phase two makes a branch stay or takes it back. */
  #onEffect(key: string, xid: string, effect: Effect): void {
    const { decision, effects } = this.knownOf(xid)
    effects.set(key, effect)
    const wanted: Decision = effect === 'undone' ? 'rollback' : 'commit'
    const text = `${key} is ${effect}, the decision is ${decision ?? 'open'}`
    this.check(decision === wanted, 'phase two follows the decision', text, xid)
  }
}

function effectKey(database: SimulatedDatabase, row: UndoRow): string {
  return `${database.name}/${row.branchId}`
}

export function decisionOf(status: GlobalStatus): Decision | undefined {
  switch (status) {
    case GlobalStatus.Committing:
    case GlobalStatus.CommitRetrying:
    case GlobalStatus.AsyncCommitting:
    case GlobalStatus.Committed:
    case GlobalStatus.CommitFailed:
      return 'commit'
    case GlobalStatus.Begin:
    case GlobalStatus.UnKnown:
      return undefined
    default:
      return 'rollback'
  }
}

function isOver(status: GlobalStatus): boolean {
  return (
    status === GlobalStatus.Committed ||
    status === GlobalStatus.Rollbacked ||
    status === GlobalStatus.TimeoutRollbacked ||
    status === GlobalStatus.Finished
  )
}
