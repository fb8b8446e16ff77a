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
    summary: 'The request came under a foreign host name or without the token.',
  },
  SETTEE_HTTP_TOO_MANY_STREAMS: {
    retryable: true,
    summary: 'More event streams are open than the server allows.',
  },
  SETTEE_HTTP_UNAVAILABLE: {
    retryable: true,
    summary: 'The control plane is starting or stopping.',
  },
} as const

export const serverError: ErrorFactory<keyof typeof serverErrors> = defineErrors(serverErrors)
