/** The closed error table of `registry`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const registryErrors = {
  SETTEE_REGISTRY_BAD_MESSAGE: {
    retryable: false,
    summary: 'A registration or push that lacks a field or has one of the wrong kind.',
  },
  SETTEE_REGISTRY_LIMIT: {
    retryable: false,
    summary: 'More services, publishers, subscribers or bytes than the registry is set up for.',
  },
  SETTEE_REGISTRY_REFUSED: {
    retryable: false,
    summary: 'The server refused a registration for good; the message says why.',
  },
  SETTEE_REGISTRY_BAD_OPTION: {
    retryable: false,
    summary: 'An option of the client has a wrong form.',
  },
  SETTEE_REGISTRY_CLOSED: {
    retryable: false,
    summary: 'The registry client or the publication was closed.',
  },
} as const

export const registryError: ErrorFactory<keyof typeof registryErrors> = defineErrors(registryErrors)
