/** Over every page while the control plane is away: since when, what that means, what is next. */
import { DisconnectOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useEffect, useState, type ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'
import { useLive } from '../live/live.tsx'
import { useOverview } from '../live/queries.ts'

/** A restart of the control plane is shorter; a notice that flashes would alarm for nothing. */
const graceMs = 1_500

export function StaleNotice(): ReactNode {
  const { connection } = useLive()
  const isAway = connection.phase === 'waiting'
  const now = useTicks(isAway)
  if (!isAway || now - connection.since < graceMs) return null
  return <Notice now={now} />
}

function Notice({ now }: { readonly now: number }): ReactNode {
  const { t, format } = useLanguage()
  const { connection, tryNow } = useLive()
  const { data } = useOverview()
  const time = format.time(connection.since, now)
  const leftMs = connection.retryAt - now
  const duration = format.countdown(leftMs)
  return (
    <div className="notice" role="alert">
      <DisconnectOutlined aria-hidden="true" />
      <div>
        <strong>{data ? t('live.staleTitle', { time }) : t('live.neverTitle')}</strong>
        <p>{data ? t('live.staleHint') : t('live.neverHint')}</p>
      </div>
      <div className="notice-action">
        <span aria-live="off">
          {leftMs > 0 ? t('live.nextAttempt', { duration }) : t('live.connecting')}
        </span>
        <Button size="small" onClick={tryNow}>
          {t('live.tryNow')}
        </Button>
      </div>
    </div>
  )
}

/** The browser's clock, four times a second while `isRunning`. */
function useTicks(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isRunning) return
    const timer = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(timer)
  }, [isRunning])
  return now
}
