/** The closed error table of `sql`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const sqlErrors = {
  SETTEE_SQL_SYNTAX: {
    retryable: false,
    summary:
      'The text is no SQL that the parser knows; the message says where and what it expected.',
  },
  SETTEE_SQL_EXECUTABLE_COMMENT: {
    retryable: false,
    summary: 'A comment that some servers execute as code; it is never skipped.',
  },
  SETTEE_SQL_AMBIGUOUS: {
    retryable: false,
    summary:
      'Text that servers of the MySQL family read in different ways, or in a mode not known.',
  },
  SETTEE_SQL_TOO_LONG: {
    retryable: false,
    summary: 'The text is longer than the limit allows.',
  },
  SETTEE_SQL_TOO_DEEP: {
    retryable: false,
    summary: 'Parentheses, subqueries or operators are nested more deeply than the limit allows.',
  },
  SETTEE_SQL_TOO_MANY_STATEMENTS: {
    retryable: false,
    summary: 'One text holds more statements than the limit allows.',
  },
  SETTEE_SQL_UNSUPPORTED_MODE: {
    retryable: false,
    summary: 'A sql_mode that switches the server to another grammar.',
  },
} as const

export const sqlError: ErrorFactory<keyof typeof sqlErrors> = defineErrors(sqlErrors)
