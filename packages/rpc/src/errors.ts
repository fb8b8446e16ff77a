/** The closed error table of `rpc`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const rpcErrors = {
  SETTEE_RPC_BAD_CONTRACT: {
    retryable: false,
    summary: 'A contract, or what is served for it, is not complete.',
  },
  SETTEE_RPC_NO_PROVIDER: {
    retryable: true,
    summary: 'Nobody provides the service at the moment; nothing was sent.',
  },
  SETTEE_RPC_UNREACHABLE: {
    retryable: true,
    summary: 'No provider of the service could be reached; nothing was sent.',
  },
  SETTEE_RPC_CONNECTION_LOST: {
    retryable: false,
    summary: 'The connection broke before the answer came; the call may have been carried out.',
  },
  SETTEE_RPC_TIMEOUT: {
    retryable: false,
    summary: 'No answer came before the deadline; the call may have been carried out.',
  },
  SETTEE_RPC_CANCELLED: {
    retryable: false,
    summary: 'The caller cancelled the call; it may have been carried out.',
  },
  SETTEE_RPC_OVERLOADED: {
    retryable: true,
    summary: 'The provider has too many calls at once and did not carry this one out.',
  },
  SETTEE_RPC_BAD_ARGUMENT: {
    retryable: false,
    summary: 'The argument does not fit the contract; the call was not carried out.',
  },
  SETTEE_RPC_BAD_RESULT: {
    retryable: false,
    summary: 'The result does not fit the contract.',
  },
  SETTEE_RPC_UNKNOWN_METHOD: {
    retryable: false,
    summary: 'The provider does not have the service or the method.',
  },
  SETTEE_RPC_HANDLER_FAILED: {
    retryable: false,
    summary: 'The provider failed with an error that has no code of its own.',
  },
  SETTEE_RPC_CLOSED: {
    retryable: false,
    summary: 'The client was closed.',
  },
  SETTEE_RPC_REFUSED: {
    retryable: false,
    summary: 'The provider answered with a failure of its own framework.',
  },
} as const

export const rpcError: ErrorFactory<keyof typeof rpcErrors> = defineErrors(rpcErrors)
