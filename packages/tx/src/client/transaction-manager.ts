/**
 * Begins and ends global transactions. Originals: DefaultTransactionManager and
 * DefaultGlobalTransaction in org.apache.seata.tm.
 *
 * The end is asked for until the coordinator has answered, because a lost answer says nothing about
 * the outcome; asking twice is harmless. A lost answer to a begin leaves a transaction that nobody
 * works in, which times out, so a begin is asked again as well.
 */
import { currentContext, isSetteeError, messageOf, type SetteeError } from '@settee/kit'
import { txError } from '../errors.ts'
import { MessageType, ResultCode, type GlobalStatus } from '../protocol/index.ts'
import { askAgain } from './ask-again.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { failureOfCommit, failureOfRollback, indecisionOf } from './global-outcome.ts'

export interface TransactionManagerOptions {
  /** Longest wait for one answer of the coordinator, in ms. Default 15,000. */
  readonly requestTimeoutMs?: number
  /** Longest wait for a begin, in ms; the deadline of the request limits it too. Default 10,000. */
  readonly beginTimeoutMs?: number
  /** Longest time in which commit or rollback are asked for again, in ms. Default 60,000. */
  readonly endTimeoutMs?: number
}

/** Longest reason of a rollback, in UTF-16 units; the coordinator keeps no more. */
const maxReasonLength = 1000

export class TransactionManager {
  readonly #link: CoordinatorLink
  readonly #requestTimeoutMs: number
  readonly #beginTimeoutMs: number
  readonly #endTimeoutMs: number

  constructor(link: CoordinatorLink, options: TransactionManagerOptions = {}) {
    this.#link = link
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 15_000
    this.#beginTimeoutMs = options.beginTimeoutMs ?? 10_000
    this.#endTimeoutMs = options.endTimeoutMs ?? 60_000
  }

  /**
   * Begins a transaction that the coordinator rolls back after `timeoutMs`.
   * @returns its xid.
   * @throws SETTEE_TX_BEGIN_FAILED, SETTEE_TX_REGISTRATION_REFUSED, SETTEE_TX_CLOSED.
   */
  async begin(transactionName: string, timeoutMs: number): Promise<string> {
    const { deadlineMs = Infinity } = currentContext()
    const limitMs = Math.min(this.#beginTimeoutMs, deadlineMs - this.#link.clock.monotonic())
    try {
      const answer = await askAgain<typeof MessageType.GlobalBegin>(
        this.#link,
        { type: MessageType.GlobalBegin, timeoutMs, transactionName },
        { limitMs, attemptMs: this.#requestTimeoutMs },
      )
      if (answer.resultCode === ResultCode.Success) return answer.xid
      throw beginFailed(transactionName, answer.msg)
    } catch (error) {
      if (!isSetteeError(error) || !error.retryable) throw error
      if (error.code === 'SETTEE_TX_BEGIN_FAILED') throw error
      throw beginFailed(transactionName, error.message, error)
    }
  }

  /**
   * Resolves when the coordinator has decided to commit.
   * @throws SETTEE_TX_ROLLED_BACK; SETTEE_TX_OUTCOME_UNKNOWN when nothing could be learned in time,
   *   or the coordinator has forgotten the transaction; SETTEE_TX_COMMIT_FAILED.
   */
  async commit(xid: string): Promise<void> {
    let failure: SetteeError | undefined
    try {
      const answer = await askAgain<typeof MessageType.GlobalCommit>(
        this.#link,
        { type: MessageType.GlobalCommit, xid, extraData: '' },
        this.#untilDecided,
      )
      failure = failureOfCommit(xid, answer)
    } catch (error) {
      failure = txError(
        'SETTEE_TX_OUTCOME_UNKNOWN',
        `Global transaction[${xid}] was asked to commit, but the coordinator did not say what ` +
          `came of it: ${messageOf(error)}; look at its status before the work is done again`,
        { cause: error, details: { xid } },
      )
    }
    if (failure !== undefined) throw failure
  }

  /**
   * Resolves when the coordinator has decided to roll back, or has ended the transaction before.
   * @param reason for people; cut off after 1000 characters.
   * @throws SETTEE_TX_ROLLBACK_FAILED when it could not be told, or a branch cannot be rolled back.
   */
  async rollback(xid: string, reason: string): Promise<void> {
    let failure: SetteeError | undefined
    try {
      const answer = await askAgain<typeof MessageType.GlobalRollback>(
        this.#link,
        { type: MessageType.GlobalRollback, xid, extraData: reason.slice(0, maxReasonLength) },
        this.#untilDecided,
      )
      failure = failureOfRollback(xid, answer)
    } catch (error) {
      failure = txError(
        'SETTEE_TX_ROLLBACK_FAILED',
        `Global transaction[${xid}] could not be rolled back now: ${messageOf(error)}; the ` +
          'coordinator rolls it back when its timeout is over',
        { cause: error, details: { xid } },
      )
    }
    if (failure !== undefined) throw failure
  }

  /** @throws what the link throws. */
  async getStatus(xid: string): Promise<GlobalStatus> {
    const answer = await askAgain<typeof MessageType.GlobalStatus>(
      this.#link,
      { type: MessageType.GlobalStatus, xid, extraData: '' },
      { limitMs: this.#requestTimeoutMs, attemptMs: this.#requestTimeoutMs },
    )
    return answer.globalStatus
  }

  get #untilDecided(): {
    limitMs: number
    attemptMs: number
    refusalOf: typeof indecisionOf
  } {
    return {
      limitMs: this.#endTimeoutMs,
      attemptMs: this.#requestTimeoutMs,
      refusalOf: indecisionOf,
    }
  }
}

function beginFailed(name: string, why: string, cause?: unknown): SetteeError {
  return txError(
    'SETTEE_TX_BEGIN_FAILED',
    `the global transaction "${name}" could not begin: ${why}`,
    cause === undefined ? {} : { cause },
  )
}
