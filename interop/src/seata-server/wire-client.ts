/**
 * A client that speaks Seata's wire and nothing else, for what an application's client never asks:
 * branch types other than AT, reports of a saga, merged requests.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { systemClock, systemRandom, type SetteeError } from '@settee/kit'
import {
  SeataCall,
  SeataPeer,
  type AnsweredRequest,
  type AnswerTo,
  type CallType,
  type RequestOf,
} from '@settee/tx/internal'
import {
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  frameLength,
  FrameType,
  type Message,
  type RegisterRMRequest,
  type RegisterTMRequest,
  type RequestMessage,
  type ResponseMessage,
} from '@settee/tx/protocol'
import { ByteReader, ByteWriter, Dialer, TimerWheel, type Connection } from '@settee/wire'

const wheel = new TimerWheel({ clock: systemClock })
const callTimeoutMs = 15_000

export interface WireClient {
  readonly registered: ResponseMessage
  call<Type extends CallType>(request: RequestOf<Type>): Promise<AnswerTo<Type>>
  /** For the requests that {@link CallType} does not name. */
  callAny(request: AnsweredRequest): Promise<ResponseMessage>
  close(): void
}

type OnRequest = (message: RequestMessage, answer: (message: ResponseMessage) => void) => void

/** Connects and registers. */
export async function connectWireClient(
  address: string,
  registration: RegisterTMRequest | RegisterRMRequest,
  onRequest: OnRequest = () => {},
): Promise<WireClient> {
  const opened = Promise.withResolvers<SeataPeer>()
  const [host, port] = address.split(':') as [string, string]
  const dialer = new Dialer({
    host,
    port: Number(port),
    clock: systemClock,
    random: systemRandom,
    frameLength,
    onFailure: opened.reject,
    open(connection: Connection) {
      const peer = new SeataPeer({
        connection,
        clock: systemClock,
        wheel,
        heartbeatIdleMs: 5000,
        onRequest: (message, requestId) =>
          onRequest(message, (answer) => peer.answer(requestId, answer)),
      })
      queueMicrotask(() => opened.resolve(peer))
      return peer
    },
  })
  dialer.start()
  const peer = await opened.promise
  const callAny = (request: AnsweredRequest): Promise<ResponseMessage> => {
    const call = new WireCall(request)
    peer.call(call)
    return call.settled.promise
  }
  return {
    registered: await callAny(registration),
    call: <Type extends CallType>(request: RequestOf<Type>) =>
      callAny(request) as Promise<AnswerTo<Type>>,
    callAny,
    close: () => dialer.close(),
  }
}

class WireCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs = callTimeoutMs
  readonly settled = Promise.withResolvers<ResponseMessage>()

  constructor(message: AnsweredRequest) {
    super()
    this.message = message
  }
  onAnswer(message: ResponseMessage): void {
    this.settled.resolve(message)
  }
  onFailure(error: SetteeError): void {
    this.settled.reject(error)
  }
}

export interface RawFrame {
  readonly requestId: number
  readonly message: Message
}

/**
 * Opens a connection, sends the frames one after the other, each behind the answer to the one
 * before, and returns what came until `count` frames were there.
 */
export async function exchangeFrames(
  address: string,
  requests: readonly RawFrame[],
  count: number,
): Promise<RawFrame[]> {
  const [host, port] = address.split(':') as [string, string]
  const socket = connect(Number(port), host)
  const answers: RawFrame[] = []
  let rest: Buffer = Buffer.alloc(0)
  try {
    for (const { requestId, message } of requests) {
      const writer = new ByteWriter()
      encodeFrame(writer, { version: 1, frameType: FrameType.RequestSync, requestId, message })
      socket.write(writer.bytes(0))
      const wanted = message === requests.at(-1)!.message ? count : answers.length + 1
      while (answers.length < wanted) {
        const [chunk] = (await once(socket, 'data', {
          signal: AbortSignal.timeout(callTimeoutMs),
        })) as [Buffer]
        rest = readFrames(Buffer.concat([rest, chunk]), answers)
      }
    }
    return answers
  } finally {
    socket.destroy()
  }
}

/** Adds the whole frames and returns the bytes behind them. */
function readFrames(bytes: Buffer, frames: RawFrame[]): Buffer {
  let rest = bytes
  for (;;) {
    const length = frameLength(rest, 0, rest.length, 2 ** 23)
    if (length === 0 || length > rest.length) return rest
    const header = createFrameHeader()
    const reader = new ByteReader(rest.subarray(0, length))
    decodeFrameHeader(reader, header)
    frames.push({
      requestId: header.requestId,
      message: decodeMessage(reader, header.version),
    })
    rest = rest.subarray(length)
  }
}
