/**
 * How a piece of work relates to the global transaction that surrounds it. Original:
 * org.apache.seata.tm.api.transaction.Propagation.
 *
 *                     outside of one     inside of one
 *     REQUIRED        begins one         joins it
 *     REQUIRES_NEW    begins one         begins another; the outer one goes on afterwards
 *     NOT_SUPPORTED   runs without       runs without
 *     SUPPORTS        runs without       joins it
 *     NEVER           runs without       SETTEE_TX_PROPAGATION
 *     MANDATORY       SETTEE_TX_...      joins it
 */
import { unreachable } from '@settee/kit'
import { txError } from '../errors.ts'

export type Propagation =
  | 'REQUIRED'
  | 'REQUIRES_NEW'
  | 'NOT_SUPPORTED'
  | 'SUPPORTS'
  | 'NEVER'
  | 'MANDATORY'

/** What to do: begin a transaction, stay in the context that is there, or leave a transaction. */
export type PropagationStep = 'begin' | 'stay' | 'leave'

/** @throws SETTEE_TX_PROPAGATION. */
export function stepPropagation(
  propagation: Propagation,
  xid: string | undefined,
  name: string,
): PropagationStep {
  const isInside = xid !== undefined
  switch (propagation) {
    case 'REQUIRED':
      return isInside ? 'stay' : 'begin'
    case 'REQUIRES_NEW':
      return 'begin'
    case 'NOT_SUPPORTED':
      return isInside ? 'leave' : 'stay'
    case 'SUPPORTS':
      return 'stay'
    case 'NEVER':
      if (!isInside) return 'stay'
      throw txError(
        'SETTEE_TX_PROPAGATION',
        `"${name}" must never run inside of a global transaction, but ${xid} surrounds it`,
      )
    case 'MANDATORY':
      if (isInside) return 'stay'
      throw txError(
        'SETTEE_TX_PROPAGATION',
        `"${name}" must run inside of a global transaction, but none surrounds it`,
      )
    default:
      return unreachable(propagation)
  }
}
