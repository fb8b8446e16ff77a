/** The closed error table of `console`. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const consoleErrors = {
  SETTEE_CONSOLE_BUILD_FAILED: {
    retryable: false,
    summary: 'The site of the web console could not be built from its sources.',
  },
} as const

export const consoleError: ErrorFactory<keyof typeof consoleErrors> = defineErrors(consoleErrors)
