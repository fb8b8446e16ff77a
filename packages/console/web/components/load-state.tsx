/** What stands where something is not there yet, or could not be loaded. */
import type { UseQueryResult } from '@tanstack/react-query'
import { Button, Skeleton } from 'antd'
import type { ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'
import { useLive } from '../live/live.tsx'

export function PageSkeleton(): ReactNode {
  return (
    <div aria-busy="true">
      <Skeleton active title={{ width: '14em' }} paragraph={{ rows: 6 }} />
    </div>
  )
}

/** Shows `children` of what was loaded; old values stay when a refresh fails. */
export function Loaded<Value>(props: {
  readonly query: UseQueryResult<Value>
  readonly children: (value: Value) => ReactNode
}): ReactNode {
  const { t } = useLanguage()
  const { connection } = useLive()
  const { data, error, refetch } = props.query
  if (data !== undefined) return props.children(data)
  // While the control plane is away the notice above says so; the error adds nothing.
  if (error === null || connection.phase === 'waiting') return <PageSkeleton />
  return (
    <EmptyState title={t('common.loadFailed')} hint={error.message}>
      <Button onClick={() => void refetch()}>{t('common.retry')}</Button>
    </EmptyState>
  )
}

export function EmptyState(props: {
  readonly title: string
  readonly hint?: string
  readonly children?: ReactNode
}): ReactNode {
  return (
    <div className="empty">
      <h2>{props.title}</h2>
      {props.hint === undefined ? null : <p>{props.hint}</p>}
      {props.children}
    </div>
  )
}
