/**
 * A conversation on a connection: both sides call, answer and ask for signs of life.
 *
 *     caller                                        callee
 *       | request, id n, timeout  ------------------>  |  onRequest, then answer(n)
 *       | <------------------  response, id n, status  |
 *       | heartbeat after 15 s of silence  --------->  |
 *       | <------------------------------- its answer  |  3 misses close the connection
 *
 * A call is one object: it waits in the ring of pending calls, in the timer wheel, and knows its
 * own headers, so that a call allocates nothing else here. Originals: RpcRemoting,
 * RpcHeartbeatTrigger and ServerIdleHandler of SOFABolt.
 */
import { isSetteeError, messageOf, type Clock, type SetteeError, type Timer } from '@settee/kit'
import {
  PendingCalls,
  watchIdle,
  WheelEntry,
  wireError,
  type ByteReader,
  type ByteWriter,
  type Connection,
  type ConnectionHandler,
  type TimerWheel,
} from '@settee/wire'
import { boltV1, type BoltDialect } from './dialect.ts'
import { BoltFrame, frameType } from './frame.ts'
import { FrameEncoder } from './frame-encoder.ts'
import { encodeHeartbeat, encodeHeartbeatAck } from './heartbeat.ts'
import type { RequestTemplate, ResponseTemplate } from './template.ts'

/** A call that waits for its answer: extend it. One of the two `on…` methods is called, once. */
export abstract class BoltCall extends WheelEntry {
  /** @internal */
  requestId = 0
  /** @internal */
  peer: BoltPeer | undefined
  abstract readonly template: RequestTemplate
  /** How long the caller waits, in ms. */
  abstract readonly timeoutMs: number
  /** What the template's codec encodes. */
  abstract readonly content: unknown
  /** Appends header entries that differ from call to call. */
  writeHeaders(_encoder: FrameEncoder): void {}
  /** The frame is valid during the call. A throw becomes the failure of this call alone. */
  abstract onAnswer(frame: BoltFrame): void
  abstract onFailure(error: SetteeError): void

  expire(): void {
    this.peer?.giveUp(this)
  }
}

/** The answer to a request. */
export interface BoltAnswer {
  /** That of the request, with its sign. */
  readonly requestId: number
  /** In the dialect of the request. */
  readonly template: ResponseTemplate
  /** See `responseStatus`. */
  readonly status: number
  readonly content: unknown
  /** Appends header entries that differ from answer to answer. */
  writeHeaders(encoder: FrameEncoder): void
}

export interface BoltPeerOptions {
  readonly connection: Connection
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Gets each request; the frame is valid during the call. Without it requests are refused. */
  readonly onRequest?: (frame: BoltFrame, peer: BoltPeer) => void
  readonly onClose?: (reason: SetteeError, peer: BoltPeer) => void
  /** Silence of this side before it asks for a sign of life, in ms. Default 15,000; 0 never. */
  readonly heartbeatIdleMs?: number
  /** Silence of the peer after which it is given up, in ms. Default 90,000; 0 never. */
  readonly readIdleMs?: number
  /** Calls that may wait at once. Default 65,536. */
  readonly maxPendingCalls?: number
}

const heartbeatTimeoutMs = 1000
const maxMissedHeartbeats = 3

/** A heartbeat that waits for its answer, in the same ring as the calls. */
class Heartbeat extends WheelEntry {
  requestId = 0
  readonly #onMissed: (heartbeat: Heartbeat) => void
  constructor(onMissed: (heartbeat: Heartbeat) => void) {
    super()
    this.#onMissed = onMissed
  }
  expire(): void {
    this.#onMissed(this)
  }
}

export class BoltPeer implements ConnectionHandler {
  readonly connection: Connection
  readonly #options: BoltPeerOptions
  readonly #pending: PendingCalls<BoltCall | Heartbeat>
  readonly #frame = new BoltFrame()
  readonly #encoder = new FrameEncoder()
  readonly #idleWatch: Timer
  #dialect: BoltDialect = boltV1
  #missedHeartbeats = 0

  constructor(options: BoltPeerOptions) {
    this.#options = options
    this.connection = options.connection
    this.#pending = new PendingCalls(options.maxPendingCalls ?? 65_536)
    this.#idleWatch = watchIdle(options.connection, {
      clock: options.clock,
      writeIdleMs: options.heartbeatIdleMs ?? 15_000,
      readIdleMs: options.readIdleMs ?? 90_000,
      onWriteIdle: () => this.#sendHeartbeat(),
      onReadIdle: () => this.#giveUpPeer(`sent nothing for ${options.readIdleMs ?? 90_000} ms`),
    })
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /**
   * Sends a call and waits for its answer. Throws what the codec or the connection throws, and then
   * neither `onAnswer` nor `onFailure` follows.
   *
   * @param nowMs the clock's monotonic time from which the timeout counts, if it is known already.
   */
  call(call: BoltCall, nowMs?: number): void {
    call.peer = this
    call.requestId = this.#pending.add(call)
    try {
      this.connection.send(this.#encodeCall, call)
    } catch (error) {
      this.#pending.take(call.requestId)
      throw error
    }
    this.#options.wheel.arm(call, call.timeoutMs, nowMs)
  }

  /** Sends a call that has no answer; its template must be of the oneway type. */
  sendOneway(call: BoltCall): void {
    call.requestId = 0
    this.connection.send(this.#encodeCall, call)
  }

  /** Forgets a call whose caller does not wait any more; says whether it was still waiting. */
  cancel(call: BoltCall): boolean {
    this.#options.wheel.disarm(call)
    return this.#pending.take(call.requestId) === call
  }

  /** Answers a request. Throws what the codec or the connection throws. */
  answer(answer: BoltAnswer): void {
    this.connection.send(this.#encodeAnswer, answer)
  }

  /** Sends what waits, then closes; calls that wait for their answer fail at once. */
  close(reason: SetteeError): void {
    this.connection.close(reason)
    this.#failPending(reason)
  }

  /** @internal Called by a call whose time is up. */
  giveUp(call: BoltCall): void {
    if (this.#pending.take(call.requestId) !== call) return
    call.onFailure(
      wireError(
        'SETTEE_WIRE_TIMEOUT',
        `${this.connection.remoteAddress} did not answer within ${call.timeoutMs} ms`,
      ),
    )
  }

  onFrame(reader: ByteReader): void {
    const frame = this.#frame
    frame.load(reader.chunk, reader.offset, reader.offset + reader.remaining)
    if (frame.type === frameType.response) this.#onResponse(frame)
    else if (frame.isHeartbeat) this.#answerHeartbeat(frame)
    else this.#options.onRequest?.(frame, this)
  }

  onClose(reason: SetteeError): void {
    this.#idleWatch.cancel()
    this.#failPending(reason)
    this.#options.onClose?.(reason, this)
  }

  #failPending(reason: SetteeError): void {
    for (const call of this.#pending.takeAll()) {
      this.#options.wheel.disarm(call)
      if (call instanceof BoltCall) call.onFailure(reason)
    }
  }

  readonly #encodeCall = (writer: ByteWriter, call: BoltCall): void => {
    const encoder = this.#encoder
    encoder.beginRequest(writer, call.template, call.requestId, call.timeoutMs)
    call.writeHeaders(encoder)
    encoder.finish(call.content)
  }

  readonly #encodeAnswer = (writer: ByteWriter, answer: BoltAnswer): void => {
    const encoder = this.#encoder
    encoder.beginResponse(writer, answer.template, answer.requestId, answer.status)
    answer.writeHeaders(encoder)
    encoder.finish(answer.content)
  }

  #onResponse(frame: BoltFrame): void {
    const call = this.#pending.take(frame.requestId)
    // An answer nobody waits for any more: its call has timed out or was cancelled.
    if (call === undefined) return
    this.#options.wheel.disarm(call)
    this.#missedHeartbeats = 0
    if (!(call instanceof BoltCall)) return
    try {
      call.onAnswer(frame)
    } catch (error) {
      call.onFailure(
        isSetteeError(error)
          ? error
          : wireError('SETTEE_WIRE_BAD_FRAME', `the answer cannot be read: ${messageOf(error)}`),
      )
    }
  }

  #answerHeartbeat(frame: BoltFrame): void {
    this.#dialect = frame.dialect
    this.connection.send(this.#encodeHeartbeatAck, frame.requestId)
  }

  readonly #encodeHeartbeatAck = (writer: ByteWriter, requestId: number): void =>
    encodeHeartbeatAck(writer, this.#dialect, requestId)

  readonly #encodeHeartbeat = (writer: ByteWriter, requestId: number): void =>
    encodeHeartbeat(writer, this.#dialect, requestId)

  #sendHeartbeat(): void {
    if (!this.connection.isOpen) return
    const heartbeat = new Heartbeat((missed) => this.#onMissedHeartbeat(missed))
    heartbeat.requestId = this.#pending.add(heartbeat)
    this.connection.send(this.#encodeHeartbeat, heartbeat.requestId)
    this.#options.wheel.arm(heartbeat, heartbeatTimeoutMs)
  }

  #onMissedHeartbeat(heartbeat: Heartbeat): void {
    this.#pending.take(heartbeat.requestId)
    if (++this.#missedHeartbeats < maxMissedHeartbeats) return
    this.#giveUpPeer(`did not answer ${maxMissedHeartbeats} heartbeats`)
  }

  #giveUpPeer(why: string): void {
    const { remoteAddress } = this.connection
    this.connection.destroy(
      wireError('SETTEE_WIRE_CLOSED', `${remoteAddress} ${why}; the connection was closed`),
    )
  }
}
