/** Committed and rolled back transactions per second over the last two minutes. */
import type { ReactNode } from 'react'
import type { Overview } from '../../src/api.ts'
import { useLanguage } from '../i18n/language.tsx'
import { shapeThroughput } from './throughput.ts'

const box = { width: 600, height: 120, spanMs: 120_000 }

export function ThroughputChart({ overview }: { readonly overview: Overview }): ReactNode {
  const { t, format } = useLanguage()
  const { total, rolledBack, peak, ceiling } = shapeThroughput(overview.series, overview.now, box)
  const latest = overview.series.at(-1)
  const committedNow = format.rate(latest?.committedPerSecond ?? 0)
  const rolledBackNow = format.rate(latest?.rolledBackPerSecond ?? 0)
  const words = t('overview.throughputNow', {
    committed: committedNow,
    rolledBack: rolledBackNow,
    peak: format.rate(peak),
  })
  return (
    <figure className="chart">
      <ul className="legend" aria-hidden="true">
        <li data-series="committed">
          {t('overview.committed')} <strong>{committedNow}</strong>
        </li>
        <li data-series="rolled-back">
          {t('overview.rolledBack')} <strong>{rolledBackNow}</strong>
        </li>
      </ul>
      <div className="chart-plot">
        <span className="chart-scale" aria-hidden="true">
          {format.count(ceiling)}
        </span>
        <svg
          viewBox={`0 0 ${box.width} ${box.height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={words}
        >
          <line x1="0" x2={box.width} y1="0.5" y2="0.5" />
          <line x1="0" x2={box.width} y1={box.height / 2} y2={box.height / 2} />
          <path className="area" data-series="committed" d={total.area} />
          <path data-series="committed" d={total.line} />
          <path className="area" data-series="rolled-back" d={rolledBack.area} />
          <path data-series="rolled-back" d={rolledBack.line} />
          <line x1="0" x2={box.width} y1={box.height - 0.5} y2={box.height - 0.5} />
        </svg>
      </div>
      <figcaption aria-hidden="true">
        <span>{t('overview.lastMinutes')}</span>
        <span>{t('overview.now')}</span>
      </figcaption>
    </figure>
  )
}
