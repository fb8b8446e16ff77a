/**
 * Phase two on one resource: branches are committed and rolled back a few at a time, in the order
 * in which the coordinator asks. Original: AbstractRMHandler.
 *
 * Every request is answered with a status. The original answers without one when the resource
 * throws, which its own codec cannot write, so that its coordinator waits for nothing.
 */
import { messageOf, Queue, runWithContext } from '@settee/kit'
import type { SeataPeer } from '../peer.ts'
import {
  BranchStatus,
  ExceptionCode,
  MessageType,
  ResultCode,
  type BranchCommitRequest,
  type BranchCommitResponse,
  type BranchRollbackRequest,
  type BranchRollbackResponse,
} from '../protocol/index.ts'
import { decodeRepairChoice } from './repair-choice.ts'
import type { Resource } from './resource.ts'

export type BranchEndRequest = BranchCommitRequest | BranchRollbackRequest
export type BranchEndResponse = BranchCommitResponse | BranchRollbackResponse

export interface BranchJob {
  readonly request: BranchEndRequest
  readonly requestId: number
  readonly peer: SeataPeer
}

export interface BranchQueueLimits {
  /** Branches of one resource that end at the same time. Default 16. */
  readonly maxRunning: number
  /** Branches of one resource that wait for that; more are refused. Default 10,000. */
  readonly maxWaiting: number
}

export class BranchQueue {
  readonly resource: Resource
  readonly #limits: BranchQueueLimits
  readonly #waiting = new Queue<BranchJob>()
  readonly #running = new Set<Promise<void>>()

  constructor(resource: Resource, limits: BranchQueueLimits) {
    this.resource = resource
    this.#limits = limits
  }

  push(job: BranchJob): void {
    const { maxRunning, maxWaiting } = this.#limits
    if (this.#running.size < maxRunning) {
      this.#start(job)
    } else if (this.#waiting.length < maxWaiting) {
      this.#waiting.push(job)
    } else {
      const why = `${maxWaiting} branches of ${this.resource.resourceId} wait already`
      job.peer.answer(job.requestId, notEnded(job.request, why))
    }
  }

  /** Drops what waits, for the coordinator asks again, and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#waiting.clear()
    await Promise.all(this.#running)
  }

  #start(job: BranchJob): void {
    const run: Promise<void> = this.#run(job).then(() => {
      this.#running.delete(run)
      const next = this.#waiting.shift()
      if (next !== undefined) this.#start(next)
    })
    this.#running.add(run)
  }

  async #run({ request, requestId, peer }: BranchJob): Promise<void> {
    peer.answer(requestId, await endBranch(this.resource, request))
  }
}

/** The answer to a branch that has not ended: the coordinator tries again later. */
export function notEnded(request: BranchEndRequest, why: string): BranchEndResponse {
  return request.type === MessageType.BranchCommit
    ? answerTo(request, BranchStatus.PhaseTwo_CommitFailed_Retryable, why)
    : answerTo(request, BranchStatus.PhaseTwo_RollbackFailed_Retryable, why)
}

async function endBranch(
  resource: Resource,
  request: BranchEndRequest,
): Promise<BranchEndResponse> {
  const { xid, branchId } = request
  try {
    // A connection may have been opened inside of a transaction and would hand its context on.
    const status = await runWithContext({}, () =>
      request.type === MessageType.BranchCommit
        ? resource.commitBranch(xid, branchId)
        : resource.rollbackBranch(xid, branchId, decodeRepairChoice(request.applicationData)),
    )
    return answerTo(request, status, '')
  } catch (error) {
    return notEnded(request, messageOf(error))
  }
}

/** A reason travels only in a failed result. */
function answerTo(
  request: BranchEndRequest,
  branchStatus: BranchStatus,
  msg: string,
): BranchEndResponse {
  const isCommit = request.type === MessageType.BranchCommit
  return {
    type: isCommit ? MessageType.BranchCommitResult : MessageType.BranchRollbackResult,
    resultCode: msg === '' ? ResultCode.Success : ResultCode.Failed,
    msg,
    exceptionCode:
      msg === '' || isCommit ? ExceptionCode.Unknown : ExceptionCode.BranchRollbackFailed_Retriable,
    xid: request.xid,
    branchId: request.branchId,
    branchStatus,
  }
}
