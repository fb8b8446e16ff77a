/** How a statement is refused that could not be undone: the same words in every dialect. */
import { txError } from '../../errors.ts'

/** The error that says what was refused, why, and what to do. */
export function refuse(what: string, why: string, fix: string): Error {
  return txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `${what} was refused inside a global transaction: ${why}; ${fix}`,
  )
}
