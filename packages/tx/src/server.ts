/**
 * The transaction coordinator as a server: Seata's protocol on a port, the pure core behind it,
 * durable through a journal.
 */
import {
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type Service,
  type SetteeError,
} from '@settee/kit'
import type { Journal, ReplicaStats } from '@settee/journal'
import { Listener, TimerWheel, type Connection } from '@settee/wire'
import type { CoordinatorOptions } from './core/limits.ts'
import type { LockQueueOptions } from './core/lock-queue.ts'
import { describeLockWaits, type LockWaitView } from './core/lock-wait-view.ts'
import {
  failedOutcome,
  type BranchCall,
  type PhaseTwo,
  type PhaseTwoOptions,
} from './core/phase-two.ts'
import { refusalMessage } from './core/refusal.ts'
import type { BranchOutcome } from './core/commands.ts'
import type { CoordinatorState } from './core/state.ts'
import { repairChoices, type RepairChoice } from './core/transaction.ts'
import { txError } from './errors.ts'
import { SeataPeer } from './peer.ts'
import { BranchType, frameLength } from './protocol/index.ts'
import { ChannelTable } from './server/channel-table.ts'
import { CoordinatorShell } from './server/coordinator.ts'
import { Session } from './server/session.ts'

export type { LockWaitView } from './core/lock-wait-view.ts'
export type { RepairChoice } from './core/transaction.ts'
export {
  countTransactions,
  describeTransaction,
  listTransactions,
  type TransactionCounts,
  type TransactionDetail,
  type TransactionPage,
  type TransactionQuery,
  type TransactionSummary,
} from './core/read-model.ts'
export type { CoordinatorOptions } from './core/limits.ts'
export type { CoordinatorState } from './core/state.ts'

export interface TxServerOptions {
  /** Holds the coordinator's state: `createFileJournal` for keeps, `createMemoryJournal` else. */
  readonly journal: Journal
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8091, that of Seata; 0 takes any free port. */
  readonly port?: number
  readonly allowRemote?: boolean
  /** `ip:port` under which clients reach this server; goes into every xid. Default: as bound. */
  readonly advertisedAddress?: string
  /** Told once when the journal has failed: the process must end, a restart recovers. */
  readonly onFailed: (error: SetteeError) => void
  /** Told of messages that were dropped and connections that were closed for what they sent. */
  readonly onBadPeer?: (error: SetteeError) => void
  /** Limits of transactions, branches, locks and history. */
  readonly limits?: CoordinatorOptions
  /** Retries, breakers and calls in flight of phase two. */
  readonly phaseTwo?: PhaseTwoOptions
  /** Limits of those who wait for rows. */
  readonly lockQueue?: LockQueueOptions
  /** Transactions that may begin within a second; more are refused. Default 100,000. */
  readonly maxBeginsPerSecond?: number
  readonly snapshotEveryBytes?: number
  /** Age at which defence rows of rolled back branches are deleted, in days. Default 7. */
  readonly undoLogSaveDays?: number
  readonly clock?: Clock
  readonly random?: Random
}

export interface TxServer extends Service {
  /** `host:port` as bound. */
  readonly address: string
  readonly connectionCount: number
  /** The committed state, to be looked at only. */
  readonly state: CoordinatorState
  /** When phase two tries a branch again. */
  readonly schedule: PhaseTwo
  readonly lockWaiterCount: number
  /** Grows with every change of {@link state}. */
  readonly version: number
  stats(): ReplicaStats
  /** Registrations that wait for rows, and for whom; the first that came first. */
  lockWaits(limit?: number): readonly LockWaitView[]
  /**
   * Gives a person's order for a branch whose rows somebody changed outside of global transactions;
   * resolves when it is durable. The rollback then goes on with it.
   * @throws SETTEE_TX_REPAIR_REFUSED when the branch does not wait for that, SETTEE_TX_BAD_OPTION,
   *   and what the journal throws.
   */
  repairBranch(order: RepairOrder): Promise<void>
}

export interface RepairOrder {
  readonly xid: string
  /** As the read model writes it. */
  readonly branchId: string
  /** The rows as they were before the branch, as it left them, or as they are now. */
  readonly choice: RepairChoice
  /** Who decides; stays in the timeline. */
  readonly by: string
  /** Why; may be empty. */
  readonly note: string
}

/** First reminder to delete old undo logs, and its period, in ms. */
const firstUndoLogDeleteMs = 3 * 60_000
const undoLogDeletePeriodMs = 24 * 3_600_000

export function createTxServer(options: TxServerOptions): TxServer {
  return new SeataTxServer(options)
}

class SeataTxServer implements TxServer {
  readonly name = 'tx'
  readonly #options: TxServerOptions
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  readonly #listener: Listener
  readonly #shell: CoordinatorShell
  readonly #channels = new ChannelTable<Session>()
  #stopReminders: () => void = () => {}

  constructor(options: TxServerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#wheel = new TimerWheel({ clock: this.#clock })
    this.#listener = new Listener({
      name: 'tx',
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 8091,
      allowRemote: options.allowRemote ?? false,
      frameLength,
      accept: (connection) => this.#accept(connection),
    })
    this.#shell = new CoordinatorShell({
      journal: options.journal,
      clock: this.#clock,
      random: options.random ?? systemRandom,
      address: () => options.advertisedAddress ?? this.#listener.address,
      callBranch: (call, done) => this.#callBranch(call, done),
      onFailed: options.onFailed,
      ...(options.limits !== undefined && { core: options.limits }),
      ...(options.phaseTwo !== undefined && { phaseTwo: options.phaseTwo }),
      ...(options.lockQueue !== undefined && { lockQueue: options.lockQueue }),
      ...(options.maxBeginsPerSecond !== undefined && {
        maxBeginsPerSecond: options.maxBeginsPerSecond,
      }),
      ...(options.snapshotEveryBytes !== undefined && {
        snapshotEveryBytes: options.snapshotEveryBytes,
      }),
    })
  }

  get address(): string {
    return this.#listener.address
  }
  get connectionCount(): number {
    return this.#listener.connectionCount
  }
  get state(): CoordinatorState {
    return this.#shell.state
  }
  get schedule(): PhaseTwo {
    return this.#shell.schedule
  }
  get lockWaiterCount(): number {
    return this.#shell.lockWaiterCount
  }
  get version(): number {
    return this.#shell.version
  }
  stats(): ReplicaStats {
    return this.#shell.stats()
  }

  lockWaits(limit: number = 100): readonly LockWaitView[] {
    return describeLockWaits(this.state, this.#shell.lockQueue, limit)
  }

  repairBranch({ xid, branchId, choice, by, note }: RepairOrder): Promise<void> {
    const id = Number(branchId)
    if (!Number.isSafeInteger(id) || !repairChoices.includes(choice)) {
      const why = `no branch has the id "${branchId}", or the choice "${choice}" is none`
      return Promise.reject(txError('SETTEE_TX_BAD_OPTION', why))
    }
    return new Promise((resolve, reject) => {
      this.#shell.repairBranch({ xid, branchId: id, choice, by, note }, (error, result) => {
        const refusal = result?.refusal ?? null
        if (error !== undefined) reject(error)
        else if (refusal === null) resolve()
        else reject(txError('SETTEE_TX_REPAIR_REFUSED', refusalMessage(refusal)))
      })
    })
  }

  /** Recovers before it listens, so that the first request finds the whole state. */
  async start(): Promise<void> {
    await this.#shell.start()
    try {
      await this.#listener.start()
    } catch (error) {
      await this.#shell.stop()
      throw error
    }
    this.#remindOfUndoLogs(firstUndoLogDeleteMs)
  }

  async stop(): Promise<void> {
    this.#stopReminders()
    await this.#listener.stop()
    await this.#shell.stop()
  }

  #accept(connection: Connection): SeataPeer {
    const session = new Session(connection, this.#shell, this.#channels)
    return new SeataPeer({
      connection,
      clock: this.#clock,
      wheel: this.#wheel,
      onRequest: (message, requestId, frameType, from) =>
        session.onRequest(message, requestId, frameType, from),
      onClose: (reason) => {
        session.onClose()
        // A connection that was just closed has done nothing wrong.
        if (reason.code !== 'SETTEE_WIRE_CLOSED') this.#options.onBadPeer?.(reason)
      },
      onBadMessage: (error) => this.#options.onBadPeer?.(error),
    })
  }

  #callBranch(call: BranchCall, done: (outcome: BranchOutcome) => void): void {
    const session = this.#channels.find(call)
    if (session !== undefined) return session.callBranch(call, done)
    const { resourceId, clientId } = call
    done(
      failedOutcome(call, `rm client is not connected. dbkey:${resourceId},clientId:${clientId}`),
    )
  }

  /** Tells resource managers to delete undo logs that nothing will ask for any more. */
  #remindOfUndoLogs(delayMs: number): void {
    const timer = this.#clock.after(delayMs, () => {
      const saveDays = this.#options.undoLogSaveDays ?? 7
      for (const resourceId of this.#channels.resources) {
        const branch = { resourceId, clientId: '', branchType: BranchType.AT }
        this.#channels.find(branch)?.remindOfUndoLogs(resourceId, saveDays)
      }
      this.#remindOfUndoLogs(undoLogDeletePeriodMs)
    })
    this.#stopReminders = () => timer.cancel()
  }
}
