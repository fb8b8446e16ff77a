/** Peers on real sockets for the tests of this folder, and raw sockets that speak to them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { systemClock, type Clock, type SetteeError } from '@settee/kit'
import { ByteReader, ByteWriter, Connection, Listener, TimerWheel } from '@settee/wire'
import { SeataCall, SeataPeer, type AnsweredRequest, type SeataPeerOptions } from './peer.ts'
import {
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  encodeHeartbeat,
  FrameType,
  frameLength,
  MessageType,
  ResultCode,
  type GlobalBeginRequest,
  type GlobalBeginResponse,
  type Message,
  type RequestMessage,
  type ResponseMessage,
} from './protocol/index.ts'

type PeerOptions = Omit<SeataPeerOptions, 'connection' | 'wheel' | 'clock'> & {
  readonly clock?: Clock
  readonly onPeer?: (peer: SeataPeer) => void
}

/** What {@link closeAll} undoes. */
export const cleanUps: (() => unknown)[] = []

export async function closeAll(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
}

function createPeer(connection: Connection, options: PeerOptions): SeataPeer {
  const { clock = systemClock, onPeer } = options
  const wheel = new TimerWheel({ clock })
  const peer = new SeataPeer({ ...options, connection, clock, wheel })
  onPeer?.(peer)
  return peer
}

export async function startServer(options: PeerOptions): Promise<Listener> {
  const listener = new Listener({
    name: 'tx',
    port: 0,
    frameLength,
    accept: (connection) => createPeer(connection, options),
  })
  await listener.start()
  cleanUps.push(() => listener.stop())
  return listener
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  cleanUps.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

export async function openPeer(port: number, options: PeerOptions = {}): Promise<SeataPeer> {
  const socket = await openSocket(port)
  let peer: SeataPeer
  new Connection(socket, frameLength, (connection) => (peer = createPeer(connection, options)))
  return peer!
}

export class TestCall extends SeataCall {
  readonly message: AnsweredRequest
  readonly timeoutMs: number
  readonly #settled = Promise.withResolvers<ResponseMessage>()
  constructor(message: AnsweredRequest, timeoutMs = 10_000) {
    super()
    this.message = message
    this.timeoutMs = timeoutMs
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

export function ask(
  peer: SeataPeer,
  message: AnsweredRequest,
  timeoutMs?: number,
): Promise<unknown> {
  const call = new TestCall(message, timeoutMs)
  peer.call(call)
  return call.answer
}

export function begin(transactionName: string): GlobalBeginRequest {
  return { type: MessageType.GlobalBegin, timeoutMs: 1000, transactionName }
}

export function begun(xid: string): GlobalBeginResponse {
  return {
    type: MessageType.GlobalBeginResult,
    resultCode: ResultCode.Success,
    msg: '',
    exceptionCode: 0,
    xid,
    extraData: '',
  }
}

/** Answers a begin with its name as xid. */
export const echo = (
  message: RequestMessage,
  requestId: number,
  _frameType: FrameType,
  peer: SeataPeer,
): void => {
  assert.equal(message.type, MessageType.GlobalBegin)
  peer.answer(requestId, begun((message as GlobalBeginRequest).transactionName))
}

interface Sent {
  readonly message: Message
  readonly requestId?: number
  readonly frameType?: 0 | 1 | 2
  readonly version?: number
}

export function frame({ message, requestId = 7, frameType = 0, version = 1 }: Sent): Buffer {
  const writer = new ByteWriter()
  encodeFrame(writer, { version, frameType, requestId, message })
  return Buffer.from(writer.bytes())
}

export function heartbeat(requestId: number): Buffer {
  const writer = new ByteWriter()
  encodeHeartbeat(writer, { version: 1, frameType: FrameType.HeartbeatRequest, requestId })
  return Buffer.from(writer.bytes())
}

export interface Received {
  readonly version: number
  readonly frameType: FrameType
  readonly requestId: number
  readonly message: Message | undefined
}

/** Reads `count` frames. */
export async function receive(socket: Socket, count: number): Promise<Received[]> {
  const received: Received[] = []
  let bytes = Buffer.alloc(0)
  const header = createFrameHeader()
  while (received.length < count) {
    const length = frameLength(bytes, 0, bytes.length, 2 ** 23)
    if (length === 0 || length > bytes.length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      bytes = Buffer.concat([bytes, chunk])
      continue
    }
    const reader = new ByteReader(bytes.subarray(0, length))
    decodeFrameHeader(reader, header)
    const { version, frameType, requestId } = header
    const message = reader.remaining > 0 ? decodeMessage(reader, version) : undefined
    received.push({ version, frameType, requestId, message })
    bytes = bytes.subarray(length)
  }
  assert.equal(bytes.length, 0, 'more arrived than expected')
  return received
}
