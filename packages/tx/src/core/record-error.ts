/** Errors of what the journal gives back: a record or a snapshot that cannot be read. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const recordErrors = {
  SETTEE_TX_BAD_RECORD: {
    retryable: false,
    summary: 'A journal record or snapshot that this version of the coordinator cannot read.',
  },
} as const

export const recordError: ErrorFactory<keyof typeof recordErrors> = defineErrors(recordErrors)
