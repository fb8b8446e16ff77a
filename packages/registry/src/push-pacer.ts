/**
 * When a changed datum is pushed: at once if it was quiet, and at the end of a short pause if it
 * was just pushed. So one change travels without delay, and a storm of changes becomes one push a
 * pause. The original waits 2 to 5 seconds for every change instead.
 */
import type { Clock, Timer } from '@settee/kit'

export interface PushPacer {
  /** Calls `push` now, or once at the end of the pause that runs for `key`. */
  changed(key: string, push: () => void): void
  stop(): void
}

interface Pause {
  timer: Timer
  push: (() => void) | undefined
}

/** @param pauseMs least time between two pushes of the same key. */
export function createPushPacer(clock: Clock, pauseMs: number): PushPacer {
  const pauses = new Map<string, Pause>()

  function endPause(key: string, pause: Pause): void {
    const { push } = pause
    if (push === undefined) {
      pauses.delete(key)
      return
    }
    pause.push = undefined
    pause.timer = clock.after(pauseMs, () => endPause(key, pause))
    push()
  }

  return {
    changed(key, push) {
      const running = pauses.get(key)
      if (running !== undefined) {
        running.push = push
        return
      }
      const pause: Pause = {
        push: undefined,
        timer: clock.after(pauseMs, () => endPause(key, pause)),
      }
      pauses.set(key, pause)
      push()
    },
    stop() {
      for (const pause of pauses.values()) pause.timer.cancel()
      pauses.clear()
    },
  }
}
