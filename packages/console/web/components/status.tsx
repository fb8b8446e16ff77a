/** States and statuses as small labels: a colour, always with words. */
import type { ReactNode } from 'react'
import type { TransactionState } from '../../src/api.ts'
import { Breakable } from './breakable.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { translateName } from '../i18n/translate.ts'

export type Tone = 'good' | 'calm' | 'active' | 'waiting' | 'bad'

export const toneOfState: Readonly<Record<TransactionState, Tone>> = {
  active: 'active',
  retrying: 'waiting',
  committed: 'good',
  // A rollback is a proper end, not an alarm.
  rolledBack: 'calm',
  failed: 'bad',
}

export function Label(props: { readonly tone: Tone; readonly children: ReactNode }): ReactNode {
  return (
    <span className="label" data-tone={props.tone}>
      {props.children}
    </span>
  )
}

/** The status of a global transaction in the reader's words. */
export function StatusLabel(props: {
  readonly state: TransactionState
  readonly status: string
}): ReactNode {
  const { t } = useLanguage()
  return <Label tone={toneOfState[props.state]}>{translateName(t, 'status', props.status)}</Label>
}

export function BranchStatusLabel({ status }: { readonly status: string }): ReactNode {
  const { t } = useLanguage()
  return (
    <span className="stacked">
      <Label tone={toneOfBranch(status)}>{translateName(t, 'branchStatus', status)}</Label>
      <SeataName name={status} />
    </span>
  )
}

/** The name by which Seata's own tools and logs call it. */
export function SeataName({ name }: { readonly name: string }): ReactNode {
  return (
    <code className="seata-name">
      <Breakable text={name} />
    </code>
  )
}

function toneOfBranch(status: string): Tone {
  if (status === 'PhaseTwo_Committed') return 'good'
  if (status === 'PhaseTwo_Rollbacked' || status === 'PhaseOne_RDONLY') return 'calm'
  if (status.endsWith('Unretryable') || status === 'STOP_RETRY') return 'bad'
  if (status.endsWith('Retryable') || status === 'PhaseOne_Timeout') return 'waiting'
  return status === 'PhaseOne_Failed' ? 'calm' : 'active'
}
