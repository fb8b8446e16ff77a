/**
 * What a person wants to know, as sentences: is everything all right; how did this transaction end,
 * by whom and why; what does it wait for. Pure, so that every sentence has a test.
 */
import type { Overview, TimelineEntry, TransactionDetail } from '../src/api.ts'
import type { Format } from './format.ts'
import type { Translate } from './i18n/translate.ts'

export type HealthLevel = 'fine' | 'waiting' | 'failed'

export interface Health {
  readonly level: HealthLevel
  /** The one sentence to read. */
  readonly sentence: string
  /** More of what is not as it should be, and what to expect; may be empty. */
  readonly notes: readonly string[]
}

/** From this on, the end of phase two is told apart from the decision. */
const slowPhaseTwoMs = 1_000

export function explainHealth(overview: Overview, t: Translate, format: Format): Health {
  const { failedCount, retryingCount, activeCount, lockWaiterCount } = overview.transactions
  const waits = overview.waits.map((wait) =>
    t('health.waits', {
      count: wait.transactionCount,
      target: wait.target,
      time: format.time(wait.since, overview.now),
    }),
  )
  if (waits.length === 0 && retryingCount > 0) {
    waits.push(t('health.retrying', { count: retryingCount }))
  }
  const locks = lockWaiterCount > 0 ? [t('health.lockWaiters', { count: lockWaiterCount })] : []
  if (failedCount > 0) {
    const sentence = t('health.failed', { count: failedCount })
    return { level: 'failed', sentence, notes: [t('health.failedHint'), ...waits, ...locks] }
  }
  const [sentence, ...others] = waits
  if (sentence !== undefined) {
    return { level: 'waiting', sentence, notes: [...others, t('health.waitsHint'), ...locks] }
  }
  const calm = activeCount > 0 ? t('health.running', { count: activeCount }) : t('health.settled')
  const isEmpty = overview.services.serviceCount === 0
  const notes = isEmpty ? [t('services.emptyTitle'), ...locks] : locks
  return { level: 'fine', sentence: calm, notes }
}

/** How the transaction stands or ended, by whom and why, in one sentence. */
export function explainOutcome(
  transaction: TransactionDetail,
  now: number,
  t: Translate,
  format: Format,
): string {
  const decision = findDecision(transaction.timeline)
  const { beganAt, endedAt, timeoutMs, state } = transaction
  const elapsed = format.duration((endedAt ?? now) - beganAt)
  if (state === 'failed') {
    return withReason(t('end.failed', { duration: elapsed }), findFailure(transaction), t)
  }
  if (decision === undefined) {
    if (endedAt !== null) {
      const key = state === 'committed' ? 'end.committed' : 'end.rolledBack'
      return t(key, { actor: t('actor.unknown'), duration: elapsed })
    }
    const leftMs = beganAt + timeoutMs - now
    if (leftMs <= 0) return t('end.overdue', { duration: format.countdown(now - beganAt) })
    const left = format.countdown(leftMs)
    return t('end.running', { duration: format.countdown(now - beganAt), left })
  }
  const { done, doing } = decisionKeys(decision, transaction.status)
  const isTimeout = decision.kind === 'timedOut'
  const duration = format.duration(isTimeout ? timeoutMs : decision.at - beganAt)
  const actor = nameActor(decision.actor, t)
  const sentence = t(endedAt === null ? doing : done, { actor, duration })
  // The reason of a timeout is the timeout, which the sentence names already.
  return isTimeout ? sentence : withReason(sentence, decision.reason, t)
}

/** When phase two took long after the decision: when its last branch answered. */
export function explainSettling(
  transaction: TransactionDetail,
  t: Translate,
  format: Format,
): string | null {
  const decision = findDecision(transaction.timeline)
  if (decision === undefined || transaction.endedAt === null) return null
  if (transaction.endedAt - decision.at < slowPhaseTwoMs) return null
  if (transaction.state === 'failed') return null
  return t('end.settled', { duration: format.duration(transaction.endedAt - transaction.beganAt) })
}

/** The first decision stands: whoever asks later is told what was decided. */
function findDecision(timeline: readonly TimelineEntry[]): TimelineEntry | undefined {
  return timeline.find(
    ({ kind }) => kind === 'commitRequested' || kind === 'rollbackRequested' || kind === 'timedOut',
  )
}

/** `application:ip:port` to `application`; `coordinator` in the language of the reader. */
export function nameActor(actor: string, t: Translate): string {
  if (actor === 'coordinator') return t('actor.coordinator')
  return actor.split(':', 1)[0] || t('actor.unknown')
}

function decisionKeys(decision: TimelineEntry, status: string) {
  if (decision.kind === 'timedOut') {
    return { done: 'end.timedOut', doing: 'end.timingOut' } as const
  }
  const isCommit = decision.kind === 'commitRequested' && !status.includes('Rollback')
  return isCommit
    ? ({ done: 'end.committed', doing: 'end.committing' } as const)
    : ({ done: 'end.rolledBack', doing: 'end.rollingBack' } as const)
}

function findFailure(transaction: TransactionDetail): string {
  const entry = transaction.timeline.findLast(({ kind }) => kind === 'branchFailed')
  if (entry !== undefined && entry.reason !== '') return entry.reason
  return transaction.branches.find(({ lastError }) => lastError !== null)?.lastError ?? ''
}

function withReason(sentence: string, reason: string, t: Translate): string {
  return reason === '' ? sentence : t('end.reason', { sentence, reason })
}
