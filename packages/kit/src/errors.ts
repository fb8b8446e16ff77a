/**
 * Errors with a closed table of codes.
 *
 * Every package declares its codes once with {@link defineErrors}; the code decides how to handle
 * the error, `retryable` says whether the same call may succeed later, and the message says what
 * happened, with which values, and what to do.
 */

/** What is known about a code before an error of it exists. */
export interface ErrorSpec {
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean
  /** One sentence for the reference page. */
  readonly summary: string
}

export interface SetteeErrorOptions {
  readonly cause?: unknown
  /** Structured values behind the message, for logs and consoles; must be JSON. */
  readonly details?: Readonly<Record<string, unknown>>
}

// Symbol.for: an error made by another copy of this module is recognised too.
const brand = Symbol.for('settee.error')

/** The one error class of Settee: told apart by `code`, not by class. */
export class SetteeError extends Error {
  override readonly name = 'SetteeError'
  readonly code: string
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, retryable: boolean, message: string, options: SetteeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    Object.defineProperty(this, brand, { value: true })
    this.code = code
    this.retryable = retryable
    this.details = options.details ?? {}
  }
}

/** Makes errors of one package's table; only declared codes compile. */
export type ErrorFactory<Code extends string> = (
  code: Code,
  message: string,
  options?: SetteeErrorOptions,
) => SetteeError

/** Declares the closed error table of a package or an application and returns its factory. */
export function defineErrors<const Table extends Readonly<Record<Uppercase<string>, ErrorSpec>>>(
  table: Table,
): ErrorFactory<keyof Table & string> {
  return (code, message, options) => {
    const spec = table[code as keyof Table] as ErrorSpec
    return new SetteeError(code, spec.retryable, message, options)
  }
}

/** Whether `error` is a {@link SetteeError}, of `code` if one is given. */
export function isSetteeError(error: unknown, code?: string): error is SetteeError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || ('code' in error && error.code === code)
}

/** The message of anything that was thrown, for logs and for wrapping. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}
