/** Errors that only the application's side makes; those that both sides know are in ../errors.ts. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const txClientErrors = {
  SETTEE_TX_COORDINATOR_UNAVAILABLE: {
    retryable: true,
    summary: 'The coordinator could not be reached in time; nothing was sent.',
  },
  SETTEE_TX_REGISTRATION_REFUSED: {
    retryable: false,
    summary: 'The coordinator does not accept this application.',
  },
  SETTEE_TX_BRANCH_UNCONFIRMED: {
    retryable: true,
    summary: 'No answer to the registration of a branch; the local transaction must roll back.',
  },
  SETTEE_TX_COMMIT_FAILED: {
    retryable: false,
    summary: 'The commit is decided, but a branch cannot be committed without a person.',
  },
  SETTEE_TX_ROLLBACK_FAILED: {
    retryable: false,
    summary: 'The rollback could not be delivered, or a branch cannot be rolled back.',
  },
  SETTEE_TX_PROPAGATION: {
    retryable: false,
    summary: 'A global transaction where there must be none, or none where there must be one.',
  },
  SETTEE_TX_BAD_OPTION: { retryable: false, summary: 'A value that an option cannot take.' },
  SETTEE_TX_CLOSED: { retryable: false, summary: 'The transaction client was closed.' },
} as const

export const txClientError: ErrorFactory<keyof typeof txClientErrors> = defineErrors(txClientErrors)
