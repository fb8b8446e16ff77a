/** The closed error table of `server`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const serverErrors = {
  SETTEE_HTTP_NOT_FOUND: {
    retryable: false,
    summary: 'No such page, service or transaction.',
  },
  SETTEE_HTTP_BAD_REQUEST: {
    retryable: false,
    summary: 'A parameter of the request has a wrong form.',
  },
  SETTEE_HTTP_METHOD_NOT_ALLOWED: {
    retryable: false,
    summary: 'The address exists, but not for this method.',
  },
  SETTEE_HTTP_FORBIDDEN: {
    retryable: false,
    summary: 'The request came under a foreign host name.',
  },
  SETTEE_HTTP_UNAUTHORIZED: {
    retryable: false,
    summary: 'The request came without the token, or with a wrong one.',
  },
  SETTEE_HTTP_TOKEN_NEEDED: {
    retryable: false,
    summary: 'The HTTP API would be reachable from other machines without a token.',
  },
  SETTEE_HTTP_REFUSED: {
    retryable: false,
    summary: 'The order does not fit the state of what it is about.',
  },
  SETTEE_HTTP_TOO_MANY_STREAMS: {
    retryable: true,
    summary: 'More event streams are open than the server allows.',
  },
  SETTEE_HTTP_UNAVAILABLE: {
    retryable: true,
    summary: 'The control plane is stopping.',
  },
  SETTEE_HTTP_INTERNAL: {
    retryable: false,
    summary: 'A defect of the control plane; the message says what failed.',
  },
} as const

export const serverError: ErrorFactory<keyof typeof serverErrors> = defineErrors(serverErrors)
