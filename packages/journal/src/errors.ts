/** The closed error table of `journal`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const journalErrors = {
  SETTEE_JOURNAL_FULL: {
    retryable: true,
    summary: 'The disk is full; new work is refused until there is space again.',
  },
  SETTEE_JOURNAL_BUSY: {
    retryable: true,
    summary: 'Too much waits for the flush that is under way; try again.',
  },
  SETTEE_JOURNAL_FAILED: {
    retryable: false,
    summary: 'A write or flush failed, so nothing more can be promised; restart to recover.',
  },
  SETTEE_JOURNAL_CLOSED: {
    retryable: false,
    summary: 'The journal is not open.',
  },
  SETTEE_JOURNAL_RECORD_TOO_LARGE: {
    retryable: false,
    summary: 'A record or snapshot is larger than its limit.',
  },
  SETTEE_JOURNAL_CORRUPT: {
    retryable: false,
    summary: 'The files of the journal are damaged where a crash cannot have damaged them.',
  },
  SETTEE_JOURNAL_LOCKED: {
    retryable: false,
    summary: 'Another process has the journal open.',
  },
  SETTEE_JOURNAL_DIR_UNUSABLE: {
    retryable: false,
    summary: 'The directory of the journal cannot be created, read or written.',
  },
  SETTEE_JOURNAL_BAD_OPTION: {
    retryable: false,
    summary: 'An option of the journal has a value that cannot work.',
  },
  SETTEE_JOURNAL_SNAPSHOT_FAILED: {
    retryable: true,
    summary: 'A snapshot could not be saved; the records behind the last one are still there.',
  },
  SETTEE_JOURNAL_APPLY_FAILED: {
    retryable: false,
    summary: 'A state machine threw while it applied a command, so its state is unknown.',
  },
} as const

export const journalError: ErrorFactory<keyof typeof journalErrors> = defineErrors(journalErrors)
