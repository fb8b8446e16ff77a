/** What happened, in order, each at its offset from the beginning, by whom and why. */
import type { ReactNode } from 'react'
import type { TimelineKind, TransactionDetail } from '../../src/api.ts'
import { Section } from '../components/section.tsx'
import { SeataName, type Tone, toneOfState } from '../components/status.tsx'
import { nameActor } from '../explain.ts'
import { useLanguage } from '../i18n/language.tsx'
import { translateName } from '../i18n/translate.ts'
import { useServerNow } from '../live/queries.ts'
import { groupTimeline, type TimelineLine } from '../timeline.ts'

export function Timeline({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  const { t } = useLanguage()
  return (
    <Section title={t('transaction.timeline')}>
      <ol className="timeline">
        {groupTimeline(transaction.timeline).map((line, index) => (
          // Lines are only ever appended, so the index is their identity.
          <Line key={index} line={line} transaction={transaction} />
        ))}
        <OpenEnd transaction={transaction} />
      </ol>
    </Section>
  )
}

function Line(props: {
  readonly line: TimelineLine
  readonly transaction: TransactionDetail
}): ReactNode {
  const { t, format } = useLanguage()
  const { line, transaction } = props
  const { at, kind, branchId, status, reason, actor } = line.entry
  const lastOffset = format.offset(line.lastAt - transaction.beganAt)
  const branch = transaction.branches.find((known) => known.branchId === branchId)
  const tone = kind === 'ended' ? toneOfState[transaction.state] : toneOfKind[kind]
  return (
    <li data-tone={tone}>
      <span className="timeline-at digits">{format.offset(at - transaction.beganAt)}</span>
      <div>
        <p className="timeline-what">
          {translateName(t, 'kind', kind)}
          {branch === undefined ? null : (
            <span className="quiet"> {t('branch.name', { order: branch.order })}</span>
          )}
          {status === null ? null : <SeataName name={status} />}
        </p>
        <p className="quiet">
          {nameActor(actor, t)}
          {line.count === 1
            ? null
            : ` · ${t('transaction.repeated', { count: line.count, offset: lastOffset })}`}
        </p>
        {reason === '' ? null : <p className="timeline-reason">{reason}</p>}
      </div>
    </li>
  )
}

/** A transaction that has not ended has a last, open entry: now. */
function OpenEnd({ transaction }: { readonly transaction: TransactionDetail }): ReactNode {
  const { t, format } = useLanguage()
  const now = useServerNow()
  const { endedAt, waitingTarget, beganAt } = transaction
  if (endedAt !== null) return null
  return (
    <li data-tone={waitingTarget === null ? 'active' : 'waiting'} data-open>
      <span className="timeline-at digits">+{format.countdown(now - beganAt)}</span>
      <div>
        <p className="timeline-what">
          {waitingTarget === null
            ? t('transaction.stillRunning')
            : t('transaction.stillWaiting', { target: waitingTarget })}
        </p>
      </div>
    </li>
  )
}

const toneOfKind: Readonly<Record<TimelineKind, Tone>> = {
  begun: 'active',
  branchRegistered: 'active',
  branchRefused: 'bad',
  lockWaited: 'waiting',
  branchReported: 'active',
  commitRequested: 'good',
  rollbackRequested: 'calm',
  timedOut: 'waiting',
  branchCommitted: 'good',
  branchRolledBack: 'calm',
  branchRetry: 'waiting',
  branchFailed: 'bad',
  resumed: 'active',
  ended: 'calm',
}
