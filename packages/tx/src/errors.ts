/** The closed error table of `tx`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const txErrors = {
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
  SETTEE_TX_STORE_FAILED: {
    retryable: true,
    summary: 'The coordinator cannot write its journal and refuses new work.',
  },
} as const

export type TxErrorCode = keyof typeof txErrors

export const txError: ErrorFactory<TxErrorCode> = defineErrors(txErrors)
