/**
 * The port through which the content of a frame becomes a value and back. JSON is here; a codec of
 * another form (Hessian) implements {@link ContentCodec} in its own package and is passed in.
 */
import { messageOf } from '@settee/kit'
import type { ByteWriter } from '@settee/wire'
import { codecId } from './codec-id.ts'
import { boltError } from './errors.ts'
import { utf8Text } from './text.ts'

export interface ContentCodec {
  /** The codec byte of frames with this content. */
  readonly id: number
  /** Appends `value`. Throws a typed error when the form cannot express it. */
  encode(writer: ByteWriter, value: unknown): void
  /** Decodes `bytes[start, end)` in place. Throws a typed error; keeps no view of the bytes. */
  decode(bytes: Buffer, start: number, end: number): unknown
}

/** JSON in UTF-8; `undefined` is empty content. A `__proto__` key is an ordinary own property. */
export const jsonCodec: ContentCodec = {
  id: codecId.json,

  encode(writer, value) {
    const text = stringify(value)
    if (text !== undefined) writer.utf8(text)
  },

  decode(bytes, start, end) {
    if (start === end) return undefined
    try {
      return JSON.parse(utf8Text(bytes, start, end)) as unknown
    } catch (cause) {
      throw boltError(
        'SETTEE_BOLT_BAD_CONTENT',
        `content of ${end - start} bytes is no JSON: ${messageOf(cause)}`,
        { cause },
      )
    }
  },
}

/**
 * Content that is bytes already, whatever its codec id says: for relays and for content that was
 * encoded once for many receivers.
 */
export function createBytesCodec(id: number): ContentCodec {
  return {
    id,
    encode(writer, value) {
      if (!(value instanceof Uint8Array)) {
        throw boltError(
          'SETTEE_BOLT_UNENCODABLE_VALUE',
          `content with codec ${id} must be a Uint8Array here, but is ${typeof value}`,
        )
      }
      writer.raw(value)
    },
    decode: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  }
}

/** JSON.stringify with its real type: undefined and functions have no JSON. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined
  } catch (cause) {
    throw boltError(
      'SETTEE_BOLT_UNENCODABLE_VALUE',
      `a value cannot be written as JSON (${messageOf(cause)}); pass plain data without cycles ` +
        'and bigint',
      { cause },
    )
  }
}
