/** The geometry of the throughput chart: points of a series to SVG paths. Pure. */
import type { SeriesPoint } from '../../src/api.ts'

export interface ThroughputShape {
  /** All transactions. */
  readonly total: Curve
  /** The rolled back ones, below the former. */
  readonly rolledBack: Curve
  /** Highest total of a second; the top of the chart is {@link ceiling}. */
  readonly peak: number
  /** A round number at or above the peak, at least 5. */
  readonly ceiling: number
}

/** SVG paths; both empty when there is no point. */
export interface Curve {
  readonly line: string
  readonly area: string
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
  const draw = (values: readonly number[]): Curve => {
    if (points.length === 0) return { line: '', area: '' }
    const x = (at: number): number => round(box.width * (1 - (now - at) / box.spanMs))
    const line = points
      .map(({ at }, i) => `${x(at)} ${round(box.height * (1 - (values[i] ?? 0) / ceiling))}`)
      .join('L')
    const first = x(points[0]!.at)
    const last = x(points.at(-1)!.at)
    return { line: `M${line}`, area: `M${first} ${box.height}L${line}L${last} ${box.height}Z` }
  }
  const rolledBack = points.map((point) => point.rolledBackPerSecond)
  return { total: draw(totals), rolledBack: draw(rolledBack), peak, ceiling }
}

/** The next of 5, 10, 20, 50, 100, … at or above `value`. */
function roundUp(value: number): number {
  let unit = 5
  while (unit < value) unit *= String(unit).startsWith('2') ? 2.5 : 2
  return unit
}

const round = (value: number): number => Math.round(value * 10) / 10
