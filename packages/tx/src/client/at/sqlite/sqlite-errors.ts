/** Errors of the SQLite pool itself, beside those of {@link txError}. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const sqliteErrors = {
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

export const sqliteError: ErrorFactory<keyof typeof sqliteErrors> = defineErrors(sqliteErrors)
