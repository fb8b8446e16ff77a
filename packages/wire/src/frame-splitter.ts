/**
 * Cuts a byte stream into frames without concatenating chunks.
 *
 * Frames that lie whole in a received chunk are handed out in place. Only a frame that reaches over
 * a chunk border is copied, into a buffer that grows with what has really arrived: a peer that
 * announces 8 MiB and sends nothing costs the first few KiB.
 *
 *     chunk 1  [ frame ][ frame ][ fra|        in place, in place, carried
 *     chunk 2  |me ][ frame ]                  completed in the carry, in place
 */
import { ByteReader } from './byte-reader.ts'
import { wireError } from './errors.ts'

/**
 * Length in bytes of the frame that starts at `offset`, of which `available` bytes are there; 0
 * when these are too few to say. Throws SETTEE_WIRE_BAD_FRAME or SETTEE_WIRE_FRAME_TOO_LARGE.
 */
export type FrameLength = (
  bytes: Buffer,
  offset: number,
  available: number,
  maxFrameBytes: number,
) => number

/** Gets each frame: the reader stands at its start and ends at its end; valid during the call. */
export type FrameSink = (reader: ByteReader) => void

const firstCarryBytes = 4096

export class FrameSplitter {
  readonly #frameLength: FrameLength
  readonly #maxFrameBytes: number
  readonly #sink: FrameSink
  readonly #reader = new ByteReader()
  #carry: Buffer | undefined
  #carried = 0

  constructor(frameLength: FrameLength, maxFrameBytes: number, sink: FrameSink) {
    this.#frameLength = frameLength
    this.#maxFrameBytes = maxFrameBytes
    this.#sink = sink
  }

  /** Bytes of an unfinished frame that wait for the rest. */
  get carriedBytes(): number {
    return this.#carried
  }

  /** Takes the next chunk. What `frameLength` or the sink throws ends the stream: do not go on. */
  push(chunk: Buffer): void {
    let offset = this.#carried > 0 ? this.#complete(chunk) : 0
    if (offset === chunk.length) return
    this.#reader.load(chunk)
    while (offset < chunk.length) {
      const available = chunk.length - offset
      const length = this.#measure(chunk, offset, available)
      if (length === 0 || length > available) break
      this.#reader.enter(offset, offset + length)
      this.#sink(this.#reader)
      offset += length
    }
    if (offset < chunk.length) this.#keep(chunk, offset, chunk.length - offset)
  }

  /** Moves bytes into the carry until its frame is whole; returns how many were taken. */
  #complete(chunk: Buffer): number {
    let taken = 0
    for (;;) {
      const length = this.#measure(this.#carry!, 0, this.#carried)
      if (length !== 0 && length === this.#carried) {
        this.#emitCarried(length)
        return taken
      }
      if (taken === chunk.length) return taken
      // While the length is unknown one more byte at a time is right: headers are short.
      const wanted = length === 0 ? 1 : length - this.#carried
      const size = Math.min(wanted, chunk.length - taken)
      this.#keep(chunk, taken, size)
      taken += size
    }
  }

  #emitCarried(length: number): void {
    const whole = this.#carry!
    // The sink may keep slices of a large carry, and a large one should not stay around.
    this.#carry = undefined
    this.#carried = 0
    this.#reader.load(whole)
    this.#reader.enter(0, length)
    this.#sink(this.#reader)
  }

  #keep(chunk: Buffer, offset: number, size: number): void {
    const needed = this.#carried + size
    if (this.#carry === undefined) {
      this.#carry = Buffer.allocUnsafeSlow(Math.max(firstCarryBytes, needed))
    } else if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#carry.length * 2))
      grown.set(this.#carry.subarray(0, this.#carried))
      this.#carry = grown
    }
    this.#carry.set(chunk.subarray(offset, offset + size), this.#carried)
    this.#carried = needed
  }

  #measure(bytes: Buffer, offset: number, available: number): number {
    const length = this.#frameLength(bytes, offset, available, this.#maxFrameBytes)
    if (length > this.#maxFrameBytes) {
      throw wireError(
        'SETTEE_WIRE_FRAME_TOO_LARGE',
        `a frame of ${length} bytes is over the limit of ${this.#maxFrameBytes} bytes`,
      )
    }
    return length
  }
}
