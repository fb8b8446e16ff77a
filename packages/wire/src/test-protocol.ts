/** The smallest framing there is, for the tests of this package: int32 length of a whole frame. */
import type { ByteWriter } from './byte-writer.ts'
import { wireError } from './errors.ts'

/** A length below 4 is a bad frame. */
export function testFrameLength(bytes: Buffer, offset: number, available: number): number {
  if (available < 4) return 0
  const length = bytes.readUInt32BE(offset)
  if (length < 4) throw wireError('SETTEE_WIRE_BAD_FRAME', `a frame cannot have ${length} bytes`)
  return length
}

export function encodeTestFrame(writer: ByteWriter, body: string): void {
  const start = writer.length
  writer.u32(0)
  writer.utf8(body)
  writer.patchU32(start, writer.length - start)
}

export function encodeTestFrames(bodies: readonly string[]): Buffer {
  return Buffer.concat(
    bodies.map((body) => {
      const frame = Buffer.alloc(4 + Buffer.byteLength(body))
      frame.writeUInt32BE(frame.length)
      frame.write(body, 4)
      return frame
    }),
  )
}
