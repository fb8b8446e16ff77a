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
} as const

export const cliError: ErrorFactory<keyof typeof cliErrors> = defineErrors(cliErrors)
