/**
 * What the tests of the coordinator need: a coordinator on a free port, and clients that speak the
 * protocol over real sockets and do nothing by themselves but answer phase two as a test says.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { createMemoryJournal } from '@settee/journal'
import { createManualClock, systemClock, type ManualClock, type SetteeError } from '@settee/kit'
import { Connection, TimerWheel } from '@settee/wire'
import { SeataCall, SeataPeer, type AnsweredRequest } from '../peer.ts'
import {
  BranchStatus,
  BranchType,
  frameLength,
  GlobalStatus,
  MessageType,
  ResultCode,
  type BranchRegisterResponse,
  type GlobalBeginResponse,
  type RequestMessage,
  type ResponseMessage,
} from '../protocol/index.ts'
import { createTxServer, type TxServer, type TxServerOptions } from '../server.ts'

export type CleanUps = (() => unknown)[]

/** The tests' own stack: what was opened last is closed first. */
export async function cleanUpAll(cleanUps: CleanUps): Promise<void> {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
}

export interface TestCoordinator {
  readonly server: TxServer
  readonly clock: ManualClock
  /** Why the journal failed; empty when it has not. */
  readonly failures: SetteeError[]
  /** What clients were accused of. */
  readonly accusations: SetteeError[]
  /** Lets time pass while the clients show that they are alive. */
  pass(ms: number): Promise<void>
  connect(options?: ClientOptions): Promise<TestClient>
}

/** A coordinator whose time stands still until a test lets it pass. */
export async function startCoordinator(
  cleanUps: CleanUps,
  options: Partial<TxServerOptions> = {},
): Promise<TestCoordinator> {
  const clock = createManualClock(1_800_000_000_000)
  const failures: SetteeError[] = []
  const accusations: SetteeError[] = []
  const server = createTxServer({
    port: 0,
    journal: createMemoryJournal(),
    clock,
    onFailed: (error) => failures.push(error),
    onBadPeer: (error) => accusations.push(error),
    ...options,
  })
  await server.start()
  cleanUps.push(() => server.stop())
  const clients: TestClient[] = []

  return {
    server,
    clock,
    failures,
    accusations,
    async pass(ms) {
      // The coordinator gives up who is silent for 15 s.
      for (let left = ms; left > 0; left -= 5000) {
        clock.advance(Math.min(left, 5000))
        for (const client of clients) if (client.isOpen) await client.statusOf('alive')
      }
    },
    async connect(clientOptions) {
      const client = await connectClient(server.address, clientOptions)
      clients.push(client)
      cleanUps.push(() => client.close())
      return client
    },
  }
}

export interface ClientOptions {
  readonly applicationId?: string
  readonly version?: string
  /** Resources to serve; without them the client is a transaction manager. */
  readonly resourceIds?: string
  /** False opens the connection alone. */
  readonly registers?: boolean
}

export const stockResource = 'jdbc:mysql://127.0.0.1:3306/stock'
export const accountResource = 'jdbc:mysql://127.0.0.1:3306/account'

export interface BranchOptions {
  readonly resourceId?: string
  readonly branchType?: BranchType
  readonly applicationData?: string
}

/** What a resource manager does with an order of phase two. */
export type Reaction = BranchStatus | { readonly failure: string } | 'silence'

type BranchEnd = Extract<RequestMessage, { branchId: number | bigint; applicationData: string }>

export class TestClient {
  /** Orders of phase two and other requests of the coordinator, as they came. */
  readonly requests: RequestMessage[] = []
  /** Default: does what it is told. */
  react: ((message: RequestMessage) => Reaction) | undefined
  readonly peer: SeataPeer
  #waiters: { isMet: () => boolean; resolve: () => void }[] = []

  constructor(connection: Connection, wheel: TimerWheel) {
    this.peer = new SeataPeer({
      connection,
      wheel,
      clock: systemClock,
      onRequest: (message, requestId) => this.#onRequest(message, requestId),
      onClose: () => this.#wake(),
    })
  }

  get isOpen(): boolean {
    return this.peer.connection.isOpen
  }

  /** The orders of phase two, as `commit 5` or `rollback 5`. */
  get orders(): string[] {
    return this.requests.filter(isBranchEnd).map((message) => {
      const verb = message.type === MessageType.BranchCommit ? 'commit' : 'rollback'
      return `${verb} ${message.branchId}`
    })
  }

  close(): void {
    this.peer.connection.close()
  }

  /** Resolves when `isMet`, which is looked at after each request and when the connection ends. */
  async until(isMet: () => boolean): Promise<void> {
    if (isMet()) return
    await new Promise<void>((resolve) => this.#waiters.push({ isMet, resolve }))
  }

  ask(message: AnsweredRequest): Promise<ResponseMessage> {
    const call = new TestCall(message)
    this.peer.call(call)
    return call.answer
  }

  register(options: ClientOptions = {}): Promise<ResponseMessage> {
    const { applicationId = 'shop', version = '2.6.0', resourceIds } = options
    const identity = { version, applicationId, transactionServiceGroup: 'default', extraData: '' }
    return this.ask(
      resourceIds === undefined
        ? { type: MessageType.RegisterTM, ...identity }
        : { type: MessageType.RegisterRM, ...identity, resourceIds },
    )
  }

  askBegin(timeoutMs = 60_000, transactionName = 'purchase'): Promise<GlobalBeginResponse> {
    const type = MessageType.GlobalBegin
    return this.ask({ type, timeoutMs, transactionName }) as Promise<GlobalBeginResponse>
  }

  /** Begins a transaction; returns its xid. */
  async begin(timeoutMs?: number): Promise<string> {
    const { resultCode, msg, xid } = await this.askBegin(timeoutMs)
    if (resultCode !== ResultCode.Success) throw new Error(msg)
    return xid
  }

  askBranch(
    xid: string,
    lockKey: string,
    options: BranchOptions = {},
  ): Promise<BranchRegisterResponse> {
    const { resourceId = stockResource, branchType = BranchType.AT, applicationData = '' } = options
    const fields = { xid, branchType, resourceId, lockKey, applicationData }
    return this.ask({ type: MessageType.BranchRegister, ...fields }) as never
  }

  /** Registers a branch; returns its id. */
  async branch(xid: string, lockKey: string, options?: BranchOptions): Promise<number> {
    const { resultCode, msg, branchId } = await this.askBranch(xid, lockKey, options)
    if (resultCode !== ResultCode.Success) throw new Error(msg)
    return Number(branchId)
  }

  commit(xid: string): Promise<keyof typeof GlobalStatus> {
    return this.#askStatus({ type: MessageType.GlobalCommit, xid, extraData: '' })
  }
  rollback(xid: string, reason = ''): Promise<keyof typeof GlobalStatus> {
    return this.#askStatus({ type: MessageType.GlobalRollback, xid, extraData: reason })
  }
  statusOf(xid: string): Promise<keyof typeof GlobalStatus> {
    return this.#askStatus({ type: MessageType.GlobalStatus, xid, extraData: '' })
  }

  async isLockable(
    xid: string,
    lockKey: string,
    resourceId: string = stockResource,
  ): Promise<boolean> {
    const fields = { xid, branchType: BranchType.AT, resourceId, lockKey, applicationData: '' }
    const answer = await this.ask({ type: MessageType.GlobalLockQuery, ...fields })
    if (answer.resultCode !== ResultCode.Success) throw new Error(answer.msg)
    return (answer as { lockable: boolean }).lockable
  }

  async #askStatus(message: AnsweredRequest): Promise<keyof typeof GlobalStatus> {
    const answer = await this.ask(message)
    if (answer.resultCode !== ResultCode.Success) throw new Error(answer.msg)
    const { globalStatus } = answer as { globalStatus: GlobalStatus }
    return Object.entries(GlobalStatus).find(([, code]) => code === globalStatus)![0] as never
  }

  #onRequest(message: RequestMessage, requestId: number): void {
    this.requests.push(message)
    if (isBranchEnd(message)) this.#endBranch(message, requestId)
    this.#wake()
  }

  #endBranch(message: BranchEnd, requestId: number): void {
    const isCommit = message.type === MessageType.BranchCommit
    const usual = isCommit ? BranchStatus.PhaseTwo_Committed : BranchStatus.PhaseTwo_Rollbacked
    const reaction = this.react?.(message) ?? usual
    if (reaction === 'silence') return
    const isFailure = typeof reaction === 'object'
    this.peer.answer(requestId, {
      type: isCommit ? MessageType.BranchCommitResult : MessageType.BranchRollbackResult,
      resultCode: isFailure ? ResultCode.Failed : ResultCode.Success,
      msg: isFailure ? reaction.failure : '',
      exceptionCode: 0,
      xid: message.xid,
      branchId: message.branchId,
      branchStatus: isFailure ? BranchStatus.Unknown : reaction,
    })
  }

  #wake(): void {
    const isStillWaiting = ({ isMet }: { isMet: () => boolean }): boolean => !isMet()
    const woken = this.#waiters.filter((waiter) => !isStillWaiting(waiter))
    this.#waiters = this.#waiters.filter((waiter) => !woken.includes(waiter))
    for (const { resolve } of woken) resolve()
  }
}

export async function connectClient(
  address: string,
  options: ClientOptions = {},
): Promise<TestClient> {
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  const wheel = new TimerWheel({ clock: systemClock })
  let client: TestClient
  new Connection(socket, frameLength, (connection) => {
    client = new TestClient(connection, wheel)
    return client.peer
  })
  if (options.registers !== false) await client!.register(options)
  return client!
}

class TestCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs = 30_000
  readonly #settled = Promise.withResolvers<ResponseMessage>()

  constructor(message: AnsweredRequest) {
    super()
    this.message = message
    this.#settled.promise.catch(() => {})
  }
  get answer(): Promise<ResponseMessage> {
    return this.#settled.promise
  }
  onAnswer(message: ResponseMessage): void {
    this.#settled.resolve(message)
  }
  onFailure(error: SetteeError): void {
    this.#settled.reject(error)
  }
}

function isBranchEnd(message: RequestMessage): message is BranchEnd {
  return message.type === MessageType.BranchCommit || message.type === MessageType.BranchRollback
}
