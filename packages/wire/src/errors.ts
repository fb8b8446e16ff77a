/** The closed error table of `wire`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const wireErrors = {
  SETTEE_WIRE_FRAME_TOO_LARGE: {
    retryable: false,
    summary: 'A frame announced more bytes than the limit allows; the connection was closed.',
  },
  SETTEE_WIRE_BAD_FRAME: {
    retryable: false,
    summary: 'Bytes that are no frame of the protocol; the connection was closed.',
  },
  SETTEE_WIRE_TRUNCATED: {
    retryable: false,
    summary: 'A field reaches beyond the end of its frame.',
  },
  SETTEE_WIRE_OVERLOADED: {
    retryable: true,
    summary: 'Too many bytes or calls wait on the connection; slow down and try again.',
  },
  SETTEE_WIRE_CLOSED: {
    retryable: true,
    summary: 'The connection closed before the answer came.',
  },
  SETTEE_WIRE_CONNECT_FAILED: {
    retryable: true,
    summary: 'The peer could not be reached.',
  },
  SETTEE_WIRE_TIMEOUT: {
    retryable: true,
    summary: 'No answer came in time.',
  },
  SETTEE_WIRE_LISTEN_FAILED: {
    retryable: false,
    summary: 'The address could not be listened on.',
  },
} as const

export const wireError: ErrorFactory<keyof typeof wireErrors> = defineErrors(wireErrors)
