/** What phase two waits for and since when: the first thing to see while it waits. */
import { ClockCircleFilled } from '@ant-design/icons'
import type { ReactNode } from 'react'
import type { Branch, TransactionDetail } from '../../src/api.ts'
import { useLanguage } from '../i18n/language.tsx'
import { useServerNow } from '../live/queries.ts'

export function WaitingNotice(props: { readonly transaction: TransactionDetail }): ReactNode {
  const { t, format } = useLanguage()
  const now = useServerNow()
  const { waitingTarget, waitingSince, waitingFor, branches } = props.transaction
  if (waitingTarget === null || waitingSince === null) return null
  const branch = findWaitingBranch(branches)
  const duration = format.countdown(now - waitingSince)
  const progress = [
    t('waiting.for', { duration }),
    ...(branch === undefined ? [] : [t('waiting.attempts', { count: branch.attemptCount })]),
    nextAttempt(branch),
  ]
  return (
    <section className="waiting" aria-labelledby="waiting">
      <ClockCircleFilled aria-hidden="true" />
      <div>
        <h2 id="waiting">
          {t('waiting.title', { target: waitingTarget, time: format.time(waitingSince, now) })}
        </h2>
        <p className="digits">{progress.join(' · ')}</p>
        <p>{t('waiting.hint', { target: waitingTarget })}</p>
        <p className="error-text">{branch?.lastError ?? waitingFor}</p>
      </div>
    </section>
  )

  function nextAttempt(waiting: Branch | undefined): string {
    const leftMs = (waiting?.nextAttemptAt ?? 0) - now
    if (leftMs <= 0) return t('waiting.trying')
    return t('waiting.next', { duration: format.countdown(leftMs) })
  }
}

/** The one that was tried most is the one that holds everything up. */
function findWaitingBranch(branches: readonly Branch[]): Branch | undefined {
  return branches
    .filter(({ nextAttemptAt }) => nextAttemptAt !== null)
    .toSorted((one, other) => other.attemptCount - one.attemptCount)[0]
}
