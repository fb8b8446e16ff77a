/**
 * A tap on the wire: forwards the bytes between Seata clients and a coordinator unchanged, and
 * keeps every frame decoded. What Settee's codec cannot read, or would have written differently,
 * is kept as a fault.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { ByteReader, ByteWriter } from '@settee/wire'
import { messageOf } from '@settee/kit'
import {
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  defaultMaxFrameBytes,
  encodeFrame,
  encodeHeartbeat,
  frameLength,
  FrameType,
  type Message,
  type MessageFrame,
  type SingleMessage,
} from '@settee/tx/protocol'

export interface TappedFrame {
  /** Numbers the connections in the order in which they came. */
  readonly connection: number
  readonly from: 'client' | 'coordinator'
  readonly frameType: FrameType
  readonly requestId: number
  /** Undefined for heartbeats. */
  readonly message: Message | undefined
  /** Since the tap was opened, in ms. */
  readonly atMs: number
}

export interface Tap {
  /** `127.0.0.1:port` for the clients. */
  readonly address: string
  /** In the order in which they passed; at most 200,000. */
  readonly frames: readonly TappedFrame[]
  /** Frames that Settee's codec reads or writes differently: reason and bytes in hex. */
  readonly faults: readonly string[]
  /** Takes no more connections; those that are there stay. */
  closeDoor(): Promise<void>
  /** Takes connections again, on the same port. */
  openDoor(): Promise<void>
  stop(): Promise<void>
}

const maxFrames = 200_000

/** The messages of the frames from index `from` on; those of merged frames one by one. */
export function messagesSince({ frames }: Tap, from: number): SingleMessage[] {
  return frames.slice(from).flatMap(({ message }) => {
    if (message === undefined) return []
    return 'messages' in message ? message.messages : [message]
  })
}

/** @param upstream says where the coordinator is, asked for each connection. */
export async function openTap(upstream: () => string): Promise<Tap> {
  const frames: TappedFrame[] = []
  const faults: string[] = []
  const sockets = new Set<Socket>()
  const startMs = performance.now()
  let connectionCount = 0

  const server = createServer((client) => {
    const connection = connectionCount++
    const [host, port] = upstream().split(':') as [string, string]
    const coordinator = connect(Number(port), host)
    for (const [from, source, sink] of [
      ['client', client, coordinator],
      ['coordinator', coordinator, client],
    ] as const) {
      sockets.add(source)
      const split = createSplitter((bytes) => {
        const result = readFrame(bytes)
        if (typeof result === 'string') faults.push(`${from}: ${result}: ${bytes.toString('hex')}`)
        else if (frames.length < maxFrames) {
          frames.push({ ...result, connection, from, atMs: performance.now() - startMs })
        }
      })
      source.setNoDelay(true)
      source.on('data', (chunk: Buffer) => {
        sink.write(chunk)
        split(chunk)
      })
      source.on('error', () => {})
      source.on('close', () => {
        sockets.delete(source)
        sink.destroy()
      })
    }
  })
  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(0)

  return {
    address: `127.0.0.1:${port}`,
    frames,
    faults,
    async closeDoor() {
      // Ends listening at once; its event would wait for the connections that are there.
      server.close()
      await setImmediate()
    },
    async openDoor() {
      await listen(port)
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function createSplitter(onFrame: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const length = frameLength(rest, 0, rest.length, defaultMaxFrameBytes)
      if (length === 0 || length > rest.length) return
      onFrame(Buffer.from(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
  }
}

/** The frame decoded; a text when the codec does not give its bytes back. */
function readFrame(
  bytes: Buffer,
): string | Pick<TappedFrame, 'frameType' | 'requestId' | 'message'> {
  try {
    const header = createFrameHeader()
    const reader = new ByteReader(bytes)
    decodeFrameHeader(reader, header)
    const { frameType, requestId, version } = header
    const writer = new ByteWriter()
    let message: Message | undefined
    if (frameType === FrameType.HeartbeatRequest || frameType === FrameType.HeartbeatResponse) {
      encodeHeartbeat(writer, { version, frameType, requestId })
    } else {
      message = decodeMessage(reader, version)
      encodeFrame(writer, { version, frameType, requestId, message } satisfies MessageFrame)
    }
    const again = Buffer.from(writer.bytes(0))
    if (!again.equals(bytes)) return `Settee would write ${again.toString('hex')}`
    return { frameType, requestId, message }
  } catch (error) {
    return messageOf(error)
  }
}
