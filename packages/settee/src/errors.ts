/** The closed error table of the command line. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const cliErrors = {
  SETTEE_CLI_USAGE: {
    retryable: false,
    summary: 'A command was called in a way it does not know.',
  },
  SETTEE_CLI_FOLDER_EXISTS: {
    retryable: false,
    summary: 'The folder of a new project exists and is not empty.',
  },
  SETTEE_CLI_FOLDER_UNUSABLE: {
    retryable: false,
    summary: 'The folder of a new project cannot be created or written.',
  },
  SETTEE_CLI_PACK_FAILED: {
    retryable: false,
    summary: 'The packages of a checkout could not be built and packed for a new project.',
  },
} as const

export const cliError: ErrorFactory<keyof typeof cliErrors> = defineErrors(cliErrors)
