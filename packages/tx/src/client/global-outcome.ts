/**
 * What the coordinator's status means for the transaction manager that asked it to end.
 *
 *     status in the answer                              commit                rollback
 *     Committed, AsyncCommitting, Committing,           done                  ROLLBACK_FAILED
 *       CommitRetrying, StopCommitOrCommitRetry
 *     CommitFailed, CommitRetryTimeout                  COMMIT_FAILED         ROLLBACK_FAILED
 *     Rollbacked, Rollbacking, RollbackRetrying,        ROLLED_BACK           done
 *       StopRollbackOrRollbackRetry
 *     TimeoutRollbacked, TimeoutRollbacking,            ROLLED_BACK           done
 *       TimeoutRollbackRetrying
 *     RollbackFailed, RollbackRetryTimeout,             ROLLED_BACK           ROLLBACK_FAILED
 *       TimeoutRollbackFailed
 *     Finished, Deleting                                OUTCOME_UNKNOWN       done
 *     UnKnown, Begin, or result Failed                  ask again             ask again
 *
 * Once phase two has begun its outcome is decided, and the coordinator goes on until it is reached.
 * Texts: DefaultGlobalTransaction and TransactionalTemplate in org.apache.seata.tm.api.
 */
import type { SetteeError } from '@settee/kit'
import { txError } from '../errors.ts'
import {
  ExceptionCode,
  GlobalStatus,
  nameOf,
  ResultCode,
  type GlobalCommitResponse,
  type GlobalRollbackResponse,
} from '../protocol/index.ts'

type Ending =
  | 'undecided'
  | 'committed'
  | 'commitFailed'
  | 'rolledBack'
  | 'timedOut'
  | 'rollbackFailed'
  | 'gone'

const endings: Readonly<Record<GlobalStatus, Ending>> = {
  [GlobalStatus.UnKnown]: 'undecided',
  [GlobalStatus.Begin]: 'undecided',
  [GlobalStatus.Committing]: 'committed',
  [GlobalStatus.CommitRetrying]: 'committed',
  [GlobalStatus.AsyncCommitting]: 'committed',
  [GlobalStatus.Committed]: 'committed',
  [GlobalStatus.StopCommitOrCommitRetry]: 'committed',
  [GlobalStatus.CommitFailed]: 'commitFailed',
  [GlobalStatus.CommitRetryTimeout]: 'commitFailed',
  [GlobalStatus.Rollbacking]: 'rolledBack',
  [GlobalStatus.RollbackRetrying]: 'rolledBack',
  [GlobalStatus.Rollbacked]: 'rolledBack',
  [GlobalStatus.StopRollbackOrRollbackRetry]: 'rolledBack',
  [GlobalStatus.TimeoutRollbacking]: 'timedOut',
  [GlobalStatus.TimeoutRollbackRetrying]: 'timedOut',
  [GlobalStatus.TimeoutRollbacked]: 'timedOut',
  [GlobalStatus.RollbackFailed]: 'rollbackFailed',
  [GlobalStatus.RollbackRetryTimeout]: 'rollbackFailed',
  [GlobalStatus.TimeoutRollbackFailed]: 'rollbackFailed',
  [GlobalStatus.Finished]: 'gone',
  [GlobalStatus.Deleting]: 'gone',
}

type EndResponse = GlobalCommitResponse | GlobalRollbackResponse

/** Why the answer settles nothing, so that the question has to be asked again. */
export function indecisionOf(answer: EndResponse): SetteeError | undefined {
  if (endingOf(answer) !== 'undecided') return undefined
  const status = nameOf(GlobalStatus, answer.globalStatus)
  return txError(
    'SETTEE_TX_STORE_FAILED',
    answer.msg === '' ? `the coordinator answered with status ${status}` : answer.msg,
  )
}

/** Why a commit did not succeed; undefined when it did. The answer is not undecided. */
export function failureOfCommit(
  xid: string,
  answer: GlobalCommitResponse,
): SetteeError | undefined {
  const status = nameOf(GlobalStatus, answer.globalStatus)
  const details = { details: { xid, status } }
  switch (endingOf(answer)) {
    case 'timedOut':
      return txError(
        'SETTEE_TX_ROLLED_BACK',
        `Global transaction[${xid}] is timeout and will be rollback[TC]. Its work took longer ` +
          'than timeoutMs: make it faster or raise timeoutMs',
        details,
      )
    case 'rolledBack':
    case 'rollbackFailed':
      return txError(
        'SETTEE_TX_ROLLED_BACK',
        `Global transaction[${xid}] was rolled back by somebody else before its commit came; ` +
          `its status is ${status}`,
        details,
      )
    case 'commitFailed':
      return txError(
        'SETTEE_TX_COMMIT_FAILED',
        `Global transaction[${xid}] is to be committed, but a branch cannot be (${status}); a ` +
          'person has to settle it in the console',
        details,
      )
    case 'gone':
      return txError(
        'SETTEE_TX_OUTCOME_UNKNOWN',
        `Global transaction[${xid}] not found, may be rollbacked.`,
        details,
      )
    default:
      return undefined
  }
}

/** Why a rollback did not succeed; undefined when it did. The answer is not undecided. */
export function failureOfRollback(
  xid: string,
  answer: GlobalRollbackResponse,
): SetteeError | undefined {
  const status = nameOf(GlobalStatus, answer.globalStatus)
  const details = { details: { xid, status } }
  switch (endingOf(answer)) {
    case 'committed':
    case 'commitFailed':
      return txError(
        'SETTEE_TX_ROLLBACK_FAILED',
        `Global transaction[${xid}] cannot be rolled back: it was committed (${status})`,
        details,
      )
    case 'rollbackFailed':
      return txError(
        'SETTEE_TX_ROLLBACK_FAILED',
        `a branch of Global transaction[${xid}] cannot be rolled back (${status}); a person has ` +
          'to settle it in the console',
        details,
      )
    default:
      return undefined
  }
}

function endingOf(answer: EndResponse): Ending {
  if (answer.resultCode === ResultCode.Success) return endings[answer.globalStatus]
  return answer.exceptionCode === ExceptionCode.GlobalTransactionNotExist ? 'gone' : 'undecided'
}
