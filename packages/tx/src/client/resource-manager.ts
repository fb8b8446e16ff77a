/**
 * Stands between the databases of this process and the coordinator: registers branches for them
 * (phase one) and hands them the order to end (phase two). Originals: AbstractResourceManager,
 * DataSourceManager and AbstractRMHandler in org.apache.seata.rm.
 *
 * A registration whose answer is lost is not sent again, because a second branch would take its
 * place behind the first. The caller rolls its local transaction back, so a branch that exists
 * nevertheless has no undo log: its commit deletes nothing, and its rollback leaves a defence row.
 */
import {
  backoffMs,
  currentContext,
  isSetteeError,
  runWithContext,
  sleep,
  type SetteeError,
} from '@settee/kit'
import type { Long } from '@settee/wire'
import { txError } from '../errors.ts'
import type { SeataPeer } from '../peer.ts'
import {
  BranchType,
  ExceptionCode,
  fromWireOrdinal,
  MessageType,
  nameOf,
  ResultCode,
  type BranchRegisterRequest,
  type BranchRegisterResponse,
  type BranchReportResponse,
  type GlobalLockQueryResponse,
  type RequestMessage,
  type TransactionResult,
  type UndoLogDeleteRequest,
} from '../protocol/index.ts'
import { askAgain } from './ask-again.ts'
import { lockOnlyXid } from './branch-context.ts'
import { BranchQueue, notEnded } from './branch-queue.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import type { BranchPort, BranchRegistration, Resource } from './resource.ts'

export interface ResourceManagerOptions {
  /** Longest wait for one answer, in ms; waiting for locks is extra. Default 15,000. */
  readonly requestTimeoutMs?: number
  /** Branches of one resource that end at the same time. Default 16. */
  readonly maxRunningBranches?: number
  /** Branches of one resource that wait for that; more are refused. Default 10,000. */
  readonly maxWaitingBranches?: number
  /** Told of old undo logs that could not be deleted, and of resources that failed to close. */
  readonly onWarning: (error: unknown) => void
}

const maxReports = 5
/** Between two questions, where the coordinator does not wait for locks itself. */
const lockPauses = { minMs: 10, maxMs: 200 }

export class ResourceManager implements BranchPort {
  readonly #link: CoordinatorLink
  readonly #options: ResourceManagerOptions
  readonly #requestTimeoutMs: number
  readonly #queues = new Map<string, BranchQueue>()

  constructor(link: CoordinatorLink, options: ResourceManagerOptions) {
    this.#link = link
    this.#options = options
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 15_000
  }

  /** What this process registers with the coordinator. */
  get resourceIds(): string {
    return [...this.#queues.keys()].join(',')
  }

  /** @throws SETTEE_TX_BAD_OPTION for an id that cannot be registered, or is in use. */
  add(resource: Resource): void {
    const { resourceId } = resource
    if (resourceId === '' || resourceId.includes(',')) {
      throw txError(
        'SETTEE_TX_BAD_OPTION',
        `resourceId "${resourceId}" must not be empty or contain a comma, which separates ids`,
      )
    }
    if (this.#queues.has(resourceId)) {
      throw txError(
        'SETTEE_TX_BAD_OPTION',
        `${resourceId} is under global transactions already; share its pool`,
      )
    }
    const { maxRunningBranches = 16, maxWaitingBranches = 10_000 } = this.#options
    const limits = { maxRunning: maxRunningBranches, maxWaiting: maxWaitingBranches }
    this.#queues.set(resourceId, new BranchQueue(resource, limits))
    this.#link.register()
  }

  async registerBranch(registration: BranchRegistration): Promise<Long> {
    if (registration.xid === lockOnlyXid) return this.#awaitLockable(registration)
    const { clock, random } = this.#link
    const deadlineMs = clock.monotonic() + Math.min(registration.lockWaitMs, remainingMs(clock))
    for (let failures = 1; ; failures++) {
      const lockWaitMs = Math.max(Math.ceil(deadlineMs - clock.monotonic()), 0)
      const answer = await this.#register(registration, lockWaitMs)
      if (answer.resultCode === ResultCode.Success) return answer.branchId
      const failure = this.#failureOf(answer, registration)
      // Our coordinator has waited itself and the time is over; Seata's refuses at once.
      const pauseMs = backoffMs(failures, lockPauses, random)
      const isWorthWaiting = failure.details['failFast'] === false
      if (!isWorthWaiting || clock.monotonic() + pauseMs >= deadlineMs) throw failure
      await sleep(pauseMs, clock)
    }
  }

  async reportBranch(
    xid: string,
    branch: Parameters<BranchPort['reportBranch']>[1],
  ): Promise<void> {
    if (xid === lockOnlyXid) return
    const { branchId, branchType, resourceId, status, applicationData = '' } = branch
    await askAgain<typeof MessageType.BranchReport>(
      this.#link,
      {
        type: MessageType.BranchReport,
        xid,
        branchId,
        branchStatus: status,
        resourceId,
        applicationData,
        branchType,
      },
      {
        limitMs: this.#requestTimeoutMs,
        attemptMs: this.#requestTimeoutMs,
        maxAttempts: maxReports,
        refusalOf: (answer) => this.#refusalOf(answer, { xid, resourceId }),
      },
    )
  }

  async isLockable(xid: string, resourceId: string, lockKeys: string): Promise<boolean> {
    const limitMs = Math.min(this.#requestTimeoutMs, remainingMs(this.#link.clock))
    const answer = await askAgain<typeof MessageType.GlobalLockQuery>(
      this.#link,
      {
        type: MessageType.GlobalLockQuery,
        xid: xid === lockOnlyXid ? '' : xid,
        branchType: BranchType.AT,
        resourceId,
        lockKey: lockKeys,
        applicationData: '',
      },
      { limitMs, attemptMs: limitMs },
    )
    if (answer.resultCode === ResultCode.Success) return answer.lockable
    const failure = this.#failureOf(answer, { xid, resourceId })
    if (failure.code === 'SETTEE_TX_LOCK_CONFLICT') return false
    throw failure
  }

  /**
   * What stands for a registration when locks are only looked at. The caller holds the row locks of
   * the database, so that nobody can change the rows, and take their global locks, behind this.
   * @returns no branch.
   */
  async #awaitLockable({ resourceId, lockKeys, lockWaitMs }: BranchRegistration): Promise<Long> {
    const { clock, random } = this.#link
    const deadlineMs = clock.monotonic() + Math.min(lockWaitMs, remainingMs(clock))
    for (let failures = 1; ; failures++) {
      if (await this.isLockable(lockOnlyXid, resourceId, lockKeys)) return 0
      const leftMs = deadlineMs - clock.monotonic()
      if (leftMs <= 0) {
        throw txError(
          'SETTEE_TX_LOCK_CONFLICT',
          `${lockKeys.slice(0, 200)} of ${resourceId} belongs to a global transaction; ` +
            'try again when it has ended',
          { details: { resourceId, failFast: false } },
        )
      }
      await sleep(Math.min(backoffMs(failures, lockPauses, random), leftMs), clock)
    }
  }

  /** Handles what the coordinator asks on the connection of the resource manager. */
  readonly onRequest = (
    message: RequestMessage,
    requestId: number,
    _frameType: number,
    peer: SeataPeer,
  ): void => {
    switch (message.type) {
      case MessageType.BranchCommit:
      case MessageType.BranchRollback: {
        const queue = this.#queues.get(message.resourceId)
        if (queue !== undefined) return queue.push({ request: message, requestId, peer })
        const why = `this process does not serve ${message.resourceId}`
        return peer.answer(requestId, notEnded(message, why))
      }
      case MessageType.UndoLogDelete:
        return this.#deleteUndoLogs(message)
      default:
        // What only clients ask.
        return undefined
    }
  }

  /** Waits for the branches that are ending, then closes the resources. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#queues.values()].map(async (queue) => {
        await queue.stop()
        await queue.resource.close().catch(this.#options.onWarning)
      }),
    )
  }

  #deleteUndoLogs({ resourceId, saveDays }: UndoLogDeleteRequest): void {
    const resource = this.#queues.get(resourceId)?.resource
    if (resource === undefined) return
    runWithContext({}, () => resource.deleteUndoLogs(saveDays)).catch(this.#options.onWarning)
  }

  async #register(
    registration: BranchRegistration,
    lockWaitMs: number,
  ): Promise<BranchRegisterResponse> {
    const { xid, branchType, resourceId, lockKeys, holdsRowLocks, statement } = registration
    const applicationData = JSON.stringify({
      autoCommit: !holdsRowLocks,
      skipCheckLock: false,
      lockWaitMs,
      statement,
    })
    const request: BranchRegisterRequest = {
      type: MessageType.BranchRegister,
      xid,
      branchType,
      resourceId,
      lockKey: lockKeys,
      applicationData,
    }
    const link = this.#link
    const timeoutMs = Math.min(this.#requestTimeoutMs + lockWaitMs, remainingMs(link.clock))
    try {
      return await link.call<typeof MessageType.BranchRegister>(request, timeoutMs)
    } catch (error) {
      if (!mayHaveArrived(error)) throw error
      throw txError(
        'SETTEE_TX_BRANCH_UNCONFIRMED',
        `the coordinator did not say whether it registered a branch of ${resourceId} in ${xid}: ` +
          `${error.message}; roll the local transaction back and run it again`,
        { cause: error, details: { xid, resourceId } },
      )
    }
  }

  #refusalOf(
    answer: BranchReportResponse,
    branch: { readonly xid: string; readonly resourceId: string },
  ): SetteeError | undefined {
    return answer.resultCode === ResultCode.Success ? undefined : this.#failureOf(answer, branch)
  }

  #failureOf(
    answer: TransactionResult | GlobalLockQueryResponse,
    { xid, resourceId }: { readonly xid: string; readonly resourceId: string },
  ): SetteeError {
    const code = fromWireOrdinal(answer.exceptionCode, this.#link.serverVersion)
    const exceptionCode = nameOf(ExceptionCode, code)
    const details = { xid, resourceId, exceptionCode }
    switch (code) {
      case ExceptionCode.LockKeyConflict:
      case ExceptionCode.LockKeyConflictFailFast: {
        const failFast = code === ExceptionCode.LockKeyConflictFailFast
        return txError('SETTEE_TX_LOCK_CONFLICT', answer.msg, {
          details: { ...details, failFast },
        })
      }
      case ExceptionCode.BranchRegisterFailed:
      case ExceptionCode.BranchReportFailed:
      case ExceptionCode.FailedWriteSession:
      case ExceptionCode.FailedStore:
        return txError('SETTEE_TX_STORE_FAILED', answer.msg, { details })
      default:
        return txError('SETTEE_TX_BRANCH_REFUSED', answer.msg, { details })
    }
  }
}

/** What is left for the request that is being served, in ms. */
function remainingMs(clock: { monotonic(): number }): number {
  const { deadlineMs = Infinity } = currentContext()
  return deadlineMs - clock.monotonic()
}

function mayHaveArrived(error: unknown): error is SetteeError {
  return (
    isSetteeError(error, 'SETTEE_WIRE_TIMEOUT') ||
    isSetteeError(error, 'SETTEE_WIRE_CLOSED') ||
    isSetteeError(error, 'SETTEE_TX_BAD_MESSAGE')
  )
}
