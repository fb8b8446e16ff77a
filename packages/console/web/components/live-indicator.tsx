/** Whether what is shown is of this second, told by a dot and in words. */
import type { ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'
import { useLive } from '../live/live.tsx'

export function LiveIndicator(): ReactNode {
  const { t, format } = useLanguage()
  const { connection } = useLive()
  // The next attempt is as good as now to tell whether the day is named too.
  const time = format.time(connection.since, connection.retryAt)
  const words = {
    live: t('live.live'),
    connecting: t('live.connecting'),
    waiting: t('live.waiting', { time }),
  }
  return (
    <span className="live" role="status" data-phase={connection.phase}>
      <span className="dot" aria-hidden="true" />
      {words[connection.phase]}
    </span>
  )
}
