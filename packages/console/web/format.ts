/** Numbers, sizes, times and durations as a person reads them, in the language of the reader. */
import type { Language, MessageKey, Translate } from './i18n/translate.ts'

export interface Format {
  /** `132 ms`, `1.3 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`: at most two units. */
  readonly duration: (durationMs: number) => string
  /** As {@link Format.duration} without parts of a second, for what counts up or down live. */
  readonly countdown: (durationMs: number) => string
  /** `12:01:07`, with the day in front when it is not the day of `now`. */
  readonly time: (at: number, now: number) => string
  /** `0`, `+132 ms`, `+10,020 ms`, `+2 min 5 s`: an instant seen from another one before it. */
  readonly offset: (durationMs: number) => string
  readonly bytes: (sizeBytes: number) => string
  readonly count: (value: number) => string
  /** A rate per second with one decimal below ten. */
  readonly rate: (perSecond: number) => string
}

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export function createFormat(language: Language, t: Translate): Format {
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB'
  const numbers = new Intl.NumberFormat(locale)
  const rates = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const times = new Intl.DateTimeFormat(locale, clock)
  const datedTimes = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', ...clock })
  const days = new Intl.DateTimeFormat('en-CA')

  const duration = (durationMs: number): string => formatDuration(Math.max(durationMs, 0), t)
  return {
    duration,
    countdown: (durationMs) => duration(Math.ceil(Math.max(durationMs, 0) / secondMs) * secondMs),
    time: (at, now) => (days.format(at) === days.format(now) ? times : datedTimes).format(at),
    offset(durationMs) {
      if (durationMs <= 0) return '0'
      // Within a minute the order of events is told by their milliseconds.
      if (durationMs >= minuteMs) return `+${duration(durationMs)}`
      return `+${t('unit.ms', { n: numbers.format(Math.round(durationMs)) })}`
    },
    bytes: (sizeBytes) => formatBytes(sizeBytes, rates),
    count: (value) => numbers.format(value),
    rate: (perSecond) => (perSecond < 10 ? rates : numbers).format(roundRate(perSecond)),
  }
}

function formatDuration(durationMs: number, t: Translate): string {
  if (durationMs === 0) return t('unit.s', { n: 0 })
  if (durationMs < secondMs) return t('unit.ms', { n: Math.max(1, Math.round(durationMs)) })
  if (durationMs < 10 * secondMs) return t('unit.s', { n: Math.floor(durationMs / 100) / 10 })
  if (durationMs < minuteMs) return t('unit.s', { n: Math.floor(durationMs / secondMs) })
  if (durationMs < hourMs) return twoUnits(durationMs, [minuteMs, 'unit.min'], [secondMs, 'unit.s'])
  if (durationMs < dayMs) return twoUnits(durationMs, [hourMs, 'unit.h'], [minuteMs, 'unit.min'])
  return twoUnits(durationMs, [dayMs, 'unit.d'], [hourMs, 'unit.h'])

  function twoUnits(
    totalMs: number,
    [bigMs, bigKey]: [number, MessageKey],
    [smallMs, smallKey]: [number, MessageKey],
  ): string {
    const big = t(bigKey, { n: Math.floor(totalMs / bigMs) })
    const small = Math.floor((totalMs % bigMs) / smallMs)
    return small === 0 ? big : `${big} ${t(smallKey, { n: small })}`
  }
}

function formatBytes(sizeBytes: number, numbers: Intl.NumberFormat): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let size = sizeBytes
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${numbers.format(size >= 10 ? Math.round(size) : size)} ${units[unit]}`
}

function roundRate(perSecond: number): number {
  return perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond)
}
