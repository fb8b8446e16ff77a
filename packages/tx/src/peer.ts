/**
 * Both sides of a Seata connection: call, answer and ask for signs of life.
 *
 *     caller                                           callee
 *       | request, id n  ---------------------------->  |  onRequest, then answer(n)
 *       | <-------------------------  response, id n    |
 *       | MergedWarp, id m, of n1 n2  --------------->  |  onRequest twice
 *       | <-  response n1, response n2 (2.3 and newer)  |
 *       | <-  MergeResult m of both (older clients)     |
 *       | heartbeat after 5 s of silence  ----------->  |
 *       | <----------------------------  its answer     |  15 s without any byte: closed
 *
 * A call is one object: it waits in the ring of pending calls and in the timer wheel, so that a
 * call allocates nothing else here. Originals: AbstractNettyRemoting, ServerOnRequestProcessor and
 * ClientOnResponseProcessor in org.apache.seata.core.rpc.
 */
import { isSetteeError, type Clock, type SetteeError, type Timer } from '@settee/kit'
import {
  PendingCalls,
  watchIdle,
  WheelEntry,
  wireError,
  type ByteReader,
  type Connection,
  type ConnectionHandler,
  type TimerWheel,
} from '@settee/wire'
import { txError } from './errors.ts'
import { OpenMerges } from './open-merges.ts'
import {
  clientFrameVersion,
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  encodeHeartbeat,
  FrameType,
  mergedReplyForm,
  MessageType,
  replyVersion,
  type HeartbeatFrame,
  type MergedWarpMessage,
  type Message,
  type MessageFrame,
  type RequestMessage,
  type ResponseMessage,
  type UndoLogDeleteRequest,
} from './protocol/index.ts'

/** The requests that have an answer. */
export type AnsweredRequest = Exclude<RequestMessage, UndoLogDeleteRequest>

/** A call that waits for its answer: extend it. One of the two `on…` methods is called, once. */
export abstract class SeataCall extends WheelEntry {
  /** @internal */
  requestId = 0
  /** @internal */
  peer: SeataPeer | undefined
  abstract readonly message: AnsweredRequest
  /** How long the caller waits, in ms. */
  abstract readonly timeoutMs: number
  /** `message` is of the type that answers the request. Must not throw. */
  abstract onAnswer(message: ResponseMessage): void
  abstract onFailure(error: SetteeError): void

  expire(): void {
    this.peer?.giveUp(this)
  }
}

export interface SeataPeerOptions {
  readonly connection: Connection
  readonly clock: Clock
  readonly wheel: TimerWheel
  /**
   * Gets each request; the parts of a MergedWarp one by one. Each one of frame type RequestSync
   * wants one call of {@link SeataPeer.answer}. A throw closes the connection. Without it requests
   * are dropped.
   */
  readonly onRequest?: (
    message: RequestMessage,
    requestId: number,
    frameType: FrameType,
    peer: SeataPeer,
  ) => void
  readonly onClose?: (reason: SetteeError, peer: SeataPeer) => void
  /** Told of each frame whose body makes no sense; it was dropped, the connection goes on. */
  readonly onBadMessage?: (error: SetteeError, peer: SeataPeer) => void
  /** Silence of this side after which it asks for a sign of life, in ms. Default 0: never. */
  readonly heartbeatIdleMs?: number
  /** Silence of the peer after which it is given up, in ms. Default 15,000. */
  readonly readIdleMs?: number
  /** Calls that may wait at once. Default 65,536. */
  readonly maxPendingCalls?: number
  /** Merged frames whose parts are not all answered, at once; more close. Default 4096. */
  readonly maxOpenMerges?: number
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

export class SeataPeer implements ConnectionHandler {
  readonly connection: Connection
  /** What the client registered with; decides how its MergedWarps are answered. */
  clientVersion = ''
  readonly #options: SeataPeerOptions
  readonly #pending: PendingCalls<SeataCall>
  readonly #merges: OpenMerges
  readonly #idleWatch: Timer
  readonly #header = createFrameHeader()
  // The frames that are sent: filled anew for each, so that sending allocates nothing.
  readonly #frame: Mutable<MessageFrame>
  readonly #heartbeat: Mutable<HeartbeatFrame> = {
    version: clientFrameVersion,
    frameType: FrameType.HeartbeatRequest,
    requestId: 0,
  }
  /** That of the peer's frames: it is answered, and asked, in the version that it speaks. */
  #version = clientFrameVersion

  constructor(options: SeataPeerOptions) {
    const { connection, readIdleMs = 15_000, heartbeatIdleMs = 0 } = options
    this.#options = options
    this.connection = connection
    this.#pending = new PendingCalls(options.maxPendingCalls ?? 65_536)
    this.#merges = new OpenMerges(options.maxOpenMerges ?? 4096)
    this.#frame = {
      version: clientFrameVersion,
      frameType: FrameType.Response,
      requestId: 0,
      message: noMessage,
    }
    this.#idleWatch = watchIdle(connection, {
      clock: options.clock,
      readIdleMs,
      ...(heartbeatIdleMs > 0 && { writeIdleMs: heartbeatIdleMs }),
      onWriteIdle: () => this.#sendHeartbeat(),
      onReadIdle: () => this.#giveUpPeer(readIdleMs),
    })
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /**
   * Sends a call and waits for its answer. Throws what the codec or the connection throws, and then
   * neither `onAnswer` nor `onFailure` follows.
   */
  call(call: SeataCall): void {
    call.peer = this
    call.requestId = this.#pending.add(call)
    try {
      this.#send(FrameType.RequestSync, call.requestId, call.message)
    } catch (error) {
      this.#pending.take(call.requestId)
      throw error
    }
    this.#options.wheel.arm(call, call.timeoutMs)
  }

  /** Sends a request that has no answer. Throws what the codec or the connection throws. */
  sendOneway(message: RequestMessage): void {
    this.#send(FrameType.RequestOneway, 0, message)
  }

  /** Forgets a call whose caller does not wait any more; says whether it was still waiting. */
  cancel(call: SeataCall): boolean {
    this.#options.wheel.disarm(call)
    return this.#pending.take(call.requestId) === call
  }

  /**
   * Answers a request. A peer that is gone needs no answer, and one that does not read its answers
   * loses its connection.
   * @param requestId as `onRequest` got it.
   * @throws SETTEE_TX_BAD_MESSAGE for a text that is too long for its field,
   *   SETTEE_WIRE_FRAME_TOO_LARGE for an answer that is too long for a frame.
   */
  answer(requestId: number, message: ResponseMessage): void {
    if (!this.connection.isOpen) return
    let frameId = requestId
    let whole: Message = message
    if (OpenMerges.isPart(requestId)) {
      const merged = this.#merges.answer(requestId, message)
      if (merged === undefined) return
      frameId = merged.requestId
      whole = merged.message
    }
    try {
      this.#send(FrameType.Response, frameId, whole)
    } catch (error) {
      if (!isSetteeError(error, 'SETTEE_WIRE_OVERLOADED')) throw error
      this.connection.destroy(error)
    }
  }

  /** @internal Called by a call whose time is up. */
  giveUp(call: SeataCall): void {
    if (this.#pending.take(call.requestId) !== call) return
    call.onFailure(
      wireError(
        'SETTEE_WIRE_TIMEOUT',
        `${this.connection.remoteAddress} did not answer within ${call.timeoutMs} ms`,
      ),
    )
  }

  onFrame(reader: ByteReader): void {
    // What came along with the frame at which this side closed.
    if (!this.connection.isOpen) return
    const header = this.#header
    // Stays when the frame has a type that is unknown: such a frame is dropped like a request.
    header.frameType = FrameType.RequestSync as FrameType
    let message: Message
    try {
      decodeFrameHeader(reader, header)
      this.#version = replyVersion(header.version)
      if (header.frameType === FrameType.HeartbeatRequest) return this.#answerHeartbeat()
      // Any byte was a sign of life.
      if (header.frameType === FrameType.HeartbeatResponse) return
      message = decodeMessage(reader, header.version)
    } catch (error) {
      this.#onUnreadable(error)
      return
    }
    if (header.frameType === FrameType.Response) this.#onResponse(message)
    else this.#onRequest(message)
  }

  onClose(reason: SetteeError): void {
    this.#idleWatch.cancel()
    this.#merges.clear()
    for (const call of this.#pending.takeAll()) {
      this.#options.wheel.disarm(call)
      call.onFailure(reason)
    }
    this.#options.onClose?.(reason, this)
  }

  #send(frameType: MessageFrame['frameType'], requestId: number, message: Message): void {
    const frame = this.#frame
    frame.version = this.#version
    frame.frameType = frameType
    frame.requestId = requestId
    frame.message = message
    this.connection.send(encodeFrame, frame)
  }

  #onRequest(message: Message): void {
    const { frameType, requestId } = this.#header
    if (message.type === MessageType.MergedWarp) this.#onMergedWarp(message, requestId)
    else if (isRequest(message)) this.#options.onRequest?.(message, requestId, frameType, this)
    else this.#onBadMessage(misplaced(message, 'a request'))
  }

  /** Java sends MergedWarps as oneway and waits for the answers of their parts all the same. */
  #onMergedWarp({ messages, messageIds }: MergedWarpMessage, frameId: number): void {
    for (const part of messages) {
      if (!isRequest(part) || part.type === MessageType.UndoLogDelete) {
        this.#onBadMessage(misplaced(part, 'a part of a MergedWarp'))
        return
      }
    }
    const parts = messages as readonly AnsweredRequest[]
    const isSeparate = messageIds.length > 0 && mergedReplyForm(this.clientVersion) === 'separate'
    const firstPartId = isSeparate || parts.length === 0 ? 0 : this.#merges.open(frameId, parts)
    for (let i = 0; i < parts.length; i++) {
      const requestId = isSeparate ? messageIds[i]! : firstPartId + i
      this.#options.onRequest?.(parts[i]!, requestId, FrameType.RequestSync, this)
    }
  }

  #onResponse(message: Message): void {
    const { requestId } = this.#header
    if (message.type === MessageType.BatchResult) {
      const { messages, messageIds } = message
      for (let i = 0; i < messages.length; i++) this.#onAnswer(messageIds[i]!, messages[i]!)
    } else if (message.type === MessageType.MergeResult && message.messages.length === 1) {
      this.#onAnswer(requestId, message.messages[0]!)
    } else {
      this.#onAnswer(requestId, message)
    }
  }

  #onAnswer(requestId: number, message: Message): void {
    const call = this.#takeCall(requestId)
    // An answer nobody waits for any more: its call has timed out or was cancelled.
    if (call === undefined) return
    if (answers(message, call.message)) {
      call.onAnswer(message)
      return
    }
    const error = misplaced(message, `the answer to a request of type ${call.message.type}`)
    this.#onBadMessage(error)
    call.onFailure(error)
  }

  #takeCall(requestId: number): SeataCall | undefined {
    const call = this.#pending.take(requestId)
    if (call !== undefined) this.#options.wheel.disarm(call)
    return call
  }

  /** A frame that is whole but makes no sense concerns its sender alone, or the call it answers. */
  #onUnreadable(error: unknown): void {
    if (!isSetteeError(error) || !isOfOneMessage(error)) throw error
    const { frameType, requestId } = this.#header
    this.#onBadMessage(error)
    if (frameType === FrameType.Response) this.#takeCall(requestId)?.onFailure(error)
  }

  #onBadMessage(error: SetteeError): void {
    this.#options.onBadMessage?.(error, this)
  }

  #answerHeartbeat(): void {
    const heartbeat = this.#heartbeat
    heartbeat.version = this.#version
    heartbeat.frameType = FrameType.HeartbeatResponse
    heartbeat.requestId = this.#header.requestId
    this.connection.send(encodeHeartbeat, heartbeat)
  }

  #sendHeartbeat(): void {
    if (!this.connection.isOpen) return
    const heartbeat = this.#heartbeat
    heartbeat.version = this.#version
    heartbeat.frameType = FrameType.HeartbeatRequest
    heartbeat.requestId = 0
    try {
      this.connection.send(encodeHeartbeat, heartbeat)
    } catch (error) {
      // It has not read for so long that not even this fits.
      this.connection.destroy(error as SetteeError)
    }
  }

  #giveUpPeer(silenceMs: number): void {
    const { remoteAddress } = this.connection
    this.connection.destroy(
      wireError(
        'SETTEE_WIRE_CLOSED',
        `${remoteAddress} sent nothing for ${silenceMs} ms; the connection was closed`,
      ),
    )
  }
}

/** Stands in the frame until the first message is sent. */
const noMessage: Message = { type: MessageType.MergeResult, messages: [] }

/** Seata gives requests odd type codes and their answers the next even one. */
function isRequest(message: Message): message is RequestMessage {
  return (message.type & 1) === 1 && message.type !== MessageType.BatchResult
}

function answers(message: Message, request: AnsweredRequest): message is ResponseMessage {
  return message.type === request.type + 1
}

/** Whether the next frame can still be found: a field went wrong, not the frame. */
function isOfOneMessage(error: SetteeError): boolean {
  return error.code === 'SETTEE_TX_BAD_MESSAGE' || error.code === 'SETTEE_WIRE_TRUNCATED'
}

function misplaced(message: Message, place: string): SetteeError {
  return txError(
    'SETTEE_TX_BAD_MESSAGE',
    `a message of type ${message.type} came as ${place}; it was dropped`,
  )
}
