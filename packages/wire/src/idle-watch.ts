/**
 * Watches a connection for silence: says when nothing was sent for a while (time for a heartbeat)
 * and when nothing was received (time to give up). It samples what happened since its last look, so
 * busy connections pay nothing per message. Original: io.netty.handler.timeout.IdleStateHandler.
 */
import type { Clock, Timer } from '@settee/kit'
import type { Connection } from './connection.ts'

export interface IdleWatchOptions {
  readonly clock: Clock
  /** Silence of this side after which `onWriteIdle` is called, in ms; undefined never. */
  readonly writeIdleMs?: number
  /** Silence of the peer after which `onReadIdle` is called, in ms; undefined never. */
  readonly readIdleMs?: number
  readonly onWriteIdle?: () => void
  readonly onReadIdle?: () => void
}

/** Looks per idle period; silence is noticed at most one look late. */
const looksPerPeriod = 5

/** Starts watching; cancel the timer when the connection closes. */
export function watchIdle(connection: Connection, options: IdleWatchOptions): Timer {
  const { clock, writeIdleMs = Infinity, readIdleMs = Infinity } = options
  const lookMs = Math.min(writeIdleMs, readIdleMs) / looksPerPeriod
  let readSilenceMs = 0
  let writeSilenceMs = 0
  let timer: Timer
  let isCancelled = false

  const look = (): void => {
    readSilenceMs = connection.takeHasRead() ? 0 : readSilenceMs + lookMs
    writeSilenceMs = connection.takeHasWritten() ? 0 : writeSilenceMs + lookMs
    if (readSilenceMs >= readIdleMs) {
      readSilenceMs = 0
      options.onReadIdle?.()
    }
    if (writeSilenceMs >= writeIdleMs) {
      writeSilenceMs = 0
      options.onWriteIdle?.()
    }
    if (!isCancelled) timer = clock.after(lookMs, look)
  }
  timer = clock.after(lookMs, look)
  return {
    cancel: () => {
      isCancelled = true
      timer.cancel()
    },
  }
}
