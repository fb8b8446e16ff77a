/**
 * A coordinator for the tests of this folder: the real protocol on a real socket, with answers that
 * a test chooses. It decides nothing by itself; the real one is tested beside the server.
 */
import { systemClock, type Clock } from '@settee/kit'
import { Listener, TimerWheel } from '@settee/wire'
import { SeataCall, SeataPeer, type AnsweredRequest } from '../peer.ts'
import {
  BranchType,
  ExceptionCode,
  frameLength,
  GlobalStatus,
  MessageType,
  ResultCode,
  type BranchCommitResponse,
  type BranchRollbackResponse,
  type FrameType,
  type RequestMessage,
  type ResponseMessage,
  type TransactionResult,
} from '../protocol/index.ts'

/** What a test lets the coordinator do with a request. `lose` closes after it has arrived. */
export type Reaction = ResponseMessage | 'silence' | 'lose'
export type React = (message: RequestMessage, peer: SeataPeer) => Reaction | undefined

export const success: TransactionResult = {
  resultCode: ResultCode.Success,
  msg: '',
  exceptionCode: ExceptionCode.Unknown,
}

export function failed(exceptionCode: ExceptionCode, msg: string): TransactionResult {
  return { resultCode: ResultCode.Failed, msg, exceptionCode }
}

export interface TestCoordinatorOptions {
  readonly port?: number
  /** Decides first; undefined leaves the answer to the default. */
  readonly react?: React
  readonly clock?: Clock
}

type BranchEnd = BranchCommitResponse | BranchRollbackResponse

export class TestCoordinator {
  /** All requests in the order of their arrival. */
  readonly requests: RequestMessage[] = []
  /** Decides first; undefined leaves the answer to the default. */
  react: React
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  readonly #listener: Listener
  readonly #peers = new Map<SeataPeer, 'TM' | 'RM' | undefined>()
  #waiters: { isMet: () => boolean; resolve: () => void }[] = []
  #lastId = 0

  static async start(options: TestCoordinatorOptions = {}): Promise<TestCoordinator> {
    const coordinator = new TestCoordinator(options)
    await coordinator.#listener.start()
    return coordinator
  }

  private constructor({ port = 0, react = () => undefined, clock }: TestCoordinatorOptions) {
    this.react = react
    this.#clock = clock ?? systemClock
    this.#wheel = new TimerWheel({ clock: this.#clock })
    this.#listener = new Listener({
      name: 'tx',
      port,
      frameLength,
      accept: (connection) => {
        const peer = new SeataPeer({
          connection,
          clock: this.#clock,
          wheel: this.#wheel,
          onRequest: this.#onRequest,
          onClose: () => {
            this.#peers.delete(peer)
            this.#wake()
          },
        })
        this.#peers.set(peer, undefined)
        return peer
      },
    })
  }

  get address(): string {
    return this.#listener.address
  }
  get port(): number {
    return this.#listener.port
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }

  /** Resolves when `isMet`, which is looked at after each request and each lost connection. */
  async until(isMet: () => boolean): Promise<void> {
    if (isMet()) return
    await new Promise<void>((resolve) => this.#waiters.push({ isMet, resolve }))
  }

  ofType<Type extends RequestMessage['type']>(
    type: Type,
  ): readonly Extract<RequestMessage, { type: Type }>[] {
    return this.requests.filter((message) => message.type === type) as never
  }

  /** Connections on which this role has registered. */
  peersOf(role: 'TM' | 'RM'): SeataPeer[] {
    return [...this.#peers].filter(([, of]) => of === role).map(([peer]) => peer)
  }

  /** Sends an order of phase two to the resource manager. */
  endBranch(
    kind: 'commit' | 'rollback',
    branch: {
      readonly xid: string
      readonly branchId: number
      readonly resourceId: string
      readonly applicationData?: string
    },
  ): Promise<BranchEnd> {
    const type = kind === 'commit' ? MessageType.BranchCommit : MessageType.BranchRollback
    const call = new OrderCall({ applicationData: '', ...branch, type, branchType: BranchType.AT })
    this.peersOf('RM')[0]!.call(call)
    return call.answer as Promise<BranchEnd>
  }

  readonly #onRequest = (
    message: RequestMessage,
    requestId: number,
    _frameType: FrameType,
    peer: SeataPeer,
  ): void => {
    this.requests.push(message)
    const reaction = this.react(message, peer) ?? this.#usual(message)
    if (reaction === 'lose') peer.connection.close()
    else if (reaction !== 'silence') {
      this.#noteRole(peer, reaction)
      peer.answer(requestId, reaction)
    }
    this.#wake()
  }

  #noteRole(peer: SeataPeer, answer: ResponseMessage): void {
    const isManager = answer.type === MessageType.RegisterTMResult
    if (!isManager && answer.type !== MessageType.RegisterRMResult) return
    if (answer.identified) this.#peers.set(peer, isManager ? 'TM' : 'RM')
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      if (!waiter.isMet()) return true
      waiter.resolve()
      return false
    })
  }

  #usual(message: RequestMessage): Reaction {
    switch (message.type) {
      case MessageType.RegisterTM:
        return { type: MessageType.RegisterTMResult, ...identified }
      case MessageType.RegisterRM:
        return { type: MessageType.RegisterRMResult, ...identified }
      case MessageType.GlobalBegin: {
        const xid = `${this.address}:${++this.#lastId}`
        return { type: MessageType.GlobalBeginResult, ...success, xid, extraData: '' }
      }
      case MessageType.GlobalCommit:
        return {
          type: MessageType.GlobalCommitResult,
          ...success,
          globalStatus: GlobalStatus.Committed,
        }
      case MessageType.GlobalRollback:
        return {
          type: MessageType.GlobalRollbackResult,
          ...success,
          globalStatus: GlobalStatus.Rollbacked,
        }
      case MessageType.GlobalStatus:
        return {
          type: MessageType.GlobalStatusResult,
          ...success,
          globalStatus: GlobalStatus.Begin,
        }
      case MessageType.BranchRegister:
        return { type: MessageType.BranchRegisterResult, ...success, branchId: ++this.#lastId }
      case MessageType.BranchReport:
        return { type: MessageType.BranchReportResult, ...success }
      case MessageType.GlobalLockQuery:
        return { type: MessageType.GlobalLockQueryResult, ...success, lockable: true }
      default:
        return 'silence'
    }
  }
}

const identified = {
  resultCode: ResultCode.Success,
  msg: '',
  identified: true,
  version: '2.6.0',
} as const

class OrderCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs = 10_000
  readonly #settled = Promise.withResolvers<ResponseMessage>()

  constructor(message: AnsweredRequest) {
    super()
    this.message = message
  }
  get answer(): Promise<ResponseMessage> {
    return this.#settled.promise
  }
  onAnswer(message: ResponseMessage): void {
    this.#settled.resolve(message)
  }
  onFailure(error: Error): void {
    this.#settled.reject(error)
  }
}
