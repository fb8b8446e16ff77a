/** The closed error table of `tx`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const txErrors = {
  // Both sides.
  SETTEE_TX_BAD_MESSAGE: {
    retryable: false,
    summary: 'Bytes that are no message of the Seata protocol.',
  },
  SETTEE_TX_BEGIN_FAILED: {
    retryable: true,
    summary: 'The coordinator did not begin the global transaction.',
  },
  SETTEE_TX_BRANCH_REFUSED: {
    retryable: false,
    summary: 'The coordinator refused a branch: the global transaction is unknown or ending.',
  },
  SETTEE_TX_LOCK_CONFLICT: {
    retryable: true,
    summary: 'Another global transaction holds a row; try again after it has ended.',
  },
  SETTEE_TX_ROLLED_BACK: {
    retryable: true,
    summary: 'The global transaction was rolled back instead of committed.',
  },
  SETTEE_TX_OUTCOME_UNKNOWN: {
    retryable: false,
    summary: 'The coordinator did not answer; the outcome is decided there and will be applied.',
  },
  SETTEE_TX_UNSUPPORTED_SQL: {
    retryable: false,
    summary: 'A statement that could not be undone was refused before it ran.',
  },
  SETTEE_TX_DIRTY_DATA: {
    retryable: false,
    summary: 'A row was changed outside of global transactions, so it cannot be rolled back.',
  },
  SETTEE_TX_BAD_UNDO_LOG: {
    retryable: false,
    summary: 'An undo log that cannot be read.',
  },
  SETTEE_TX_BAD_RECORD: {
    retryable: false,
    summary: 'A journal record or snapshot that this version of the coordinator cannot read.',
  },
  SETTEE_TX_REPAIR_REFUSED: {
    retryable: false,
    summary: 'A branch that a person wants to repair does not wait for that.',
  },
  SETTEE_TX_STORE_FAILED: {
    retryable: true,
    summary: 'The coordinator cannot write its journal and refuses new work.',
  },

  // The application's side.
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

  // The pool of a SQLite database.
  SETTEE_TX_SQLITE_UNUSABLE: {
    retryable: false,
    summary: 'The SQLite database cannot be put under global transactions.',
  },
  SETTEE_TX_BAD_QUERY: {
    retryable: false,
    summary: 'A query that the pool cannot run: wrong parameters, or a client in the wrong state.',
  },
  SETTEE_TX_POOL_OVERLOADED: {
    retryable: true,
    summary: 'Too many callers wait for the writer of the database.',
  },
  SETTEE_TX_POOL_TIMEOUT: {
    retryable: true,
    summary: 'The writer of the database did not become free in time, or was held too long.',
  },
  SETTEE_TX_POOL_CLOSED: {
    retryable: false,
    summary: 'The pool was closed.',
  },
} as const

export type TxErrorCode = keyof typeof txErrors

export const txError: ErrorFactory<TxErrorCode> = defineErrors(txErrors)
