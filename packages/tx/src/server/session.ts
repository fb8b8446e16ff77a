/**
 * One client connection of the coordinator: answers requests in the client's own version of the
 * protocol, and carries the calls of phase two to its resource manager. Originals:
 * DefaultCoordinator, RegTmProcessor, RegRmProcessor and ServerOnRequestProcessor of Seata.
 */
import { isSetteeError, messageOf, type SetteeError } from '@settee/kit'
import type { Connection } from '@settee/wire'
import type { BranchOutcome } from '../core/commands.ts'
import { failedOutcome, type BranchCall } from '../core/phase-two.ts'
import { refusalMessage, unknownBranch, type Refusal } from '../core/refusal.ts'
import { refused } from '../core/result.ts'
import { txError } from '../errors.ts'
import { SeataCall, type AnsweredRequest, type SeataPeer } from '../peer.ts'
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  FrameType,
  GlobalStatus,
  MessageType,
  nameOf,
  ResultCode,
  toWireOrdinal,
  type BranchRegisterRequest,
  type BranchReportRequest,
  type GlobalLockQueryRequest,
  type GlobalReportRequest,
  type RegisterRMRequest,
  type RegisterTMRequest,
  type RequestMessage,
  type ResponseMessage,
  type TransactionResult,
  type UnregisterRMRequest,
} from '../protocol/index.ts'
import type { Channel, ChannelTable } from './channel-table.ts'
import type { CoordinatorShell } from './coordinator.ts'
import type { Reply } from './settle-waiters.ts'

/**
 * The version that we register with: the newest whose behaviour towards coordinators we have.
 * Clients decide by it what they may send (UnregisterRM from 2.6.0 on).
 */
const serverVersion = '2.6.0'

/** Longest wait for the answer of a resource manager, in ms (rpcTcRequestTimeout). */
const branchCallTimeoutMs = 15_000
/** Resources that one connection may serve. */
const maxResourcesPerChannel = 1000

const success: TransactionResult = {
  resultCode: ResultCode.Success,
  msg: '',
  exceptionCode: ExceptionCode.Unknown,
}

export class Session implements Channel {
  clientId: string
  applicationId = ''
  readonly ip: string
  readonly #connection: Connection
  readonly #shell: CoordinatorShell
  readonly #channels: ChannelTable<Session>
  #peer: SeataPeer | undefined
  #group = ''
  #version = ''
  #isRegistered = false

  constructor(connection: Connection, shell: CoordinatorShell, channels: ChannelTable<Session>) {
    const { remoteAddress } = connection
    this.#connection = connection
    this.#shell = shell
    this.#channels = channels
    this.clientId = remoteAddress
    this.ip = remoteAddress.slice(0, remoteAddress.lastIndexOf(':'))
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  onRequest(
    message: RequestMessage,
    requestId: number,
    frameType: FrameType,
    peer: SeataPeer,
  ): void {
    this.#peer = peer
    const isRegistration =
      message.type === MessageType.RegisterTM || message.type === MessageType.RegisterRM
    if (!this.#isRegistered && !isRegistration) {
      throw txError(
        'SETTEE_TX_BAD_MESSAGE',
        `${this.clientId} sent a request before it registered; the connection was closed`,
      )
    }
    // Seata sends registrations as oneway too, and waits for the answer all the same.
    const isAnswered = frameType === FrameType.RequestSync || isRegistration
    this.#handle(message, (answer) => {
      if (isAnswered) peer.answer(requestId, answer)
    })
  }

  onClose(): void {
    this.#channels.remove(this)
  }

  /** Calls the resource manager behind this connection. */
  callBranch(call: BranchCall, done: (outcome: BranchOutcome) => void): void {
    this.#peer!.call(new BranchEndCall(call, done))
  }

  /** Asks the resource manager to delete undo logs that nothing will ask for any more. */
  remindOfUndoLogs(resourceId: string, saveDays: number): void {
    const type = MessageType.UndoLogDelete
    try {
      this.#peer!.sendOneway({ type, branchType: BranchType.AT, resourceId, saveDays })
    } catch (error) {
      // One that does not read is reminded the next time.
      if (!isSetteeError(error)) throw error
    }
  }

  #handle(message: RequestMessage, answer: (message: ResponseMessage) => void): void {
    switch (message.type) {
      case MessageType.GlobalBegin:
        return this.#begin(message.timeoutMs, message.transactionName, answer)
      case MessageType.BranchRegister:
        return this.#registerBranch(message, answer)
      case MessageType.BranchReport:
        return this.#reportBranch(message, answer)
      case MessageType.GlobalCommit:
        return this.#shell.commit(
          message.xid,
          this.#statusReply(MessageType.GlobalCommitResult, answer),
        )
      case MessageType.GlobalRollback:
        return this.#shell.rollback(
          message.xid,
          message.extraData,
          this.#statusReply(MessageType.GlobalRollbackResult, answer),
        )
      case MessageType.GlobalStatus:
        return answer({
          type: MessageType.GlobalStatusResult,
          ...success,
          globalStatus: this.#shell.statusOf(message.xid),
        })
      case MessageType.GlobalReport:
        return this.#globalReport(message, answer)
      case MessageType.GlobalLockQuery:
        return this.#queryLocks(message, answer)
      case MessageType.RegisterTM:
      case MessageType.RegisterRM:
        return this.#register(message, answer)
      case MessageType.UnregisterRM:
        return this.#unregister(message, answer)
      default:
        throw txError(
          'SETTEE_TX_BAD_MESSAGE',
          `${this.clientId} sent a request of type ${message.type}, which only coordinators ` +
            'send; the connection was closed',
        )
    }
  }

  #begin(timeoutMs: number, name: string, answer: (message: ResponseMessage) => void): void {
    const applicationId = this.applicationId
    const transactionServiceGroup = this.#group
    this.#shell.begin(
      { name, timeoutMs, applicationId, transactionServiceGroup },
      (result, error, xid) => {
        const outcome = this.#outcome(error, result?.refusal ?? null, ExceptionCode.BeginFailed)
        const isBegun = outcome.resultCode === ResultCode.Success
        answer({
          type: MessageType.GlobalBeginResult,
          ...outcome,
          xid: isBegun ? xid : '',
          extraData: '',
        })
      },
    )
  }

  #registerBranch(
    message: BranchRegisterRequest,
    answer: (message: ResponseMessage) => void,
  ): void {
    const { xid, branchType, resourceId, lockKey, applicationData } = message
    this.#shell.registerBranch(
      { xid, branchType, resourceId, clientId: this.clientId, lockKeys: lockKey, applicationData },
      (refusal, error, branchId) => {
        const outcome = this.#outcome(error, refusal, ExceptionCode.BranchRegisterFailed)
        const isRegistered = outcome.resultCode === ResultCode.Success
        answer({
          type: MessageType.BranchRegisterResult,
          ...outcome,
          branchId: isRegistered ? branchId : 0,
        })
      },
      this.#isOpen,
    )
  }

  #reportBranch(message: BranchReportRequest, answer: (message: ResponseMessage) => void): void {
    const { xid, branchId, branchStatus: status, applicationData } = message
    const reply: Reply = (error, result) => {
      const outcome = this.#outcome(error, result?.refusal ?? null)
      answer({ type: MessageType.BranchReportResult, ...outcome })
    }
    // Ids of this coordinator are safe integers: one that needs 64 bits is another's.
    if (typeof branchId === 'bigint') reply(undefined, refused(unknownBranch(xid, branchId)))
    else this.#shell.reportBranch({ xid, branchId, status, applicationData }, reply)
  }

  readonly #isOpen = (): boolean => this.isOpen

  #globalReport(message: GlobalReportRequest, answer: (message: ResponseMessage) => void): void {
    const { xid, globalStatus } = message
    if (globalStatus === null) {
      const status = this.#shell.statusOf(xid)
      return answer({ type: MessageType.GlobalReportResult, ...success, globalStatus: status })
    }
    this.#shell.globalReport(
      xid,
      globalStatus,
      this.#statusReply(MessageType.GlobalReportResult, answer),
    )
  }

  #queryLocks(message: GlobalLockQueryRequest, answer: (message: ResponseMessage) => void): void {
    const { xid, resourceId, lockKey } = message
    try {
      const conflict = this.#shell.findLockConflict(xid, resourceId, lockKey)
      answer({
        type: MessageType.GlobalLockQueryResult,
        ...success,
        lockable: conflict === null,
      })
    } catch (error) {
      answer({
        type: MessageType.GlobalLockQueryResult,
        ...this.#failure(ExceptionCode.LockableCheckFailed, messageOf(error)),
        lockable: false,
      })
    }
  }

  #register(
    message: RegisterTMRequest | RegisterRMRequest,
    answer: (message: ResponseMessage) => void,
  ): void {
    const isManager = message.type === MessageType.RegisterTM
    const resourceIds = isManager ? [] : splitResources(message.resourceIds)
    const refusal = this.#refusalOfResources(resourceIds)
    if (refusal === '') this.#identify(message)
    answer({
      type: isManager ? MessageType.RegisterTMResult : MessageType.RegisterRMResult,
      resultCode: refusal === '' ? ResultCode.Success : ResultCode.Failed,
      msg: refusal,
      identified: refusal === '',
      version: serverVersion,
    })
    if (refusal !== '') return
    for (const resourceId of resourceIds) {
      this.#channels.add(this, resourceId)
      this.#shell.resourceAvailable(resourceId)
    }
  }

  #identify(message: RegisterTMRequest | RegisterRMRequest): void {
    this.#isRegistered = true
    this.#version = message.version
    this.#peer!.clientVersion = message.version
    this.applicationId = message.applicationId
    this.#group = message.transactionServiceGroup
    this.clientId = `${message.applicationId}:${this.#connection.remoteAddress}`
  }

  /** Why the resources cannot be served; '' when they can. */
  #refusalOfResources(resourceIds: readonly string[]): string {
    const count = this.#channels.resourceCountOf(this) + resourceIds.length
    if (count > maxResourcesPerChannel) {
      return `${count} resources on one connection; ${maxResourcesPerChannel} are allowed`
    }
    const { maxNameLength } = this.#shell.state.limits
    const longest = resourceIds.reduce((most, { length }) => Math.max(most, length), 0)
    return longest > maxNameLength
      ? `a resource id has ${longest} characters; maxNameLength allows ${maxNameLength}`
      : ''
  }

  #unregister(message: UnregisterRMRequest, answer: (message: ResponseMessage) => void): void {
    for (const resourceId of splitResources(message.resourceIds)) {
      this.#channels.removeResource(this, resourceId)
    }
    answer({
      type: MessageType.UnregisterRMResult,
      resultCode: ResultCode.Success,
      msg: '',
      identified: true,
      version: serverVersion,
    })
  }

  #statusReply(
    type:
      | typeof MessageType.GlobalCommitResult
      | typeof MessageType.GlobalRollbackResult
      | typeof MessageType.GlobalReportResult,
    answer: (message: ResponseMessage) => void,
  ): Reply {
    return (error, result) =>
      answer({
        type,
        ...this.#outcome(error, result?.refusal ?? null),
        globalStatus: result?.status ?? GlobalStatus.UnKnown,
      })
  }

  /** The part of an answer that says whether the request was carried out, and if not, why. */
  #outcome(
    error: SetteeError | undefined,
    refusal: Refusal | null,
    storeFailure: ExceptionCode = ExceptionCode.FailedStore,
  ): TransactionResult {
    if (error !== undefined) return this.#failure(storeFailure, `${error.code}: ${error.message}`)
    if (refusal === null) return success
    return {
      resultCode: ResultCode.Failed,
      msg: refusalMessage(refusal),
      exceptionCode: toWireOrdinal(refusal.code, this.#version),
    }
  }

  #failure(code: ExceptionCode, text: string): TransactionResult {
    return {
      resultCode: ResultCode.Failed,
      msg: `TransactionException[${text}]`,
      exceptionCode: toWireOrdinal(code, this.#version),
    }
  }
}

function splitResources(resourceIds: string): string[] {
  return resourceIds
    .split(',', 2 * maxResourcesPerChannel)
    .filter((resourceId) => resourceId !== '')
}

/** One attempt to end a branch. */
class BranchEndCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs = branchCallTimeoutMs
  readonly #call: BranchCall
  readonly #done: (outcome: BranchOutcome) => void

  constructor(call: BranchCall, done: (outcome: BranchOutcome) => void) {
    super()
    const { xid, branchId, branchType, resourceId, applicationData } = call
    this.#call = call
    this.#done = done
    this.message = {
      type: call.direction === 'commit' ? MessageType.BranchCommit : MessageType.BranchRollback,
      xid,
      branchId,
      branchType,
      resourceId,
      applicationData,
    }
  }

  onAnswer(answer: ResponseMessage): void {
    if (
      answer.type !== MessageType.BranchCommitResult &&
      answer.type !== MessageType.BranchRollbackResult
    ) {
      return
    }
    if (answer.resultCode === ResultCode.Failed) {
      return this.#done(failedOutcome(this.#call, answer.msg))
    }
    const { xid, branchId } = this.#call
    const isEnded =
      answer.branchStatus === BranchStatus.PhaseTwo_Committed ||
      answer.branchStatus === BranchStatus.PhaseTwo_Rollbacked
    const error = isEnded ? '' : answer.msg || nameOf(BranchStatus, answer.branchStatus)
    this.#done({ xid, branchId, status: answer.branchStatus, error })
  }

  onFailure(error: SetteeError): void {
    this.#done(failedOutcome(this.#call, isSetteeError(error) ? error.message : messageOf(error)))
  }
}
