/**
 * The supply of segments: makes the next one in the background, ahead of need, and keeps trying
 * with growing pauses while the disk is full.
 */
import { backoffMs, type Clock, type Random, type Timer } from '@settee/kit'
import { journalError } from './errors.ts'
import { isNoSpace, type JournalFiles } from './files.ts'
import type { SegmentHeader } from './record.ts'
import { createSegment, type Segment } from './segment.ts'

/** A segment that is filled now or next; it may still be in the making. */
export interface LogTail {
  readonly salt: number
  readonly sizeBytes: number
  /** Index of its first record; 0 until its turn comes. */
  firstIndex: number
  /** Undefined while it is in the making. */
  segment: Segment | undefined
  /** The segment once it is made; rejects when the supply stops or fails before. */
  readonly made: Promise<Segment>
}

export interface SegmentSupplyOptions {
  readonly files: JournalFiles
  readonly dir: string
  readonly segmentBytes: number
  readonly clock: Clock
  readonly random: Random
  /** Sequence number of the next segment to make. */
  readonly nextSequence: number
  /** There is no space for a segment; the supply goes on trying. */
  readonly onFull: () => void
  /** There is space again. */
  readonly onSpace: () => void
  /** A segment could not be made for another reason; the supply has given up. */
  readonly onFailed: (error: unknown) => void
}

/** While the disk is full: when to look whether there is space again. */
const retryBackoff = { minMs: 100, maxMs: 5000 } as const

export class SegmentSupply {
  readonly #options: SegmentSupplyOptions
  #nextSequence: number
  #next: LogTail | undefined
  #isStopped = false
  #endPause: (() => void) | undefined

  constructor(options: SegmentSupplyOptions, spare?: Segment) {
    this.#options = options
    this.#nextSequence = options.nextSequence
    this.#next = spare === undefined ? undefined : tailOf(spare)
  }

  /** Bytes of the segment that is ready and unused. */
  get spareBytes(): number {
    return this.#next?.segment?.sizeBytes ?? 0
  }

  /** Starts making the next segment unless it is there or in the making. */
  prepare(): void {
    this.#next ??= this.#make()
  }

  /** The next segment, made or in the making. */
  take(): LogTail {
    const next = this.#next ?? this.#make()
    this.#next = undefined
    return next
  }

  /** Gives up what is in the making and closes what nobody took. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#endPause?.()
    const next = this.#next
    this.#next = undefined
    const segment = await next?.made.catch(() => undefined)
    await segment?.file.close()
  }

  #make(): LogTail {
    const salt = this.#options.random.u32()
    const sizeBytes = this.#options.segmentBytes
    const header = { sequence: this.#nextSequence++, salt, sizeBytes }
    const made = this.#createUntilDone(header)
    const tail: LogTail = { salt, sizeBytes, firstIndex: 0, segment: undefined, made }
    made.then(
      (segment) => (tail.segment = segment),
      // Whoever needs the segment awaits `made` itself and sees the error there.
      () => undefined,
    )
    return tail
  }

  async #createUntilDone(header: SegmentHeader): Promise<Segment> {
    const { files, dir, onFull, onSpace, onFailed } = this.#options
    for (let failures = 0; ;) {
      try {
        const segment = await createSegment(files, dir, header, () => !this.#isStopped)
        if (failures > 0) onSpace()
        return segment
      } catch (error) {
        if (this.#isStopped) throw stoppedError()
        if (!isNoSpace(error)) {
          onFailed(error)
          throw error
        }
        onFull()
        failures++
      }
      await this.#pause(failures)
      if (this.#isStopped) throw stoppedError()
    }
  }

  #pause(failures: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    const { clock, random } = this.#options
    return new Promise((resolve) => {
      const timer: Timer = clock.after(backoffMs(failures, retryBackoff, random), resolve)
      this.#endPause = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function stoppedError(): Error {
  return journalError('SETTEE_JOURNAL_CLOSED', 'the journal was closed')
}

export function tailOf(segment: Segment, firstIndex = 0): LogTail {
  const { salt, sizeBytes } = segment
  return { salt, sizeBytes, firstIndex, segment, made: Promise.resolve(segment) }
}
