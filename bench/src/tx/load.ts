/**
 * The load of the tx bench: one connection as transaction manager and one as resource manager, that
 * speak the wire protocol and do nothing else, so that the coordinator is what is measured.
 */
import { systemClock, systemRandom, type SetteeError } from '@settee/kit'
import { SeataCall, SeataPeer, type AnsweredRequest } from '@settee/tx/internal'
import {
  BranchStatus,
  BranchType,
  frameLength,
  MessageType,
  ResultCode,
  type BranchCommitRequest,
  type RequestMessage,
  type ResponseMessage,
} from '@settee/tx/protocol'
import { Dialer, TimerWheel, type Connection } from '@settee/wire'

const resourceIds = ['jdbc:mysql://127.0.0.1:3306/stock', 'jdbc:mysql://127.0.0.1:3306/account']
/** Longest wait for phase two, which a coordinator may put off, in ms. */
const settleTimeoutMs = 120_000
const wheel = new TimerWheel({ clock: systemClock })

type Done = (error?: unknown) => void

class Call extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs = 30_000
  readonly #onSuccess: (answer: ResponseMessage) => void
  readonly #done: Done

  constructor(message: AnsweredRequest, done: Done, onSuccess: (answer: ResponseMessage) => void) {
    super()
    this.message = message
    this.#done = done
    this.#onSuccess = onSuccess
  }
  onAnswer(answer: ResponseMessage): void {
    if (answer.resultCode === ResultCode.Success) this.#onSuccess(answer)
    else this.#done(new Error(answer.msg))
  }
  onFailure(error: SetteeError): void {
    this.#done(error)
  }
}

export interface Load {
  /** One global transaction: begin, register `branchCount` branches, commit. */
  transaction(branchCount: number, done: Done): void
  /** Resolves when phase two of every committed transaction is over. */
  settled(): Promise<void>
  close(): void
}

export async function connectLoad(address: string): Promise<Load> {
  const manager = await connectAs(address, {
    type: MessageType.RegisterTM,
    ...identity,
  })
  const resources = await connectAs(
    address,
    { type: MessageType.RegisterRM, ...identity, resourceIds: resourceIds.join(',') },
    (message, requestId, peer) => {
      if (message.type !== MessageType.BranchCommit) return
      answerPhaseTwo(message, requestId, peer)
      if (--unendedBranches === 0) onSettled?.()
    },
  )
  let nextKey = 0
  let unendedBranches = 0
  let onSettled: (() => void) | undefined

  function commit(xid: string, done: Done): void {
    const message = { type: MessageType.GlobalCommit, xid, extraData: '' } as const
    manager.peer.call(new Call(message, done, () => done()))
  }

  function register(xid: string, index: number, branchCount: number, done: Done): void {
    if (index === branchCount) return commit(xid, done)
    const message = {
      type: MessageType.BranchRegister,
      xid,
      branchType: BranchType.AT,
      resourceId: resourceIds[index % resourceIds.length]!,
      lockKey: `account:${nextKey++}`,
      applicationData: '{"autoCommit":false}',
    } as const
    resources.peer.call(
      new Call(message, done, () => {
        unendedBranches++
        register(xid, index + 1, branchCount, done)
      }),
    )
  }

  return {
    transaction(branchCount, done) {
      const message = {
        type: MessageType.GlobalBegin,
        timeoutMs: 60_000,
        transactionName: 'purchase',
      } as const
      manager.peer.call(
        new Call(message, done, (answer) => {
          if (answer.type === MessageType.GlobalBeginResult) {
            register(answer.xid, 0, branchCount, done)
          }
        }),
      )
    },
    settled: () =>
      unendedBranches === 0
        ? Promise.resolve()
        : withTimeout((resolve) => {
            onSettled = resolve
          }),
    close() {
      manager.dialer.close()
      resources.dialer.close()
    },
  }
}

/** Resolves when `wait` calls back. */
async function withTimeout(wait: (resolve: () => void) => void): Promise<void> {
  const done = Promise.withResolvers<void>()
  const timer = setTimeout(
    () => done.reject(new Error(`phase two was not over within ${settleTimeoutMs} ms`)),
    settleTimeoutMs,
  )
  wait(done.resolve)
  await done.promise.finally(() => clearTimeout(timer))
}

const identity = {
  version: '2.6.0',
  applicationId: 'bench',
  transactionServiceGroup: 'default_tx_group',
  extraData: '',
}

function answerPhaseTwo(message: BranchCommitRequest, requestId: number, peer: SeataPeer): void {
  const { xid, branchId } = message
  peer.answer(requestId, {
    type: MessageType.BranchCommitResult,
    resultCode: ResultCode.Success,
    msg: '',
    exceptionCode: 0,
    xid,
    branchId,
    branchStatus: BranchStatus.PhaseTwo_Committed,
  })
}

function connectAs(
  address: string,
  registration: AnsweredRequest,
  onRequest?: (message: RequestMessage, requestId: number, peer: SeataPeer) => void,
): Promise<{ peer: SeataPeer; dialer: Dialer }> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const dialer = new Dialer({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      clock: systemClock,
      random: systemRandom,
      frameLength,
      onFailure: reject,
      open: (connection: Connection) => {
        const peer = new SeataPeer({
          connection,
          clock: systemClock,
          wheel,
          heartbeatIdleMs: 5000,
          onRequest: (message, requestId) => onRequest?.(message, requestId, peer),
        })
        queueMicrotask(() =>
          peer.call(new Call(registration, reject, () => resolve({ peer, dialer }))),
        )
        return peer
      },
    })
    dialer.start()
  })
}
