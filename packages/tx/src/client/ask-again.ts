/**
 * Asks the coordinator until it answers: across lost answers, reconnects and restarts, with pauses
 * that grow. For requests that may arrive twice.
 */
import { backoffMs, sleep, type SetteeError } from '@settee/kit'
import type { AnswerTo, CallType, CoordinatorLink, RequestOf } from './coordinator-link.ts'

export interface AskOptions<Answer> {
  /** Longest time for all attempts together, in ms. */
  readonly limitMs: number
  /** Longest wait for one answer, in ms. */
  readonly attemptMs: number
  /** Default unlimited. */
  readonly maxAttempts?: number
  /** Why an answer does not count, undefined when it does; asked again if that is retryable. */
  readonly refusalOf?: (answer: Answer) => SetteeError | undefined
}

const pauses = { minMs: 50, maxMs: 2000 }

/** @throws the failure of the last attempt. */
export async function askAgain<Type extends CallType>(
  link: CoordinatorLink,
  message: RequestOf<Type>,
  options: AskOptions<AnswerTo<Type>>,
): Promise<AnswerTo<Type>> {
  const { clock, random } = link
  const { limitMs, attemptMs, maxAttempts = Infinity, refusalOf } = options
  const deadlineMs = clock.monotonic() + limitMs
  for (let failures = 1; ; failures++) {
    let failure: SetteeError | undefined
    try {
      const leftMs = deadlineMs - clock.monotonic()
      const answer = await link.call<Type>(message, Math.min(attemptMs, leftMs))
      failure = refusalOf?.(answer)
      if (failure === undefined) return answer
    } catch (error) {
      failure = error as SetteeError
    }
    const pauseMs = backoffMs(failures, pauses, random)
    const isOver = failures >= maxAttempts || clock.monotonic() + pauseMs >= deadlineMs
    if (isOver || !failure.retryable) throw failure
    await sleep(pauseMs, clock)
  }
}
