/** The closed error table of `bolt`. What is wrong with framing itself has codes of `wire`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const boltErrors = {
  SETTEE_BOLT_BAD_CRC: {
    retryable: false,
    summary:
      'The checksum of a v2 frame is wrong: its bytes changed on the way. Connection closed.',
  },
  SETTEE_BOLT_BAD_HEADER_MAP: {
    retryable: false,
    summary: 'The header section of a frame is no header map; other frames are not affected.',
  },
  SETTEE_BOLT_HEADER_TOO_LARGE: {
    retryable: false,
    summary: 'The header map exceeds 32,767 bytes, which its length field cannot hold.',
  },
  SETTEE_BOLT_CLASS_NAME_TOO_LONG: {
    retryable: false,
    summary: 'The class name exceeds 32,767 bytes, which its length field cannot hold.',
  },
  SETTEE_BOLT_MESSAGE_TOO_LARGE: {
    retryable: false,
    summary: 'A message exceeds the frame limit; it was not sent, so the connection goes on.',
  },
  SETTEE_BOLT_BAD_CONTENT: {
    retryable: false,
    summary: 'The content of a frame cannot be decoded by its codec.',
  },
  SETTEE_BOLT_UNENCODABLE_VALUE: {
    retryable: false,
    summary: 'A value that the content codec cannot express; nothing was sent.',
  },
} as const

export const boltError: ErrorFactory<keyof typeof boltErrors> = defineErrors(boltErrors)
