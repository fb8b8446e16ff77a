/**
 * One TCP connection that carries frames.
 *
 * Out: messages are encoded straight into the connection's arena and leave in one `write` when the
 * microtasks of the turn have run, so a hundred answers of one turn are one system call (measured:
 * 6 to 12 times more messages per CPU-second than a write each). In: chunks are split into frames
 * in place. A peer that does not read stops being read itself once its backlog passes a mark, and
 * loses the connection at the hard limit.
 */
import type { Socket } from 'node:net'
import { isSetteeError, messageOf, type SetteeError } from '@settee/kit'
import type { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { wireError } from './errors.ts'
import { FrameSplitter, type FrameLength } from './frame-splitter.ts'

export interface ConnectionLimits {
  /** Largest frame that is accepted, in bytes. Default 8 MiB. */
  readonly maxFrameBytes?: number
  /** Backlog to the peer above which it is not read any more, in bytes. Default 1 MiB. */
  readonly pauseAboveBytes?: number
  /** Backlog to the peer at which sending fails, in bytes. Default 64 MiB. */
  readonly maxBacklogBytes?: number
}

/** What a protocol does with a connection. */
export interface ConnectionHandler {
  /** The reader spans exactly one frame and is valid during the call. A throw closes. */
  onFrame(reader: ByteReader): void
  /** Called once; `reason` says why, also when this side closed. */
  onClose(reason: SetteeError): void
}

/** Writes one message into the arena. A plain function, so that sending makes no closure. */
export type Encoder<Message> = (writer: ByteWriter, message: Message) => void

const arenaBytes = 16 * 1024
const arenaKeptBytes = 256 * 1024

export class Connection {
  /** `ip:port` of the peer. */
  readonly remoteAddress: string
  /** `ip:port` of this side. */
  readonly localAddress: string
  readonly #socket: Socket
  readonly #writer: ByteWriter
  readonly #splitter: FrameSplitter
  readonly #pauseAboveBytes: number
  readonly #maxBacklogBytes: number
  #handler: ConnectionHandler
  #state: 'open' | 'closing' | 'closed' = 'open'
  #closeReason: SetteeError | undefined
  #isFlushScheduled = false
  #hasRead = true
  #hasWritten = true

  constructor(
    socket: Socket,
    frameLength: FrameLength,
    handler: (connection: Connection) => ConnectionHandler,
    limits: ConnectionLimits = {},
  ) {
    this.#socket = socket
    this.#pauseAboveBytes = limits.pauseAboveBytes ?? 2 ** 20
    this.#maxBacklogBytes = limits.maxBacklogBytes ?? 64 * 2 ** 20
    this.#writer = new ByteWriter(arenaBytes, this.#maxBacklogBytes)
    this.remoteAddress = formatAddress(socket.remoteAddress, socket.remotePort)
    this.localAddress = formatAddress(socket.localAddress, socket.localPort)
    this.#splitter = new FrameSplitter(frameLength, limits.maxFrameBytes ?? 8 * 2 ** 20, (reader) =>
      this.#handler.onFrame(reader),
    )
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('drain', () => this.#resumeReading())
    socket.on('end', () => this.close(wireClosed(`${this.remoteAddress} closed the connection`)))
    socket.on('error', (error) =>
      this.destroy(wireClosed(`the connection to ${this.remoteAddress} broke`, error)),
    )
    socket.on('close', () => this.#onSocketClosed())
    this.#handler = handler(this)
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Bytes that were sent and not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.#writer.length + this.#socket.writableLength
  }

  /**
   * Encodes `message` behind what waits already; it leaves with the next flush. When the encoder
   * throws, nothing of the message is sent. Throws SETTEE_WIRE_CLOSED or SETTEE_WIRE_OVERLOADED.
   */
  send<Message>(encode: Encoder<Message>, message: Message): void {
    if (this.#state !== 'open') throw this.#closedError()
    if (this.#socket.writableLength + this.#writer.length > this.#maxBacklogBytes) {
      throw wireError(
        'SETTEE_WIRE_OVERLOADED',
        `${this.backlogBytes} bytes wait to be read by ${this.remoteAddress}; it is too slow`,
      )
    }
    const start = this.#writer.length
    try {
      encode(this.#writer, message)
    } catch (error) {
      this.#writer.truncate(start)
      throw error
    }
    this.#scheduleFlush()
  }

  /** Whether something was received since the last call. For idle detection without a clock. */
  takeHasRead(): boolean {
    const hasRead = this.#hasRead
    this.#hasRead = false
    return hasRead
  }

  /** Whether something was sent since the last call. */
  takeHasWritten(): boolean {
    const hasWritten = this.#hasWritten
    this.#hasWritten = false
    return hasWritten
  }

  /** Sends what waits, then closes. */
  close(reason: SetteeError = wireClosed('closed by this side')): void {
    if (this.#state !== 'open') return
    this.#flush()
    this.#state = 'closing'
    this.#closeReason = reason
    this.#socket.end()
    // A peer that never ends its side must not keep the socket.
    this.#socket.setTimeout(5000, () => this.#socket.destroy())
  }

  /** Closes at once; what waits is lost. */
  destroy(reason: SetteeError): void {
    if (this.#state === 'closed') return
    this.#state = 'closing'
    this.#closeReason ??= reason
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'open') return
    this.#hasRead = true
    try {
      this.#splitter.push(chunk)
    } catch (error) {
      const reason = isSetteeError(error)
        ? error
        : wireError('SETTEE_WIRE_BAD_FRAME', `a frame could not be handled: ${messageOf(error)}`, {
            cause: error,
          })
      // What was answered before the bad frame still leaves.
      this.close(reason)
      this.destroy(reason)
    }
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    queueMicrotask(this.#deferFlush)
  }

  // A tick queued from a microtask runs when all microtasks have: answers of awaited handlers
  // still come along.
  readonly #deferFlush = (): void => {
    process.nextTick(this.#flushScheduled)
  }

  readonly #flushScheduled = (): void => {
    this.#isFlushScheduled = false
    if (this.#state === 'open') this.#flush()
  }

  #flush(): void {
    if (this.#writer.length === 0) return
    this.#hasWritten = true
    const size = this.#writer.length
    this.#socket.write(this.#writer.bytes())
    if (this.#socket.writableLength === 0 && size <= arenaKeptBytes) {
      // The operating system took everything at once: the arena is free again.
      this.#writer.reset()
    } else {
      this.#writer.take(arenaBytes)
      if (this.#socket.writableLength > this.#pauseAboveBytes) this.#socket.pause()
    }
  }

  #resumeReading(): void {
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  #onSocketClosed(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#handler.onClose(this.#closedError())
  }

  #closedError(): SetteeError {
    return this.#closeReason ?? wireClosed(`the connection to ${this.remoteAddress} is closed`)
  }
}

function wireClosed(message: string, cause?: unknown): SetteeError {
  return wireError('SETTEE_WIRE_CLOSED', message, cause === undefined ? {} : { cause })
}

/** IPv4 addresses that arrive in IPv6 form are shown as what they are. */
function formatAddress(host: string | undefined, port: number | undefined): string {
  return `${host?.replace(/^::ffff:/, '') ?? 'unknown'}:${port ?? 0}`
}
