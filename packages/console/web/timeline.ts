/**
 * The timeline as it is shown: retries of a branch for the same reason are one line with a count,
 * however long a service is away. Pure.
 */
import type { TimelineEntry } from '../src/api.ts'

export interface TimelineLine {
  /** The first of the entries that the line stands for. */
  readonly entry: TimelineEntry
  readonly count: number
  readonly lastAt: number
}

export function groupTimeline(timeline: readonly TimelineEntry[]): readonly TimelineLine[] {
  const lines: TimelineLine[] = []
  // Where the retries since the last other entry stand; two branches may alternate.
  let retries = new Map<string, number>()
  for (const entry of timeline) {
    const key = `${entry.branchId} ${entry.reason}`
    const index = retries.get(key)
    if (entry.kind !== 'branchRetry') retries = new Map()
    else if (index !== undefined) {
      const line = lines[index]!
      lines[index] = { ...line, count: line.count + 1, lastAt: entry.at }
      continue
    } else retries.set(key, lines.length)
    lines.push({ entry, count: 1, lastAt: entry.at })
  }
  return lines
}
