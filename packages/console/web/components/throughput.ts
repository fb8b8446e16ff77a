/** The geometry of the throughput chart: points of a series to SVG paths. Pure. */
import type { SeriesPoint } from '../../src/api.ts'

export interface ThroughputShape {
  /** Filled area under all transactions. */
  readonly total: string
  /** Filled area under the rolled back ones, below the former. */
  readonly rolledBack: string
  /** Highest total of a second; the top of the chart is {@link ceiling}. */
  readonly peak: number
  /** A round number at or above the peak, at least 5. */
  readonly ceiling: number
}

export interface Box {
  readonly width: number
  readonly height: number
  /** How much time the width stands for, in ms. */
  readonly spanMs: number
}

export function shapeThroughput(
  series: readonly SeriesPoint[],
  now: number,
  box: Box,
): ThroughputShape {
  const points = series.filter(({ at }) => at >= now - box.spanMs)
  const totals = points.map((point) => point.committedPerSecond + point.rolledBackPerSecond)
  const peak = Math.max(0, ...totals)
  const ceiling = roundUp(peak)
  const area = (values: readonly number[]): string => {
    if (points.length === 0) return ''
    const x = (at: number): number => round(box.width * (1 - (now - at) / box.spanMs))
    const top = points.map(
      ({ at }, i) => `L${x(at)} ${round(box.height * (1 - (values[i] ?? 0) / ceiling))}`,
    )
    const first = x(points[0]!.at)
    const last = x(points.at(-1)!.at)
    return `M${first} ${box.height}${top.join('')}L${last} ${box.height}Z`
  }
  const rolledBack = points.map((point) => point.rolledBackPerSecond)
  return { total: area(totals), rolledBack: area(rolledBack), peak, ceiling }
}

/** The next of 5, 10, 20, 50, 100, … at or above `value`. */
function roundUp(value: number): number {
  let unit = 5
  while (unit < value) unit *= String(unit).startsWith('2') ? 2.5 : 2
  return unit
}

const round = (value: number): number => Math.round(value * 10) / 10
