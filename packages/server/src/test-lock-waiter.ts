/**
 * A resource manager that registers one branch over the wire and waits for its row, as clients of
 * databases with many writers do. (The SQLite client asks again instead: it must not keep the
 * writer of its database while it waits.)
 */
import { systemClock, systemRandom, type SetteeError } from '@settee/kit'
import { SeataCall, SeataPeer, type AnsweredRequest } from '@settee/tx/internal'
import {
  BranchType,
  frameLength,
  MessageType,
  ResultCode,
  type ResponseMessage,
} from '@settee/tx/protocol'
import { Dialer, TimerWheel } from '@settee/wire'

export interface LockWaiterOptions {
  /** `host:port` of the coordinator. */
  readonly address: string
  readonly xid: string
  readonly resourceId: string
  /** Such as `items:3`. */
  readonly lockKey: string
}

class Call extends SeataCall {
  readonly timeoutMs = 60_000
  readonly message: AnsweredRequest
  readonly answered = Promise.withResolvers<ResponseMessage>()

  constructor(message: AnsweredRequest) {
    super()
    this.message = message
  }
  onAnswer(answer: ResponseMessage): void {
    this.answered.resolve(answer)
  }
  onFailure(error: SetteeError): void {
    this.answered.reject(error)
  }
}

/** Resolves when the row was granted or refused: to which of both. */
export async function waitForLock(options: LockWaiterOptions): Promise<boolean> {
  const { address, xid, resourceId, lockKey } = options
  const opened = Promise.withResolvers<SeataPeer>()
  const [host, port] = address.split(':')
  const dialer = new Dialer({
    host: host!,
    port: Number(port),
    clock: systemClock,
    random: systemRandom,
    frameLength,
    open: (connection) => {
      const peer = new SeataPeer({
        connection,
        clock: systemClock,
        wheel: new TimerWheel({ clock: systemClock }),
        heartbeatIdleMs: 5000,
      })
      queueMicrotask(() => opened.resolve(peer))
      return peer
    },
  })
  dialer.start()
  const peer = await opened.promise
  const call = async (message: AnsweredRequest): Promise<ResponseMessage> => {
    const sent = new Call(message)
    peer.call(sent)
    return sent.answered.promise
  }
  await call({
    type: MessageType.RegisterRM,
    version: '2.6.0',
    applicationId: 'reports',
    transactionServiceGroup: 'default_tx_group',
    extraData: '',
    resourceIds: resourceId,
  })
  try {
    const answer = await call({
      type: MessageType.BranchRegister,
      xid,
      branchType: BranchType.AT,
      resourceId,
      lockKey,
      applicationData: '{"autoCommit":true,"lockWaitMs":30000}',
    })
    return answer.resultCode === ResultCode.Success
  } finally {
    dialer.close()
  }
}
